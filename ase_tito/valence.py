"""Valences of neutral atoms, and what they say about bond orders.

Graphs carry no bond orders: force fields, trajectories and most files know none. With all
hydrogens present the constitution fixes most of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from ase_tito.graph import MolecularGraph

_CARBON = 6

_VALENCES = {
    **dict.fromkeys((1, 9, 17, 35, 53), 1),
    **dict.fromkeys((8, 16, 34, 52), 2),
    **dict.fromkeys((5, 7, 15, 33), 3),
    **dict.fromkeys((6, 14, 32), 4),
}


def valences(graph: MolecularGraph) -> NDArray[np.float64]:
    """Usual valence of each neutral atom, shape (n,); infinite for elements that have no one."""
    return np.array([_VALENCES.get(int(z), np.inf) for z in graph.atomic_numbers])


def neighbour_counts(graph: MolecularGraph) -> NDArray[np.int64]:
    """Number of bonds of each atom, shape (n,)."""
    return np.bincount(graph.bonds.ravel(), minlength=graph.n_atoms)


def certainly_multiple(graph: MolecularGraph, bonds: ArrayLike) -> NDArray[np.bool_]:
    """Whether bonds are multiple however the bond orders are assigned.

    The best assignments add the most orders to the single bonds of the graph such that no atom
    exceeds its valence: an integer program, of which every solution is a resonance structure with
    the fewest charges. A bond is certainly multiple if leaving it single costs an order.

    Parameters
    ----------
    graph : MolecularGraph
        With all its hydrogens.
    bonds : array_like of int, shape (k,)
        Rows of ``graph.bonds``.

    Returns
    -------
    multiple : ndarray of bool, shape (k,)
        False for the bonds of aromatic rings and other delocalized systems, and for single bonds.
    """
    asked = np.asarray(bonds, dtype=np.int64)
    if not len(asked):
        return np.zeros(0, bool)
    free, weights = _single_bonds_leave(graph), np.ones(len(graph.bonds))
    best = _added_orders(graph, free, weights)
    return np.array(
        [_added_orders(graph, free, weights, single=bond) < best for bond in asked.tolist()]
    )


def lacking_hydrogens(graph: MolecularGraph) -> int:
    """Valences of carbon atoms that stay free however the bond orders are assigned.

    At least as many hydrogens are missing, or the molecule is a radical or an ion of carbon.
    """
    free, carbon = _single_bonds_leave(graph), graph.atomic_numbers == _CARBON
    weights = carbon[graph.bonds].sum(1).astype(np.float64)  # carbons that a bond's order serves
    return round(free[carbon].sum()) - _added_orders(graph, free, weights)


def _single_bonds_leave(graph: MolecularGraph) -> NDArray[np.float64]:
    """Valences of each atom that its bonds leave free if all of them are single, shape (n,)."""
    known = valences(graph)
    return np.where(np.isfinite(known), np.maximum(known - neighbour_counts(graph), 0), 0)


def _added_orders(
    graph: MolecularGraph,
    free: NDArray[np.float64],
    weights: NDArray[np.float64],
    single: int | None = None,
) -> int:
    """The largest sum of orders beyond single bonds, each bond's (m,) by its weight.

    `single` is a bond that shall stay what that says.
    """
    n_bonds = len(graph.bonds)
    column = np.repeat(np.arange(n_bonds), 2)
    incidence = csr_array(
        (np.ones(2 * n_bonds), (graph.bonds.ravel(), column)), shape=(graph.n_atoms, n_bonds)
    )
    highest = np.full(n_bonds, 2.0)
    if single is not None:
        highest[single] = 0
    solution = milp(
        -weights,
        constraints=LinearConstraint(incidence, ub=free),
        integrality=np.ones(n_bonds),
        bounds=Bounds(0, highest),
    )
    return round(-solution.fun)
