"""mdQM9-nc: acyclic molecules of QM9 (Viguera Diez et al., arXiv 2510.07589)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import h5py
import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_tito.analysis.files.spacing import frame_spacing
from ase_tito.data.readers.source import Candidate, ReadOptions, Source
from ase_tito.data.readers.times import stride_for
from ase_tito.data.records import MoleculeRecord, Run
from ase_tito.errors import DataError
from ase_tito.molfile import read_molfile_records
from ase_tito.perception import build_graph

SPLITS = {"train": "train", "val": "validation", "test": "test"}
"""Files of the split folder begin so; and what the splits are called here."""

TEMPERATURE_K = 300.0
FORCE_FIELD = "GAFF"

_EXCHANGE = "re_"
"""Names of runs of replica exchange begin so: frames at one temperature that are no dynamics."""

_Molfile = Callable[[], tuple[Atoms, NDArray[np.int64]]]


def is_mdqm9(path: Path) -> bool:
    """Whether this is a folder of such data, or its HDF5 file."""
    try:
        with h5py.File(_file(path), "r") as file:
            first = next(_whole(file), None)
            return isinstance(first, h5py.Group) and "data" in first and "trajectories" in first
    except (OSError, RuntimeError, DataError):
        return False


def _whole(file: h5py.File) -> Iterator[h5py.Group | h5py.Dataset]:
    """What is in a file, apart from what is damaged: that molecule alone shall be left out."""
    for name in file:
        with suppress(KeyError):
            yield file[name]


def open_mdqm9(path: Path, options: ReadOptions) -> Source:
    """Molecules ``mdqm9-NUMBER``, in splits if ``splits/*_indices.npy`` are beside the file.

    Positions are in nm, time lags in ps. Bonds are those of the SD file beside the HDF5 file, which
    holds the molecules in the same order; stereochemistry is that of the first run's first frame.
    """
    path = _file(path)
    try:
        file = h5py.File(path, "r")
        groups = sorted(file)
    except (OSError, RuntimeError) as error:
        raise DataError(f"{path}: not a readable HDF5 file ({error})") from error
    sdf = path.with_suffix(".sdf")
    molfiles = read_molfile_records(sdf)
    if len(molfiles) != len(groups):
        raise DataError(
            f"{path} holds {len(groups)} molecules, and {sdf.name} {len(molfiles)}: they must be "
            "the same, in the same order"
        )
    names = [f"mdqm9-{group}" for group in groups]
    candidates = tuple(
        Candidate(name, str(path), partial(_load, file, group, name, molfile, options))
        for name, group, molfile in zip(names, groups, molfiles, strict=True)
    )
    return Source(candidates, dict(_splits(path.parent / "splits", names)))


def _file(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = sorted([*path.glob("*.hdf5"), *path.glob("*.h5")])
    if len(found) != 1:
        raise DataError(f"{path}: there must be one .hdf5 file, not {len(found)}")
    return found[0]


def _splits(folder: Path, names: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    splits = []
    for prefix, split in SPLITS.items():
        path = folder / f"{prefix}_indices.npy"
        if not path.exists():
            continue
        try:
            indices = np.load(path, allow_pickle=False).ravel()
            if indices.size and indices.min() < 0:
                raise IndexError(f"{indices.min()} is negative")
            splits.append((split, tuple(names[k] for k in np.sort(indices).tolist())))
        except Exception as error:  # numpy raises whatever occurs to it at damaged files
            raise DataError(f"{path}: no indices of these molecules ({error})") from error
    return splits


def _load(
    file: h5py.File, stored_as: str, name: str, molfile: _Molfile, options: ReadOptions
) -> MoleculeRecord:
    atoms, bonds = molfile()
    group = file[stored_as]
    numbers = np.asarray(group["data/atoms"]).ravel()
    if not np.array_equal(numbers, atoms.numbers):
        raise DataError(
            f"the HDF5 file has the atoms {numbers.tolist()}, the SD file {atoms.numbers.tolist()}"
        )
    found = float(np.asarray(group["data/time_lag"]).ravel()[0])
    spacing = frame_spacing(Path(name), found, options.frame_spacing_ps)
    runs = []
    for key, stored in sorted(group["trajectories"].items()):
        ordered = not key.startswith(_EXCHANGE)
        stride = stride_for(f"run {key}", spacing, options.keep_ps) if ordered else 1
        if stored.ndim != 3 or stored.shape[1:] != (len(numbers), 3) or not len(stored):
            raise DataError(
                f"run {key} has shape {stored.shape}, expected (frames, {len(numbers)}, 3)"
            )
        positions = (10 * np.asarray(stored[::stride], np.float64)).astype(np.float32)
        temperature = options.temperature_K or TEMPERATURE_K
        runs.append(Run(key, positions, spacing * stride, temperature, time_ordered=ordered))
    if not runs:
        raise DataError("has no trajectories")
    graph = build_graph(numbers, runs[0].positions[0], bonds)
    return MoleculeRecord(name, graph, tuple(runs), "", options.force_field or FORCE_FIELD)
