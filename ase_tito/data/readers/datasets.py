"""Datasets themselves, to be merged, thinned, or split anew."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from ase_tito.data.dataset import Dataset
from ase_tito.data.readers.source import Candidate, ReadOptions, Source
from ase_tito.data.readers.times import stride_for
from ase_tito.data.records import MoleculeRecord, Run
from ase_tito.errors import DataError


def open_dataset(path: Path, options: ReadOptions) -> Source:
    """A dataset's molecules with all their runs and attributes, its splits and its attributes."""
    if options.temperature_K is not None or options.frame_spacing_ps is not None:
        raise DataError(f"{path}: a dataset says its temperatures and spacings: leave them out")
    dataset = Dataset(path)
    inherited = str(dataset.attributes.get("force_field", ""))
    return Source(
        tuple(
            Candidate(name, str(path), partial(_load, dataset, name, inherited, options))
            for name in dataset.names
        ),
        dataset.splits,
        dataset.attributes,
    )


def _load(dataset: Dataset, name: str, inherited: str, options: ReadOptions) -> MoleculeRecord:
    record = dataset.molecule(name)
    return replace(
        record,
        runs=tuple(_thinned(f"{name}, run {run.name}", run, options) for run in record.runs),
        force_field=options.force_field or record.force_field or inherited,
    )


def _thinned(where: str, run: Run, options: ReadOptions) -> Run:
    stride = stride_for(where, run.frame_spacing_ps, options.keep_ps) if run.time_ordered else 1
    return replace(
        run,
        positions=run.positions[::stride],
        energies=None if run.energies is None else run.energies[::stride],
        frame_spacing_ps=run.frame_spacing_ps * stride,
    )
