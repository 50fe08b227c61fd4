"""Stereochemical elements: which ones a constitution has, and how positions realize them.

The two measures are smooth functions of positions that change sign where the stereochemistry
does; perception reads labels from them and the validity check compares with those labels. They
take NumPy arrays and PyTorch tensors alike, and need neither library's own functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import shortest_path

from ase_tito.canonical import canonical_ranks
from ase_tito.graph import MolecularGraph
from ase_tito.valence import certainly_multiple

if TYPE_CHECKING:
    from torch import Tensor

    Array = TypeVar("Array", NDArray[np.floating], Tensor)

SMALLEST_STEREOGENIC_RING = 8
"""Double bonds in smaller rings are cis by force and get no label."""

LEAST_HANDEDNESS = 0.3
"""Below this magnitude of `handedness` a centre is nearly planar and neither left nor right.

The thermal minimum at 300 K is some 0.94."""

LEAST_CISNESS = 0.5
"""Below this magnitude of `cisness` (60° out of plane) a double bond is neither cis nor trans.

The thermal minimum at 300 K is some 0.90."""

_IDEAL_VOLUME = 16 / (3 * 3**0.5)


def tetrahedral_centres(
    graph: MolecularGraph,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Atoms with four neighbours that are all different.

    Parameters
    ----------
    graph : MolecularGraph

    Returns
    -------
    centres : ndarray of int64, shape (k,)
    neighbours : ndarray of int64, shape (k, 4)
        In ascending order of their canonical ranks.

    Notes
    -----
    Neighbours that differ by their own stereochemistry only (pseudo-asymmetric centres, cis and
    trans 1,4-disubstituted rings) are out of scope, and so are three-coordinate centres that hold
    their shape (sulfoxides, phosphines). Three-coordinate nitrogen inverts and is no centre.
    """
    ranks = canonical_ranks(graph)
    neighbours = graph.neighbours
    centres = [
        (atom, sorted(around, key=ranks.__getitem__))
        for atom, around in enumerate(neighbours)
        if len(around) == 4 and len(set(ranks[list(around)])) == 4
    ]
    return (
        np.array([atom for atom, _ in centres], np.int64),
        np.array([around for _, around in centres], np.int64).reshape(-1, 4),
    )


def stereogenic_double_bonds(graph: MolecularGraph) -> NDArray[np.int64]:
    """Double bonds whose ends both have two different substituents.

    Bonds count as double where the valences leave no other choice (`certainly_multiple`): those
    of aromatic rings and other delocalized systems are left out, and so are amide, ester and
    conjugated single bonds.

    Parameters
    ----------
    graph : MolecularGraph
        With all its hydrogens.

    Returns
    -------
    rows : ndarray of int64, shape (k, 4)
        ``(a, i, j, b)``: the double bond i=j (i < j) and its reference substituents a (on i) and
        b (on j), those of the higher canonical rank at their end.

    Notes
    -----
    The ends are three-coordinate carbon or two-coordinate nitrogen. Cumulenes, protonated imines,
    and rings of fewer than `SMALLEST_STEREOGENIC_RING` atoms are left out.
    """
    ranks = canonical_ranks(graph)
    neighbours = graph.neighbours
    unsaturated = [
        (z == 6 and len(around) == 3) or (z == 7 and len(around) == 2)
        for z, around in zip(graph.atomic_numbers, neighbours, strict=True)
    ]
    candidates, rows = [], []
    for k, (i, j) in enumerate(graph.bonds.tolist()):
        if not (unsaturated[i] and unsaturated[j]):
            continue
        a = _reference_substituent(i, j, neighbours, ranks)
        b = _reference_substituent(j, i, neighbours, ranks)
        if a is None or b is None or _ring_size(graph, i, j) < SMALLEST_STEREOGENIC_RING:
            continue
        candidates.append(k)
        rows.append((a, i, j, b))
    double = certainly_multiple(graph, candidates)
    return np.array(rows, np.int64).reshape(-1, 4)[double]


def handedness(centre: Array, neighbours: Array) -> Array:
    """Signed volume spanned by four bond directions, over that of a regular tetrahedron.

    With unit vectors u from the centre to its neighbours, det(u₀ − u₃, u₁ − u₃, u₂ − u₃) · 3√3/16:
    ±1 for the two regular tetrahedra, 0 for a planar centre, odd under mirroring.

    Parameters
    ----------
    centre : array or Tensor, shape (..., 3)
    neighbours : array or Tensor, shape (..., 4, 3)

    Returns
    -------
    array or Tensor, shape (...)
    """
    u = _unit(neighbours - centre[..., None, :])
    edges = u[..., :3, :] - u[..., 3:, :]
    (ax, ay, az), (bx, by, bz), (cx, cy, cz) = (
        (edges[..., k, 0], edges[..., k, 1], edges[..., k, 2]) for k in range(3)
    )
    volume = cx * (ay * bz - az * by) + cy * (az * bx - ax * bz) + cz * (ax * by - ay * bx)
    return volume / _IDEAL_VOLUME


def cisness(a: Array, i: Array, j: Array, b: Array) -> Array:
    """Cosine of the torsion a-i-j-b: 1 where the substituents are cis, −1 where they are trans.

    Parameters
    ----------
    a, i, j, b : array or Tensor, shape (..., 3)

    Returns
    -------
    array or Tensor, shape (...)
    """
    axis = _unit(j - i)
    first, second = a - i, b - j
    first = _unit(first - (first * axis).sum(-1)[..., None] * axis)
    second = _unit(second - (second * axis).sum(-1)[..., None] * axis)
    return (first * second).sum(-1)


def _unit(vectors: Array) -> Array:
    # The small number keeps the zero vector; in Å it is far below any rounding.
    return vectors / ((vectors * vectors).sum(-1)[..., None] + 1e-24) ** 0.5


def _reference_substituent(
    atom: int, partner: int, neighbours: Sequence[Sequence[int]], ranks: NDArray[np.int64]
) -> int | None:
    """The substituent of the highest rank on one end of a double bond; None if two share it."""
    others = [k for k in neighbours[atom] if k != partner]
    if len(set(ranks[others])) < len(others):
        return None
    return max(others, key=ranks.__getitem__)


def _ring_size(graph: MolecularGraph, i: int, j: int) -> float:
    """Atoms in the smallest ring through the bond i-j; infinite for a bond in no ring."""
    kept = graph.bonds[~np.isin(graph.bonds, (i, j)).all(1)]
    shape = (graph.n_atoms, graph.n_atoms)
    adjacency = csr_array((np.ones(len(kept)), (kept[:, 0], kept[:, 1])), shape=shape)
    return float(shortest_path(adjacency, directed=False, unweighted=True, indices=i)[j] + 1)
