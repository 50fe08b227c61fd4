import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ase_tito.canonical import canonical_ranks, equivalent_atoms, graph_key
from ase_tito.graph import MolecularGraph
from tests.molecules import NAMES, molecule


def ring(n: int) -> list[tuple[int, int]]:
    return [(k, (k + 1) % n) for k in range(n)]


@st.composite
def molecular_graphs(draw):
    """Random connected graphs: a tree and a few ring closures."""
    n = draw(st.integers(2, 14))
    numbers = draw(st.lists(st.sampled_from([1, 6, 7, 8]), min_size=n, max_size=n))
    bonds = [(draw(st.integers(0, k - 1)), k) for k in range(1, n)]
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] != p[1])
    return MolecularGraph(numbers, bonds + draw(st.lists(pairs, max_size=3)))


@settings(max_examples=60, deadline=None)
@given(molecular_graphs(), st.randoms(use_true_random=False))
def test_ranks_and_key_do_not_depend_on_the_order_of_atoms(graph, random):
    order = np.array(random.sample(range(graph.n_atoms), graph.n_atoms))
    permuted = graph.permuted(order)
    assert np.array_equal(canonical_ranks(permuted), canonical_ranks(graph)[order])
    assert graph_key(permuted) == graph_key(graph)


@settings(max_examples=60, deadline=None)
@given(molecular_graphs())
def test_ranks_are_dense_and_separate_elements(graph):
    ranks = canonical_ranks(graph)
    assert set(ranks) == set(range(ranks.max() + 1))
    for atoms in equivalent_atoms(graph):
        assert len(set(graph.atomic_numbers[atoms])) == 1


@pytest.mark.parametrize("name", NAMES)
def test_equivalent_atoms_have_equivalent_neighbours(name):
    graph, _ = molecule(name)
    ranks = canonical_ranks(graph)
    for atoms in equivalent_atoms(graph):
        distances = graph.bond_distances[atoms]
        profiles = {tuple(sorted(zip(row, ranks, strict=True))) for row in distances.tolist()}
        assert len(profiles) == 1


def test_classes_of_a_known_molecule():
    graph, _ = molecule("n-methylacetamide")  # CH3-C(=O)-NH-CH3
    assert sorted(len(atoms) for atoms in equivalent_atoms(graph)) == [1, 1, 1, 1, 1, 1, 3, 3]


def test_the_carbons_of_a_cage_are_alike_until_one_is_marked():
    corners = [(i, i ^ bit) for i in range(8) for bit in (1, 2, 4)]
    cubane = MolecularGraph([6] * 8, corners)
    assert [len(atoms) for atoms in equivalent_atoms(cubane)] == [8]
    marked = MolecularGraph([6] * 8 + [8], [*corners, (0, 8)])
    assert sorted(len(atoms) for atoms in equivalent_atoms(marked)) == [1, 1, 1, 3, 3]


def test_key_tells_constitutional_isomers_apart():
    # a classic pair: every atom has the same neighbourhood in both, only farther ones differ
    decalin = MolecularGraph([6] * 10, [*ring(10), (0, 5)])
    bicyclopentyl = MolecularGraph(
        [6] * 10, [*ring(5), *((a + 5, b + 5) for a, b in ring(5)), (0, 5)]
    )
    assert graph_key(decalin) != graph_key(bicyclopentyl)


def test_key_starts_with_the_formula_and_ignores_stereochemistry():
    graph, _ = molecule("2-butanol")
    assert graph_key(graph).startswith("C4H10O-")
    assert graph_key(graph) == graph_key(graph.mirrored())
    assert graph_key(molecule("e-2-butene")[0]) == graph_key(molecule("z-2-butene")[0])


def test_keys_are_stable_between_versions():
    # keys stand in checkpoints: a change would orphan every specialist model
    water = MolecularGraph([8, 1, 1], [(0, 1), (0, 2)])
    assert graph_key(water) == "H2O-0ef66739bf5b8787"


@pytest.mark.parametrize("first", [1, 4])
@pytest.mark.parametrize("second", [1, 4])
def test_the_nearest_difference_decides(first, second):
    # C0 carries C1-O and C2-N, each with a chain behind: whatever the chains, C1 outranks C2
    numbers = [6, 6, 6, 8, 7]
    bonds = [(0, 1), (0, 2), (1, 3), (2, 4)]
    for end, length in ((3, first), (4, second)):
        for _ in range(length):
            bonds.append((end, len(numbers)))
            end = len(numbers)
            numbers.append(6)
    ranks = canonical_ranks(MolecularGraph(numbers, bonds))
    assert ranks[1] > ranks[2]
