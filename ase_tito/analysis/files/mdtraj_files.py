"""Whatever mdtraj reads: XTC, DCD, TRR, NetCDF, HDF5, PDB, ..."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.files.source import Chunk, TrajectorySource
from ase_tito.analysis.files.spacing import check_times, frame_spacing, spacing_of_times
from ase_tito.errors import DataError

_WITH_TIMES = frozenset((".xtc", ".trr", ".nc", ".netcdf", ".ncdf", ".h5", ".hdf5", ".tng", ".dtr"))
"""Formats that store the frames' times; mdtraj numbers the frames of the others."""

_WITHOUT_LENGTH = frozenset((".pdb", ".ent", ".gsd"))

_TIMES_READ = 1000


def open_mdtraj(
    path: Path,
    frame_spacing_ps: float | None,
    atomic_numbers: NDArray[np.int64],
    bonds: NDArray[np.int64] | None,
) -> TrajectorySource:
    """A file in one of mdtraj's formats, of a molecule that is known from elsewhere."""
    topology = _topology(atomic_numbers)
    suffix = path.suffix.lower()
    if suffix not in mdtraj.FormatRegistry.loaders:
        raise DataError(
            f"{path}: {suffix or 'no suffix'} is no trajectory format that ASE or mdtraj reads"
        )

    def read(size: int) -> Iterator[Chunk]:
        seen, before = 0, np.zeros(0)
        for chunk in _iterload(path, topology, size):
            if found is not None:  # runs that were restarted may repeat or lack frames anywhere
                times = np.concatenate([before, chunk.time])
                check_times(path, times, found, seen - len(before))
                before = times[-1:]
            seen += len(chunk)
            # mdtraj works in nm.
            yield 10 * chunk.xyz

    head = next(_iterload(path, topology, _TIMES_READ), None)
    if head is None or not len(head):
        raise DataError(f"{path}: there are no frames in this trajectory")
    found = spacing_of_times(path, head.time) if suffix in _WITH_TIMES else None
    return TrajectorySource(
        path,
        atomic_numbers,
        _length(path, suffix),
        frame_spacing(path, found, frame_spacing_ps),
        bonds,
        None,
        {},
        read,
    )


def _iterload(path: Path, topology: Any, size: int) -> Iterator[Any]:
    try:
        with warnings.catch_warnings():  # of dummy cells, which are not read here
            warnings.simplefilter("ignore")
            yield from mdtraj.iterload(str(path), chunk=size, top=topology)
    except Exception as error:  # mdtraj's readers raise whatever occurs to them
        raise DataError(
            f"{path}: cannot be read by mdtraj with a topology of {topology.n_atoms} atoms"
            f" ({' '.join(str(error).split())})"
        ) from error


def _length(path: Path, suffix: str) -> int | None:
    if suffix in _WITHOUT_LENGTH:
        return None
    try:
        with mdtraj.open(str(path)) as file:
            return len(file)
    except (OSError, TypeError, ValueError, NotImplementedError):
        return None


def _topology(atomic_numbers: NDArray[np.int64]) -> Any:
    """A topology that holds elements alone: positions need no more."""
    topology = mdtraj.Topology()
    residue = topology.add_residue("MOL", topology.add_chain())
    for k, number in enumerate(atomic_numbers.tolist()):
        element = mdtraj.element.Element.getByAtomicNumber(number)
        topology.add_atom(f"{element.symbol}{k}", element, residue)
    return topology
