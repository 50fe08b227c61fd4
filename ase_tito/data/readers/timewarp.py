"""The peptide data of Timewarp (Klein et al., arXiv 2302.01170)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from ase_tito.data.archives import read_archive
from ase_tito.data.readers.source import Candidate, ReadOptions, Source
from ase_tito.data.readers.times import regular_frames
from ase_tito.data.records import MoleculeRecord, Run
from ase_tito.errors import DataError, StructureError
from ase_tito.perception import build_graph
from ase_tito.structure import read_structure

ARRAYS, TOPOLOGY = "-traj-arrays.npz", "-traj-state0.pdb"
SPLITS = {"train": "train", "val": "validation", "test": "test"}
"""Folders, and what their splits are called here."""

TEMPERATURE_K = 310.0
FORCE_FIELD = "amber14, OBC1"
SPACING_PS = 5.0
"""Of the frames that are kept by default: the raw ones are not evenly spaced."""


def is_timewarp(path: Path) -> bool:
    """Whether this is a folder, or a folder of folders, of such data, or one of its archives."""
    return path.name.endswith(ARRAYS) or (path.is_dir() and bool(_folders(path)))


def open_timewarp(path: Path, options: ReadOptions) -> Source:
    """Peptides by their sequences, in splits if there are the folders train, val and test.

    Positions and times alone are read (nm, ps). Bonds are those of the PDB file's residues, never
    of its coordinates; stereochemistry is that of the first frame.
    """
    if path.is_file():
        name = path.name.removesuffix(ARRAYS)
        return Source((Candidate(name, str(path), partial(_load, path, name, options)),))
    candidates: list[Candidate] = []
    splits: dict[str, tuple[str, ...]] = {}
    for folder, names in _folders(path).items():
        for name in names:
            archive = folder / (name + ARRAYS)
            candidates.append(Candidate(name, str(archive), partial(_load, archive, name, options)))
        if folder != path and folder.name in SPLITS:
            splits[SPLITS[folder.name]] = names
    return Source(tuple(candidates), splits)


def _folders(path: Path) -> dict[Path, tuple[str, ...]]:
    """The folder itself and those in it, with the peptides of which they have either file."""
    found = {
        folder: {
            file.name.removesuffix(suffix)
            for suffix in (ARRAYS, TOPOLOGY)
            for file in folder.glob("*" + suffix)
        }
        for folder in (path, *sorted(inner for inner in path.iterdir() if inner.is_dir()))
    }
    return {folder: tuple(sorted(names)) for folder, names in found.items() if names}


def _load(path: Path, name: str, options: ReadOptions) -> MoleculeRecord:
    topology = path.with_name(name + TOPOLOGY)
    frames, bonds = read_structure(topology)
    if bonds is None:
        raise StructureError(f"{topology}: says nothing about bonds")
    numbers = frames[0].numbers
    arrays = read_archive(path, ("positions", "time"))
    positions, times = arrays["positions"], arrays["time"]
    if positions.shape != (len(times), len(numbers), 3):
        raise DataError(
            f"{path}: positions have shape {positions.shape}, where {len(times)} times and the "
            f"{len(numbers)} atoms of {topology.name} are expected"
        )
    keep = options.keep_ps or SPACING_PS
    kept = regular_frames(str(path), times, keep)
    run = Run(
        "md",
        np.ascontiguousarray(10 * positions[kept], np.float32),
        keep,
        options.temperature_K or TEMPERATURE_K,
    )
    graph = build_graph(numbers, run.positions[0], bonds)
    return MoleculeRecord(
        name, graph, (run,), "", options.force_field or FORCE_FIELD, {"sequence": name}
    )
