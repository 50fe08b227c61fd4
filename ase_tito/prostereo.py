"""Equal atoms that no dynamics exchanges, under the names that they began with.

The two hydrogens of a CH₂ are alike, yet once their indices tell them apart it has a handedness,
and so have a CH₃ and the CH of an isopropyl group; a =CH₂ has a cis and a trans hydrogen in the
same way. Molecular dynamics keeps all that. Conformers that were built apart from each other
differ in it, and now and then a sample of a model does. As the atoms are alike, exchanging their
indices is no change of the molecule, while whatever compares by index takes it for a slow process.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from ase_tito.canonical import canonical_ranks
from ase_tito.graph import MolecularGraph
from ase_tito.stereo import LEAST_CISNESS, LEAST_HANDEDNESS, cisness, handedness
from ase_tito.valence import certainly_multiple

Positions = NDArray[np.floating]
Named = TypeVar("Named", bound=np.floating)


@dataclass(frozen=True, eq=False)
class ProstereogenicElements:
    """Centres and double bonds that would be stereogenic if two of their branches were not equal.

    Attributes
    ----------
    centres : ndarray of int64, shape (k, 5)
        The atom, and its four neighbours.
    double_bonds : ndarray of int64, shape (m, 4)
        ``(a, i, j, b)``: a is one of two equal branches of i, b is a substituent of j.
    exchanges : ndarray of int64, shape (k + m, n)
        All atoms once two equal branches of the element have changed places: of the centres, then
        of the double bonds.
    outward : ndarray of int64, shape (k + m,)
        The elements from the middle of the molecule to its ends. An exchange inverts its own
        element, and beside it only later ones.
    """

    centres: NDArray[np.int64]
    double_bonds: NDArray[np.int64]
    exchanges: NDArray[np.int64]
    outward: NDArray[np.int64]

    def sides(self, positions: Positions) -> NDArray[np.int64]:
        """−1 or +1 of each element in positions (..., n, 3), 0 if nearly flat: (..., k + m)."""
        atom, around = self.centres[:, 0], self.centres[:, 1:]
        hands = handedness(positions[..., atom, :], positions[..., around, :])
        a, i, j, b = (positions[..., column, :] for column in self.double_bonds.T)
        values = np.concatenate([hands / LEAST_HANDEDNESS, cisness(a, i, j, b) / LEAST_CISNESS], -1)
        return (values >= 1).astype(np.int64) - (values <= -1)


@lru_cache(maxsize=256)
def prostereogenic_elements(graph: MolecularGraph) -> ProstereogenicElements:
    """The prostereogenic elements of a molecule.

    Notes
    -----
    Branches with rings or with labelled stereochemistry are not exchanged: equal constitution
    does not make the latter alike. Double bonds are those of `certainly_multiple`.
    """
    around = graph.neighbours
    depth = graph.bond_distances[_middle(graph)]
    exchanges = [
        _exchange(graph, atom, depth) if len(around[atom]) in (3, 4) else None
        for atom in range(graph.n_atoms)
    ]
    centres = [
        (atom, *around[atom])
        for atom, exchange in enumerate(exchanges)
        if exchange is not None and len(around[atom]) == 4
    ]
    rows: dict[int, tuple[int, ...]] = {}  # of two such ends of a bond one is enough
    for bond, pair in enumerate(graph.bonds.tolist()):
        if any(len(around[end]) != 3 for end in pair):
            continue  # a single bond, a cumulene, a carbonyl
        for i, j in (pair, pair[::-1]):
            if exchanges[i] is not None:
                a, b = (next(k for k in around[p] if k != q) for p, q in ((i, j), (j, i)))
                rows[bond] = a, i, j, b
    double = certainly_multiple(graph, list(rows))
    double_bonds = [row for row, certain in zip(rows.values(), double, strict=True) if certain]
    elements = [centre[0] for centre in centres] + [row[1] for row in double_bonds]
    return ProstereogenicElements(
        np.array(centres, np.int64).reshape(-1, 5),
        np.array(double_bonds, np.int64).reshape(-1, 4),
        np.array([exchanges[atom] for atom in elements], np.int64).reshape(-1, graph.n_atoms),
        np.argsort(depth[elements], kind="stable"),
    )


def with_sides_of(
    reference: Positions, positions: NDArray[Named], graph: MolecularGraph
) -> NDArray[Named]:
    """Positions under the names of equal atoms that a reference has for them.

    Parameters
    ----------
    reference : ndarray, shape (n, 3) or (B, n, 3)
        One frame for all, or one for each.
    positions : ndarray, shape (B, n, 3)
    graph : MolecularGraph

    Returns
    -------
    ndarray, shape (B, n, 3)
        Indices of equal atoms exchanged such that each prostereogenic element is on the
        reference's side. `positions` itself where nothing was to be exchanged. Elements that are
        nearly flat or not finite are left alone.
    """
    found = prostereogenic_elements(graph)
    wanted = found.sides(reference)
    if not (found.sides(positions) * wanted < 0).any():
        return positions
    named = positions.copy()
    for element in found.outward:
        # anew each time: the exchange of two branches inverts elements within them
        wrong = (found.sides(named) * wanted < 0)[:, element]
        named[wrong] = named[wrong][:, found.exchanges[element]]
    return named


def _middle(graph: MolecularGraph) -> int:
    """The atom whose removal leaves the smallest largest piece: no branch elsewhere equals it."""
    largest = []
    for atom in range(graph.n_atoms):
        kept = graph.bonds[(graph.bonds != atom).all(1)]
        shape = (graph.n_atoms, graph.n_atoms)
        adjacency = csr_array((np.ones(len(kept)), (kept[:, 0], kept[:, 1])), shape=shape)
        pieces = connected_components(adjacency, directed=False)[1]
        largest.append(np.bincount(np.delete(pieces, atom), minlength=1).max())
    return int(np.argmin(largest))


def _exchange(
    graph: MolecularGraph, atom: int, depth: NDArray[np.int64]
) -> NDArray[np.int64] | None:
    """All atoms, two equal outward branches of one exchanged; None if it has no such branches."""
    ranks = canonical_ranks(graph)
    labelled = {*np.flatnonzero(graph.tetrahedral), *graph.double_bonds[:, 1:3].ravel()}
    outward = [k for k in graph.neighbours[atom] if depth[k] > depth[atom]]
    for first, second in ((a, b) for a in outward for b in outward if a < b):
        pairs = _paired(graph, atom, first, second, ranks)
        if pairs is None or not labelled.isdisjoint(np.ravel(pairs)):
            continue
        exchange = np.arange(graph.n_atoms)
        for a, b in pairs:
            exchange[[a, b]] = b, a
        return exchange
    return None


def _paired(
    graph: MolecularGraph, parent: int, first: int, second: int, ranks: NDArray[np.int64]
) -> list[tuple[int, int]] | None:
    """The atoms of two equal branches, each with its like; None if they differ or have rings."""
    pairs: list[tuple[int, int]] = []
    seen = {parent}
    ends = [(first, second, parent, parent)]
    while ends:
        a, b, above_a, above_b = ends.pop()
        below_a, below_b = (
            sorted((k for k in graph.neighbours[end] if k != above), key=ranks.__getitem__)
            for end, above in ((a, above_a), (b, above_b))
        )
        alike = ranks[a] == ranks[b] and ranks[below_a].tolist() == ranks[below_b].tolist()
        if not alike or a == b or not seen.isdisjoint((a, b)):
            return None
        seen |= {a, b}
        pairs.append((a, b))
        ends += [(c, d, a, b) for c, d in zip(below_a, below_b, strict=True)]
    return pairs
