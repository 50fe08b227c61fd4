"""Which atoms of a molecule are alike, whatever order they are listed in."""

from __future__ import annotations

import hashlib

import numpy as np
from ase.symbols import Symbols
from numpy.typing import NDArray

from ase_tito.graph import MolecularGraph


def canonical_ranks(graph: MolecularGraph) -> NDArray[np.int64]:
    """Rank of each atom, from elements and connectivity alone.

    Atoms are ordered by element and, where that ties, by the elements one bond away, two bonds
    away, and so on; the order is refined until it is stable (Weisfeiler-Leman refinement over all
    distances). The nearest difference decides, so that a chemical pattern is ordered the same way
    in every molecule it occurs in.

    Parameters
    ----------
    graph : MolecularGraph

    Returns
    -------
    ranks : ndarray of int64, shape (n,)
        0, 1, …; equal for atoms that cannot be told apart. Permuting the atoms permutes the ranks.

    Notes
    -----
    Exact for acyclic molecules. In cyclic ones equal ranks are symmetry equivalence for all but
    graphs of a regularity that molecules do not show. Stereochemistry is ignored: two groups that
    are mirror images, or the two hydrogens of a CH₂, have equal ranks.
    """
    return _refine(graph)[0]


def equivalent_atoms(graph: MolecularGraph) -> list[NDArray[np.int64]]:
    """Classes of constitutionally equivalent atoms: indices of equal rank, in order of rank."""
    ranks = canonical_ranks(graph)
    return [np.flatnonzero(ranks == rank) for rank in range(ranks.max() + 1)]


def graph_key(graph: MolecularGraph) -> str:
    """Name of a constitution: formula and hash, equal for any order of the atoms.

    Stereochemistry is ignored: enantiomers have one key.
    """
    ranks, signatures = _refine(graph)
    elements = graph.atomic_numbers[np.argsort(ranks, kind="stable")]
    digest = hashlib.sha256(
        np.concatenate([elements, signatures[np.argsort(ranks, kind="stable")].ravel()])
        .astype("<i8")
        .tobytes()
    )
    formula = Symbols(graph.atomic_numbers).get_chemical_formula("hill")
    return f"{formula}-{digest.hexdigest()[:16]}"


def _refine(graph: MolecularGraph) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stable ranks, and each atom's signature: own rank, then the sorted (distance, rank) codes."""
    n = graph.n_atoms
    ranks = np.unique(graph.atomic_numbers, return_inverse=True)[1]
    while True:
        # distance leads the code and the own rank the row: the nearest difference decides, and a
        # later round only splits classes, never reorders them
        codes = np.sort(graph.bond_distances * n + ranks, axis=1)
        signatures = np.column_stack([ranks, codes])
        refined = np.unique(signatures, axis=0, return_inverse=True)[1].reshape(n)
        if refined.max() == ranks.max():
            return ranks.astype(np.int64), signatures.astype(np.int64)
        ranks = refined
