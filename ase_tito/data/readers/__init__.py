"""Adapters from what there is to candidates for a dataset; each format is a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py

from ase_tito.data.layout import FORMAT
from ase_tito.data.readers.arrays import open_arrays
from ase_tito.data.readers.datasets import open_dataset
from ase_tito.data.readers.mdqm9 import is_mdqm9, open_mdqm9
from ase_tito.data.readers.source import Candidate, ReadOptions, Source, refuse_superfluous
from ase_tito.data.readers.timewarp import is_timewarp, open_timewarp
from ase_tito.data.readers.trajectories import open_trajectory_file
from ase_tito.errors import DataError

__all__ = ["READERS", "Candidate", "ReadOptions", "Source", "detect_format", "open_source"]

READERS: dict[str, Callable[[Path, ReadOptions], Source]] = {
    "dataset": open_dataset,
    "npz": open_arrays,
    "mdqm9": open_mdqm9,
    "timewarp": open_timewarp,
    "trajectory": open_trajectory_file,
}
"""Formats and their readers."""


def open_source(path: str | Path, format: str, options: ReadOptions) -> Source:
    """Open an input in a format that is named, or recognized ('auto').

    Raises
    ------
    DataError
        For files that are missing or damaged as a whole, unknown formats, and a topology, a
        spacing or a unit of energies that would be ignored.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if format == "auto":
        format = detect_format(path)
    if format not in READERS:
        raise DataError(f"{format!r} is no format of trajectories; there are {', '.join(READERS)}")
    if format != "trajectory":
        refuse_superfluous(path, topology=options.topology)
    if format == "timewarp":
        refuse_superfluous(path, frame_spacing_ps=options.frame_spacing_ps)
    if options.energy_unit is not None and format != "npz":
        raise DataError(f"{path}: energies are read of .npz archives alone: leave out their unit")
    return READERS[format](path, options)


def detect_format(path: Path) -> str:
    """The format of a file or folder, by its content where its name does not tell.

    Raises
    ------
    DataError
        For folders of nothing known.
    """
    if is_timewarp(path):
        return "timewarp"
    if is_mdqm9(path):
        return "mdqm9"
    if path.is_dir():
        raise DataError(
            f"{path}: a folder of no known format; name the trajectories in it one by one"
        )
    if path.suffix.lower() == ".npz":
        return "npz"
    return "dataset" if _is_dataset(path) else "trajectory"


def _is_dataset(path: Path) -> bool:
    try:
        with h5py.File(path, "r") as file:
            return bool(file.attrs.get("format") == FORMAT)
    except (OSError, RuntimeError):  # a damaged one shall be called that
        return path.suffix.lower() in (".h5", ".hdf5")
