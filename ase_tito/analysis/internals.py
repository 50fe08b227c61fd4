"""Internal coordinates of trajectories: distances, angles and dihedral angles, by mdtraj."""

from __future__ import annotations

import mdtraj
import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.errors import DataError


def distances(positions: ArrayLike, pairs: ArrayLike) -> NDArray[np.float64]:
    """Distances of atom pairs in Å, shape (T, k).

    Parameters
    ----------
    positions : array_like, shape (T, n, 3)
        Frames in Å, of an isolated molecule.
    pairs : array_like of int, shape (k, 2)

    Raises
    ------
    DataError
        For frames of another shape, or atom indices out of range.
    """
    frames, atoms = _frames_and_atoms(positions, pairs, 2)
    # mdtraj works in nm; the factor goes in and out.
    return 10 * np.asarray(mdtraj.compute_distances(frames, atoms, periodic=False), np.float64)


def angles(positions: ArrayLike, triples: ArrayLike) -> NDArray[np.float64]:
    """Angles of atom triples (the vertex in the middle) in radians, shape (T, k).

    Parameters
    ----------
    positions : array_like, shape (T, n, 3)
        Frames in Å, of an isolated molecule.
    triples : array_like of int, shape (k, 3)

    Raises
    ------
    DataError
        For frames of another shape, or atom indices out of range.
    """
    frames, atoms = _frames_and_atoms(positions, triples, 3)
    return np.asarray(mdtraj.compute_angles(frames, atoms, periodic=False), np.float64)


def dihedrals(positions: ArrayLike, quadruples: ArrayLike) -> NDArray[np.float64]:
    """Dihedral angles of atom quadruples in radians, within [-π, π), shape (T, k).

    Parameters
    ----------
    positions : array_like, shape (T, n, 3)
        Frames in Å, of an isolated molecule.
    quadruples : array_like of int, shape (k, 4)

    Raises
    ------
    DataError
        For frames of another shape, or atom indices out of range.

    Notes
    -----
    The sign is IUPAC's: 0 is cis, and a clockwise turn of the far bond is positive.
    """
    frames, atoms = _frames_and_atoms(positions, quadruples, 4)
    return wrapped(mdtraj.compute_dihedrals(frames, atoms, periodic=False))


def wrapped(radians: ArrayLike) -> NDArray[np.float64]:
    """The same angles within [-π, π); single precision's π, which is above π, is taken along."""
    return (np.asarray(radians, np.float64) + np.pi) % (2 * np.pi) - np.pi


def sine_cosine(radians: ArrayLike) -> NDArray[np.float64]:
    """Angles (T, k) as features without a jump, shape (T, 2k): all cosines, then all sines."""
    radians = np.asarray(radians, np.float64)
    return np.concatenate([np.cos(radians), np.sin(radians)], axis=-1)


def _frames_and_atoms(
    positions: ArrayLike, atoms: ArrayLike, width: int
) -> tuple[mdtraj.Trajectory, NDArray[np.int32]]:
    xyz = np.asarray(positions)
    if xyz.ndim != 3 or xyz.shape[-1] != 3:
        raise DataError(f"positions must have shape (frames, atoms, 3), not {xyz.shape}")
    indices = np.asarray(atoms, np.int32).reshape(-1, width)
    if len(indices) and (indices.min() < 0 or indices.max() >= xyz.shape[1]):
        raise DataError(
            f"atom index {int(indices.max() if indices.min() >= 0 else indices.min())} is outside"
            f" 0..{xyz.shape[1] - 1}"
        )
    return mdtraj.Trajectory(0.1 * xyz, topology=None), indices
