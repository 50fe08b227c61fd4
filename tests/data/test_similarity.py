"""Similarity of molecules by their graphs: known cases and invariance."""

import numpy as np
import pytest

from ase_tito.data.similarity import environments, nearest_neighbours, shared_molecules
from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph
from tests.molecules import NAMES, molecule


def alkane(n):
    """A chain of n carbons with all its hydrogens."""
    bonds = [(k, k + 1) for k in range(n - 1)]
    numbers = [6] * n
    for k in range(n):
        for _ in range(4 - (k > 0) - (k < n - 1)):
            bonds.append((k, len(numbers)))
            numbers.append(1)
    return MolecularGraph(numbers, bonds)


def test_surroundings_of_butane_by_hand():
    found = environments(alkane(4), radius=1)
    # CH3 and CH2; then CH3 beside CH2, and CH2 between CH3 and CH2
    assert sorted(found.values()) == [2, 2, 2, 2]
    # pentane has another CH2, and the one in the middle is of a kind of its own
    assert sorted(environments(alkane(5), radius=1).values()) == [1, 2, 2, 2, 3]


def test_similarity_by_hand():
    butane, pentane = alkane(4), alkane(5)
    shared = sum((environments(butane, 2) & environments(pentane, 2)).values())
    union = sum((environments(butane, 2) | environments(pentane, 2)).values())
    found = nearest_neighbours({"butane": butane}, {"pentane": pentane})
    assert found.similarity[0] == pytest.approx(shared / union)
    assert 0.3 < found.similarity[0] < 0.8


def test_nearest_molecules_are_found():
    among = {f"C{n}": alkane(n) for n in (2, 4, 9)} | {name: molecule(name)[0] for name in NAMES}
    found = nearest_neighbours({"ten": alkane(10), "again": alkane(4)}, among)
    assert found.nearest == ("C9", "C4")
    assert found.similarity[1] == 1.0
    assert found.worst(1) == [("again", "C4", 1.0)]
    assert 0.8 < found.similarity[0] < 1.0
    with pytest.raises(DataError, match="both sides"):
        nearest_neighbours({}, among)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_atoms_does_not_matter(name):
    graph, _ = molecule(name)
    order = np.random.default_rng(0).permutation(graph.n_atoms)
    assert environments(graph.permuted(order)) == environments(graph)


def test_the_same_molecule_in_two_splits_is_found_whatever_its_stereochemistry():
    graph, _ = molecule("2-butanol")
    order = np.random.default_rng(0).permutation(graph.n_atoms)
    splits = {
        "train": {"a": graph, "b": alkane(4)},
        "test": {"c": graph.permuted(order).mirrored(), "d": alkane(5)},
    }
    assert shared_molecules(splits) == [("train", "a", "test", "c")]
    assert shared_molecules({"train": {"a": graph, "again": graph}}) == []


def test_molecules_of_hydrogen_alone_have_surroundings():
    assert environments(MolecularGraph([1, 1], [(0, 1)]))
