"""Trajectories on disk, opened without being read, and read in chunks."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.files.ase_files import open_traj, open_xyz
from ase_tito.analysis.files.mdtraj_files import open_mdtraj
from ase_tito.analysis.files.naming import named_alike
from ase_tito.analysis.files.npz_files import open_npz
from ase_tito.analysis.files.source import TrajectorySource
from ase_tito.analysis.files.spread import spread_frames
from ase_tito.errors import DataError
from ase_tito.sidecar import sidecar_of
from ase_tito.structure import read_structure

__all__ = [
    "Topology",
    "TrajectorySource",
    "named_alike",
    "open_trajectory",
    "read_topology",
    "spread_frames",
]

_OWN = {".traj": open_traj, ".xyz": open_xyz, ".extxyz": open_xyz, ".npz": open_npz}


@dataclass(frozen=True, eq=False)
class Topology:
    """Elements and bonds of a molecule.

    Attributes
    ----------
    atomic_numbers : array of int, shape (n,)
    bonds : array of int, shape (m, 2), or None
        None where the file has none; they are then inferred from a trajectory's first frame.
    """

    atomic_numbers: NDArray[np.int64]
    bonds: NDArray[np.int64] | None


def read_topology(path: str | os.PathLike[str]) -> Topology:
    """Elements and bonds from PDB, SDF, MOL, or anything that ASE reads; no coordinates.

    Raises
    ------
    StructureError
        For files that are missing, damaged or incomplete.
    """
    frames, bonds = read_structure(Path(path))
    return Topology(frames[0].numbers.astype(np.int64), bonds)


def open_trajectory(
    path: str | os.PathLike[str],
    *,
    topology: Topology | None = None,
    frame_spacing_ps: float | None = None,
) -> TrajectorySource:
    """Open a trajectory; its frames are read later, in chunks.

    Parameters
    ----------
    path : path
        ``.traj``, ``.xyz``, ``.extxyz`` or ``.npz``, or any format of mdtraj, which needs a
        topology unless it is a PDB file or has one beside it (``run.xtc.pdb``).
    topology : Topology, optional
        Elements and bonds, in the order of the trajectory's atoms. A file's own elements must
        agree with it.
    frame_spacing_ps : float, optional
        Only where the file does not say it: in headers of this package's and ASE's dynamics, and
        in the times of formats that store them.

    Raises
    ------
    DataError
        For files that are missing or damaged, a frame spacing that is nowhere to be found (it is
        never taken as 1), and a topology that is missing or of other atoms.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such trajectory")
    suffix = path.suffix.lower()
    if suffix not in _OWN:
        beside = path if suffix in (".pdb", ".ent") else sidecar_of(path)
        if topology is None and beside.is_file():
            topology = read_topology(beside)
        if topology is None:
            raise DataError(
                f"{path}: {suffix or 'a file without suffix'} holds no elements; give a topology"
                " (PDB, SDF, or another file with the molecule's atoms in this order)"
            )
        return open_mdtraj(path, frame_spacing_ps, topology.atomic_numbers, topology.bonds)
    source = _OWN[suffix](path, frame_spacing_ps)
    if topology is None:
        return source
    if not np.array_equal(source.atomic_numbers, topology.atomic_numbers):
        raise DataError(
            f"{path}: its atoms differ from those of the topology, in number, elements or order"
        )
    if source.bonds is not None or topology.bonds is None:
        return source
    return TrajectorySource(
        source.path,
        source.atomic_numbers,
        source.n_frames,
        source.frame_spacing_ps,
        topology.bonds,
        None,
        source.description,
        source.read,
    )
