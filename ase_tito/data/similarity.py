"""How much a test molecule resembles what was trained on, from the graphs alone."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ase_tito.canonical import graph_key
from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph

RADIUS = 2
"""Bonds out to which an atom's surroundings are looked at."""

_HYDROGEN = 1
_ROWS = 256


def environments(graph: MolecularGraph, radius: int = RADIUS) -> Counter[int]:
    """How often each surrounding of a heavy atom occurs, for all radii up to this one.

    Surroundings are those of Morgan's algorithm, as in circular fingerprints (Rogers and Hahn,
    J. Chem. Inf. Model. 2010, 50, 742): an atom is its element, its heavy neighbours and its
    hydrogens; then, as often as `radius` says, itself and its neighbours so far. Bond orders are
    implied by the hydrogens. Stereochemistry is ignored.

    Returns
    -------
    Counter
        Keyed by a hash that is the same everywhere.
    """
    heavy = graph.atomic_numbers != _HYDROGEN
    if not heavy.any():
        heavy = np.ones(graph.n_atoms, bool)
    around = [list(atoms) for atoms in graph.neighbours]
    atoms = np.flatnonzero(heavy).tolist()
    codes = {
        k: _hash(graph.atomic_numbers[k], heavy[around[k]].sum(), (~heavy[around[k]]).sum())
        for k in atoms
    }
    found = Counter(codes.values())
    for _ in range(radius):
        codes = {
            k: _hash(codes[k], *sorted(codes[j] for j in around[k] if j in codes)) for k in atoms
        }
        found.update(codes.values())
    return found


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The most similar molecule that was trained on, for each one to judge by.

    Attributes
    ----------
    names : tuple of str, length M
    nearest : tuple of str, length M
    similarity : ndarray, shape (M,)
        From 0 (nothing in common) to 1 (the same surroundings equally often).
    """

    names: tuple[str, ...]
    nearest: tuple[str, ...]
    similarity: NDArray[np.float64]

    def worst(self, count: int) -> list[tuple[str, str, float]]:
        """The most similar pairs, name and nearest, the worst first."""
        order = np.argsort(-self.similarity, kind="stable")[:count]
        return [(self.names[k], self.nearest[k], float(self.similarity[k])) for k in order]


def nearest_neighbours(
    molecules: Mapping[str, MolecularGraph], among: Mapping[str, MolecularGraph]
) -> Neighbours:
    """The nearest of some molecules to each of others, by the similarity of Tanimoto.

    Of counted surroundings: Σ min(a, b) / Σ max(a, b) (Willett, Barnard and Downs, J. Chem. Inf.
    Comput. Sci. 1998, 38, 983).

    Raises
    ------
    DataError
        If either is empty.
    """
    if not molecules or not among:
        raise DataError("similarity needs molecules on both sides")
    columns: dict[tuple[int, int], int] = {}
    ours = _matrix([environments(graph) for graph in molecules.values()], columns)
    theirs = _matrix([environments(graph) for graph in among.values()], columns)
    width = len(columns)
    ours.resize(ours.shape[0], width)
    theirs.resize(theirs.shape[0], width)
    size, other_size = ours.sum(1), theirs.sum(1)
    nearest, similarity = [], []
    names = tuple(among)
    for start in range(0, ours.shape[0], _ROWS):
        part = slice(start, start + _ROWS)
        shared = (ours[part] @ theirs.T).toarray()
        values = shared / (size[part, None] + other_size - shared)
        best = values.argmax(1)
        nearest += [names[k] for k in best]
        similarity.append(values.max(1))
    return Neighbours(tuple(molecules), tuple(nearest), np.concatenate(similarity))


def shared_molecules(
    splits: Mapping[str, Mapping[str, MolecularGraph]],
) -> list[tuple[str, str, str, str]]:
    """Molecules that are in two splits, whatever their names and stereochemistry.

    Returns
    -------
    list of tuple
        ``(split, name, other split, other name)``.
    """
    seen: dict[str, tuple[str, str]] = {}
    found = []
    for split, molecules in splits.items():
        for name, graph in molecules.items():
            where, other = seen.setdefault(graph_key(graph), (split, name))
            if where != split:
                found.append((where, other, split, name))
    return found


def _matrix(counts: Sequence[Counter[int]], columns: dict[tuple[int, int], int]) -> csr_array:
    """Rows of ones and zeros, the k-th occurrence of a surrounding being a column of its own."""
    indices: list[int] = []
    edges = [0]
    for counter in counts:
        for code, count in counter.items():
            indices += (columns.setdefault((code, k), len(columns)) for k in range(count))
        edges.append(len(indices))
    return csr_array(
        (np.ones(len(indices)), indices, edges), shape=(len(counts), max(1, len(columns)))
    )


def _hash(*values: int) -> int:
    text = ",".join(str(int(value)) for value in values)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")
