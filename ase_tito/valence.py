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

_CARBON, _NITROGEN, _OXYGEN, _SULFUR = 6, 7, 8, 16
_HEAVIEST_OF_SECOND_ROW = 10

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
    highest = np.full(len(graph.bonds), 2.0)
    best = _added_orders(graph, free, weights, highest)
    multiple = []
    for bond in asked.tolist():
        single = highest.copy()
        single[bond] = 0
        multiple.append(_added_orders(graph, free, weights, single) < best)
    return np.array(multiple)


def lacking_hydrogens(graph: MolecularGraph) -> int:
    """Valences of carbon atoms that stay free however the bond orders are assigned.

    At least as many hydrogens are missing, or the molecule is a radical or an ion of carbon.
    Amidinium ions, such as those of arginine and of histidine with both its hydrogens, lack none;
    nor do molecules with an N⁺-O⁻ or S=O at a multiple bond (nitrones, nitrile oxides, sulfines).
    """
    free, carbon = _single_bonds_leave(graph), graph.atomic_numbers == _CARBON
    weights = carbon[graph.bonds].sum(1).astype(np.float64)  # carbons that a bond's order serves
    nitrogen, bond = _amidinium(graph)
    charged = free.copy()
    charged[nitrogen] += 1
    charged = np.maximum(charged, _oxides_leave(graph))
    highest = np.where(nitrogen[graph.bonds].any(1), bond.astype(np.float64), 2.0)
    return round(free[carbon].sum()) - _added_orders(graph, charged, weights, highest)


def charged_or_radical(graph: MolecularGraph) -> bool:
    """Whether some atom carries a charge or an unpaired electron in every resonance structure.

    So it is in ions, and in neutral molecules that are written with charges, such as those with a
    nitro group. False of molecules with an atom of the third row, or heavier, that has more
    neighbours than its usual valence (sulfones, phosphates): its bonds count nothing here.
    """
    excess = neighbour_counts(graph) - valences(graph)
    if (excess[graph.atomic_numbers > _HEAVIEST_OF_SECOND_ROW] > 0).any():
        return False
    free = _single_bonds_leave(graph)
    bonds = len(graph.bonds)
    orders = _added_orders(graph, free, np.ones(bonds), np.full(bonds, 2.0))
    return bool((excess > 0).any()) or round(free.sum()) > 2 * orders


def _amidinium(graph: MolecularGraph) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Nitrogens (n,) that may carry the charge of an N-C(-)-N⁺, and their bonds (m,) to its carbon.

    All of its nitrogens have three neighbours, and so has the carbon between them.
    """
    three = neighbour_counts(graph) == 3
    nitrogen, carbon = (three & (graph.atomic_numbers == z) for z in (_NITROGEN, _CARBON))
    ends = [(c, n) for i, j in graph.bonds.tolist() for c, n in ((i, j), (j, i))]
    between = carbon & (
        np.bincount([c for c, n in ends if nitrogen[n]], minlength=graph.n_atoms) >= 2
    )
    i, j = graph.bonds.T
    bond = (between[i] & nitrogen[j]) | (between[j] & nitrogen[i])
    charged = np.zeros(graph.n_atoms, bool)
    charged[graph.bonds[bond]] = True
    return charged & nitrogen, bond


def _oxides_leave(graph: MolecularGraph) -> NDArray[np.float64]:
    """What N⁺-O⁻ and S=O leave free of the nitrogen and sulfur atoms that have them, shape (n,).

    A nitrogen with two such oxygens is one of a nitro group, or a nitrate, whose charge is counted.
    """
    numbers, count = graph.atomic_numbers, neighbour_counts(graph)
    i, j = np.concatenate([graph.bonds, graph.bonds[:, ::-1]]).T
    oxide = (numbers[j] == _OXYGEN) & (count[j] == 1)
    oxygens = np.bincount(i[oxide], minlength=graph.n_atoms)
    left = np.select(
        [(numbers == _NITROGEN) & (oxygens == 1), (numbers == _SULFUR) & (oxygens > 0)],
        [4 - count, np.minimum(2 + oxygens, 6 - oxygens) - count],
    )
    return np.maximum(left, 0).astype(np.float64)


def _single_bonds_leave(graph: MolecularGraph) -> NDArray[np.float64]:
    """Valences of each atom that its bonds leave free if all of them are single, shape (n,)."""
    known = valences(graph)
    return np.where(np.isfinite(known), np.maximum(known - neighbour_counts(graph), 0), 0)


def _added_orders(
    graph: MolecularGraph,
    free: NDArray[np.float64],
    weights: NDArray[np.float64],
    highest: NDArray[np.float64],
) -> int:
    """The largest sum of orders beyond single bonds, each bond's (m,) by its weight.

    `highest` (m,) is what may be added to each bond.
    """
    n_bonds = len(graph.bonds)
    column = np.repeat(np.arange(n_bonds), 2)
    incidence = csr_array(
        (np.ones(2 * n_bonds), (graph.bonds.ravel(), column)), shape=(graph.n_atoms, n_bonds)
    )
    solution = milp(
        -weights,
        constraints=LinearConstraint(incidence, ub=free),
        integrality=np.ones(n_bonds),
        bounds=Bounds(0, highest),
    )
    return round(-solution.fun)
