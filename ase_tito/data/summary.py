"""What is in a dataset, in figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import chemical_symbols

from ase_tito.data.dataset import Dataset
from ase_tito.graph import MolecularGraph

UNASSIGNED = "(none)"


@dataclass(frozen=True)
class SplitSummary:
    """Figures of the molecules of one split.

    Attributes
    ----------
    molecules, runs, frames : int
    time_ns : float
        Simulated; frames that are no dynamics are not counted.
    unordered_frames : int
        Frames that are no dynamics (replica exchange).
    """

    molecules: int
    runs: int
    frames: int
    unordered_frames: int
    time_ns: float


@dataclass(frozen=True, eq=False)
class DatasetSummary:
    """Figures of a dataset.

    Attributes
    ----------
    total : SplitSummary
    splits : dict of str to SplitSummary
        '(none)' are the molecules in no split.
    graphs : dict of str to dict of str to MolecularGraph
        The molecules of each split by name.
    elements : tuple of str
        Chemical symbols by atomic number.
    sizes : tuple of int
        Smallest, median and largest number of atoms.
    frame_spacings_ps, temperatures_K : tuple of float
        Each once, rising.
    force_fields : tuple of str
    has_energies : bool
        Of all frames.
    bytes : int
        On disk.
    """

    total: SplitSummary
    splits: dict[str, SplitSummary]
    graphs: dict[str, dict[str, MolecularGraph]]
    elements: tuple[str, ...]
    sizes: tuple[int, int, int]
    frame_spacings_ps: tuple[float, ...]
    temperatures_K: tuple[float, ...]
    force_fields: tuple[str, ...]
    has_energies: bool
    bytes: int


def summarize(dataset: Dataset) -> DatasetSummary:
    """Read the molecules of a dataset, not their frames.

    Raises
    ------
    DataError
        For what `Dataset.molecule` refuses.
    """
    place = {name: split for split, names in dataset.splits.items() for name in names}
    counts: dict[str, list[float]] = {split: [0.0] * 5 for split in dataset.splits}
    graphs: dict[str, dict[str, MolecularGraph]] = {split: {} for split in dataset.splits}
    facts: dict[str, set[Any]] = {
        key: set() for key in ("elements", "spacings", "temperatures", "force_fields")
    }
    energies = True
    for record in dataset.records():
        split = place.get(record.name, UNASSIGNED)
        ordered = [run for run in record.runs if run.time_ordered]
        figures = (
            1,
            len(record.runs),
            sum(map(len, record.runs)),
            sum(len(run) for run in record.runs if not run.time_ordered),
            sum(len(run) * run.frame_spacing_ps for run in ordered) / 1000,
        )
        before = counts.setdefault(split, [0.0] * 5)
        counts[split] = [a + b for a, b in zip(before, figures, strict=True)]
        graphs.setdefault(split, {})[record.name] = record.graph
        facts["elements"].update(record.graph.atomic_numbers.tolist())
        facts["spacings"].update(run.frame_spacing_ps for run in ordered)
        facts["temperatures"].update(run.temperature_K for run in record.runs)
        facts["force_fields"].add(record.force_field or dataset.attributes.get("force_field", ""))
        energies = energies and all(run.energies is not None for run in record.runs)
    sizes = [graph.n_atoms for part in graphs.values() for graph in part.values()]
    return DatasetSummary(
        _split_summary([sum(column) for column in zip(*counts.values(), strict=True)]),
        {split: _split_summary(figures) for split, figures in counts.items()},
        graphs,
        tuple(chemical_symbols[z] for z in sorted(facts["elements"])),
        (min(sizes), int(np.median(sizes)), max(sizes)) if sizes else (0, 0, 0),
        tuple(sorted(facts["spacings"])),
        tuple(sorted(facts["temperatures"])),
        tuple(sorted(facts["force_fields"] - {""})),
        energies and bool(sizes),
        dataset.path.stat().st_size,
    )


def molecules_to_judge_by(
    graphs: Mapping[str, Mapping[str, MolecularGraph]],
) -> dict[str, Mapping[str, MolecularGraph]]:
    """The splits that molecules are trained on are not in: all but 'train' and no split at all."""
    return {
        split: molecules
        for split, molecules in graphs.items()
        if split not in ("train", UNASSIGNED) and molecules
    }


def _split_summary(figures: list[float]) -> SplitSummary:
    molecules, runs, frames, unordered = (int(value) for value in (figures or [0] * 5)[:4])
    return SplitSummary(molecules, runs, frames, unordered, float((figures or [0] * 5)[4]))
