"""Is a molecule's data what it should be? What is not is left out of datasets, by name."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from ase.data import chemical_symbols

from ase_tito.analysis.geometry import FrameGeometry, check_frames
from ase_tito.data.records import MoleculeRecord, Run
from ase_tito.data.writer import check_finite
from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph

LARGEST_SHARE_STRETCHED = 0.001
"""Of a run's frames with a bond outside its limits: rare stretches are thermal, more are broken."""

LARGEST_SHARE_CLOSE = 0.01
"""Of a run's frames with two atoms closer than usual."""

_FRAMES = 2000
"""That are in memory at once with all their distances."""


def check_elements(graph: MolecularGraph, elements: Collection[str] | None) -> None:
    """Refuse elements other than these.

    Raises
    ------
    DataError
    """
    symbols = [chemical_symbols[z] for z in np.unique(graph.atomic_numbers)]
    others = [symbol for symbol in symbols if elements is not None and symbol not in elements]
    if others:
        raise DataError(
            f"has {', '.join(others)}, and only {', '.join(sorted(elements or ()))} are wanted"
        )


def check_record(record: MoleculeRecord) -> None:
    """Refuse a molecule that is not the same, or not possible, in all its frames.

    Raises
    ------
    DataError
        Naming the run: for positions that are not finite, bonds that break, atoms in each other's
        way, and stereochemistry that changes.
    """
    for run in record.runs:
        check_run(run, record.graph)


def check_run(run: Run, graph: MolecularGraph) -> None:
    """Refuse a run as `check_record` does.

    The limits are those of `ase_tito.limits`, which hold at some 300 K.
    """
    parts = []
    for start in range(0, len(run), _FRAMES):
        chunk = np.asarray(run.positions[start : start + _FRAMES])
        check_finite(f"run {run.name}", chunk, start)
        parts.append(check_frames(chunk, graph))
    found = FrameGeometry.joined(parts)
    for frames, share, what in (
        (found.chirality_flips, 0.0, "a stereocentre is inverted or flat"),
        (found.cis_trans_flips, 0.0, "a double bond has turned between cis and trans"),
        (found.broken_bonds, LARGEST_SHARE_STRETCHED, "a bond is too long or too short"),
        (found.clashes, LARGEST_SHARE_CLOSE, "atoms without a bond are too close"),
    ):
        count = int(frames.sum())
        # one frame of a short run says little, but a flip in one is a flip
        if count > (max(1.0, share * len(run)) if share else 0):
            raise DataError(
                f"run {run.name}: {what} in {count} of {len(run)} frames, first in frame "
                f"{int(np.argmax(frames))}"
            )
