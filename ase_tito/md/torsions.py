"""Turning a part of a molecule about a bond."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.transform import Rotation

from ase_tito.analysis.internals import dihedrals
from ase_tito.graph import MolecularGraph


def turned(
    positions: NDArray[np.float64],
    graph: MolecularGraph,
    torsion: tuple[int, int, int, int],
    angle: float,
) -> NDArray[np.float64]:
    """Positions with a torsion at a new angle, everything beyond its central bond turned with it.

    Parameters
    ----------
    positions : array, shape (n, 3)
        Å. Not changed.
    graph : MolecularGraph
    torsion : (int, int, int, int)
        About a bond that is in no ring.
    angle : float
        In radians.
    """
    _, i, j, _ = torsion
    bonds = graph.bonds[~np.isin(graph.bonds, (i, j)).all(1)]
    matrix = coo_array((np.ones(len(bonds)), (bonds[:, 0], bonds[:, 1])), (graph.n_atoms,) * 2)
    _, pieces = connected_components(matrix, directed=False)
    beyond = pieces == pieces[j]
    turn = angle - float(dihedrals(positions[None], [torsion])[0, 0])
    axis = positions[j] - positions[i]
    rotation = Rotation.from_rotvec(turn * axis / np.linalg.norm(axis))
    result = positions.copy()
    result[beyond] = rotation.apply(positions[beyond] - positions[j]) + positions[j]
    return result
