import numpy as np
import pytest
import torch

from ase_tito.errors import GraphError
from ase_tito.graph import MAX_TOPOLOGICAL_DISTANCE, GraphBatch, MolecularGraph

WATER = MolecularGraph([8, 1, 1], [(0, 1), (2, 0)])
BUTENE = MolecularGraph(
    [6, 6, 6, 6, 1, 1],
    [(0, 1), (1, 2), (2, 3), (1, 4), (2, 5)],
    double_bonds=[(0, 1, 2, 3, -1)],
)
CHAIN = MolecularGraph([6] * 9, [(k, k + 1) for k in range(8)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], []), "at least one"),
        (([6, 0], [(0, 1)]), "positive integer"),
        (([6.0, 1.0], [(0, 1)]), "must be integers"),
        (([True, True], [(0, 1)]), "must be integers"),
        (([6, 1], [(0, 2)]), "outside 0..1"),
        (([6, 1], [(0, -1)]), "outside 0..1"),
        (([6, 1], [(0, 1), (1, 1)]), "atom 1 is bonded to itself"),
        (([6, 1, 1], [0, 1, 0]), "shape"),
        (([6, 1, 8, 1], [(0, 1), (2, 3)]), "2 separate molecules"),
        (([6, 1], []), "2 separate molecules"),
        (([6, 1], [(0, 1)], [1]), "tetrahedral must hold"),
        (([6, 1], [(0, 1)], [2, 0]), "tetrahedral must hold"),
        (([6, 1], [(0, 1)], None, [(0, 1, 0, 1, 0)]), "label -1 or \\+1"),
        (([6, 1], [(0, 1)], None, [(0, 1, 0, 2, 1)]), "double_bonds"),
        (([6, 1], [(0, 1)], None, [(0, 1, 0, 1)]), "shape"),
    ],
)
def test_refuses_what_is_no_molecule(arguments, message):
    with pytest.raises(GraphError, match=message):
        MolecularGraph(*arguments)


def test_bonds_are_listed_once_in_order():
    graph = MolecularGraph([8, 1, 1], [(2, 0), (0, 1), (1, 0)])
    assert graph.bonds.tolist() == [[0, 1], [0, 2]]


def test_is_immutable_and_does_not_share_its_input():
    numbers = np.array([8, 1, 1])
    graph = MolecularGraph(numbers, [(0, 1), (0, 2)])
    numbers[0] = 6
    assert graph.atomic_numbers[0] == 8
    with pytest.raises(ValueError, match="read-only"):
        graph.atomic_numbers[0] = 6


def test_laplacian_counts_neighbours_and_ignores_translation():
    assert np.array_equal(WATER.laplacian, [[2, -1, -1], [-1, 1, 0], [-1, 0, 1]])
    assert np.allclose(BUTENE.laplacian.sum(1), 0)


def test_bond_distances_count_bonds_uncapped():
    assert CHAIN.bond_distances[0].tolist() == list(range(9))


def test_mirroring_inverts_centres_and_keeps_double_bonds():
    graph = MolecularGraph(
        BUTENE.atomic_numbers, BUTENE.bonds, [1, 0, 0, -1, 0, 0], BUTENE.double_bonds
    )
    mirrored = graph.mirrored()
    assert mirrored.tetrahedral.tolist() == [-1, 0, 0, 1, 0, 0]
    assert np.array_equal(mirrored.double_bonds, graph.double_bonds)


def test_permuting_renames_everything():
    graph = MolecularGraph(
        BUTENE.atomic_numbers, BUTENE.bonds, [1, 0, 0, -1, 0, 0], BUTENE.double_bonds
    )
    order = np.array([3, 5, 0, 1, 4, 2])
    permuted = graph.permuted(order)
    assert np.array_equal(permuted.atomic_numbers, graph.atomic_numbers[order])
    assert np.array_equal(permuted.tetrahedral, graph.tetrahedral[order])
    assert np.array_equal(permuted.bond_distances, graph.bond_distances[np.ix_(order, order)])
    assert np.array_equal(order[permuted.double_bonds[0, :4]], graph.double_bonds[0, :4])


def test_permuting_back_is_the_identity():
    order = np.array([3, 5, 0, 1, 4, 2])
    back = BUTENE.permuted(order).permuted(np.argsort(order))
    for name in ("atomic_numbers", "bonds", "tetrahedral", "double_bonds"):
        assert np.array_equal(getattr(back, name), getattr(BUTENE, name))


def test_batch_pads_and_masks():
    batch = GraphBatch.from_graphs([WATER, BUTENE])
    assert batch.n_systems == 2
    assert batch.n_atoms.tolist() == [3, 6]
    assert batch.mask.tolist() == [[True] * 3 + [False] * 3, [True] * 6]
    assert batch.atomic_numbers[0].tolist() == [8, 1, 1, 0, 0, 0]
    assert batch.systems == [WATER, BUTENE]


def test_batch_caps_topological_distances():
    batch = GraphBatch.from_graphs([CHAIN])
    expected = np.minimum(CHAIN.bond_distances, MAX_TOPOLOGICAL_DISTANCE)
    assert np.array_equal(batch.topological_distances[0].numpy(), expected)


def test_batch_tells_cis_from_trans():
    cis = MolecularGraph(BUTENE.atomic_numbers, BUTENE.bonds, None, [(0, 1, 2, 3, 1)])
    stereo = GraphBatch.from_graphs([cis, BUTENE]).pair_stereo
    assert stereo[:, 0, 3].tolist() == [1, 2]
    assert stereo[:, 3, 0].tolist() == [1, 2]
    assert stereo.count_nonzero() == 4


def test_replicas_share_one_graph():
    batch = GraphBatch.from_graphs([WATER, BUTENE, WATER])
    assert batch.graphs == (WATER, BUTENE)
    assert batch.index.tolist() == [0, 1, 0]
    replicas = GraphBatch.replicate(WATER, 4)
    assert replicas.graphs == (WATER,)
    assert replicas.mask.shape == (4, 3)


@pytest.mark.parametrize("systems", [torch.tensor([2, 1]), torch.tensor([False, True, True])])
def test_selecting_keeps_tables_and_picks_systems(systems):
    batch = GraphBatch.from_graphs([WATER, BUTENE, WATER])
    chosen = batch.select(systems)
    assert chosen.graphs is batch.graphs
    assert sorted(chosen.n_atoms.tolist()) == [3, 6]
    assert torch.equal(chosen.mask.sum(1), chosen.n_atoms)


def test_taking_leaves_tables_of_other_molecules_behind():
    batch = GraphBatch.from_graphs([WATER, BUTENE, CHAIN, WATER])
    chosen = batch.take(torch.tensor([3, 1, 0]))
    assert chosen.graphs == (WATER, BUTENE, WATER)
    assert chosen.systems == [WATER, BUTENE, WATER]
    for name in ("atomic_numbers", "topological_distances", "tetrahedral", "pair_stereo"):
        assert torch.equal(getattr(chosen, name), getattr(batch, name)[[0, 1, 0]])
    assert torch.equal(chosen.mask, batch.mask[[3, 1, 0]])


def test_moving_to_the_same_device_is_free():
    batch = GraphBatch.replicate(WATER, 2)
    assert batch.to("cpu") is batch


def test_an_empty_batch_is_refused():
    with pytest.raises(GraphError, match="at least one system"):
        GraphBatch.from_graphs([])
