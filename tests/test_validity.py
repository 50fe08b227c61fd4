import numpy as np
import pytest
import torch

from ase_tito.errors import GraphError
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.validity import CHECKS, check
from tests.molecules import NAMES, molecule


def check_one(graph, positions, dtype=torch.float64):
    return check(GraphBatch.replicate(graph, 1), torch.as_tensor(positions, dtype=dtype)[None])


def failures(validity, system=0):
    return {name for name in CHECKS if not bool(getattr(validity, name)[system])}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", NAMES)
def test_regular_geometries_pass(name, dtype):
    validity = check_one(*molecule(name), dtype=dtype)
    assert validity.valid.tolist() == [True]
    assert validity.describe(0) == "valid"


@pytest.mark.parametrize("name", NAMES)
def test_so_do_thermal_ones(name):
    graph, positions = molecule(name)
    noise = 0.025 * torch.randn(
        200, *positions.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    batch = GraphBatch.replicate(graph, 200)
    assert check(batch, torch.from_numpy(positions) + noise).valid.all()


@pytest.mark.parametrize("name", NAMES)
def test_and_source_samples_do_not(name):
    graph, positions = molecule(name)
    noise = torch.randn(100, *positions.shape, generator=torch.Generator().manual_seed(0))
    assert not check(GraphBatch.replicate(graph, 100), noise).valid.any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_positions_that_are_not_finite(value):
    graph, positions = molecule("2-butanol")
    positions[4, 1] = value
    validity = check_one(graph, positions)
    assert not validity.finite.any()
    assert not validity.valid.any()
    assert validity.describe(0) == "the position of atom 4 is not finite"


@pytest.mark.parametrize("factor", [0.75, 1.3])
def test_bonds_out_of_range(factor):
    graph, positions = molecule("2-butanol")
    hydroxyl = next(
        int(a if b == 2 else b)
        for a, b in graph.bonds
        if 2 in (a, b) and graph.atomic_numbers[a if b == 2 else b] == 1
    )
    bond = positions[hydroxyl] - positions[2]
    positions[hydroxyl] = positions[2] + factor * bond
    validity = check_one(graph, positions)
    assert failures(validity) == {"bonds"}
    length = factor * np.linalg.norm(bond)
    assert validity.describe(0) == f"bond O2-H{hydroxyl} is {length:.2f} Å (allowed 0.78 to 1.16)"


def test_a_single_bond_may_not_be_as_short_as_a_triple_bond():
    triple = MolecularGraph([6, 6, 1, 1], [(0, 1), (0, 2), (1, 3)])
    acetylene = np.array([[0, 0, 0.6], [0, 0, -0.6], [0, 0, 1.66], [0, 0, -1.66]])
    assert check_one(triple, acetylene).valid.all()
    graph, positions = molecule("2-butanol")
    far = graph.bond_distances[:, 1] < graph.bond_distances[:, 3]
    shift = positions[3] - positions[1]
    positions[far] += shift * (1 - 1.2 / np.linalg.norm(shift))
    assert not check_one(graph, positions).bonds.any()


def test_atoms_in_each_other_s_way():
    graph, positions = molecule("n-methylacetamide")
    ends = np.argwhere((graph.atomic_numbers[:, None] == 1) & (graph.bond_distances == 5))
    i, j = ends[0]
    positions[i] = positions[j] + [0.5, 0, 0]
    validity = check_one(graph, positions)
    assert "clashes" in failures(validity)
    description = validity.describe(0)
    assert f"contact H{min(i, j)}-H{max(i, j)} is 0.50 Å (at least 1.20 allowed)" in description


def test_collapsed_angles_are_clashes():
    # water bent to 60 degrees
    water = MolecularGraph([8, 1, 1], [(0, 1), (0, 2)])
    for half, fine in ((np.radians(52), True), (np.radians(30), False)):
        x = [[0, 0, 0], *([0.96 * np.cos(half), s * 0.96 * np.sin(half), 0] for s in (1, -1))]
        assert check_one(water, x).clashes.tolist() == [fine]


@pytest.mark.parametrize("name", ["2-butanol", "threonine"])
def test_mirror_images_have_the_wrong_handedness(name):
    graph, positions = molecule(name)
    validity = check_one(graph, -positions)
    assert failures(validity) == {"tetrahedral"}
    assert "is inverted" in validity.describe(0)
    assert check_one(graph.mirrored(), -positions).valid.all()


def test_one_inverted_centre_of_two_is_enough():
    graph, positions = molecule("threonine")
    labels = graph.tetrahedral.copy()
    labels[3] *= -1
    diastereomer = MolecularGraph(graph.atomic_numbers, graph.bonds, labels)
    assert check_one(diastereomer, positions).describe(0) == "stereocentre C3 is inverted"


def test_cis_and_trans_are_told_apart():
    trans, positions = molecule("e-2-butene")
    cis = MolecularGraph(
        trans.atomic_numbers, trans.bonds, None, trans.double_bonds * [1, 1, 1, 1, -1]
    )
    validity = check_one(cis, positions)
    assert failures(validity) == {"double_bonds"}
    assert validity.describe(0) == "double bond C1=C2 is inverted"
    assert check_one(trans, -positions).valid.all()


def test_a_flattened_centre_has_lost_its_shape():
    graph, positions = molecule("2-butanol")
    around = [int(a if b == 1 else b) for a, b in graph.bonds if 1 in (a, b)]
    square = np.array([[1.0, 0, 0], [0, 1.0, 0], [-1.0, 0, 0], [0, -1.0, 0]])
    positions[around] = positions[1] + square
    validity = check_one(graph, positions)
    assert "tetrahedral" in failures(validity)
    assert "stereocentre C1 has lost its shape" in validity.describe(0)


def test_systems_are_checked_one_by_one():
    names = ["2-butanol", "e-2-butene", "ethanimine", "threonine"]
    pairs = [molecule(name) for name in names]
    graphs = [graph for graph, _ in pairs]
    batch = GraphBatch.from_graphs([*graphs, graphs[0]])
    positions = torch.zeros(5, batch.mask.shape[1], 3)
    for k, (_, x) in enumerate([*pairs, pairs[0]]):
        positions[k, : len(x)] = torch.from_numpy(x)
    positions[3] = -positions[3]  # the wrong enantiomer
    positions[4, 0] += 5  # a torn bond
    validity = check(batch, positions)
    assert validity.valid.tolist() == [True, True, True, False, False]
    assert failures(validity, 3) == {"tetrahedral"}
    assert "bonds" in failures(validity, 4)
    for k in range(5):
        assert {CHECKS[c] for c in np.flatnonzero(validity.failed[k])} == failures(validity, k)


def test_padding_does_not_matter():
    small, x = molecule("ethanimine")
    large, y = molecule("threonine")
    batch = GraphBatch.from_graphs([small, large])
    positions = torch.full((2, large.n_atoms, 3), torch.nan, dtype=torch.float64)
    positions[0, : len(x)] = torch.from_numpy(x)
    positions[1] = torch.from_numpy(y)
    assert check(batch, positions).valid.all()


def test_the_check_follows_motion_and_order_of_atoms():
    graph, positions = molecule("threonine")
    order = np.random.default_rng(1).permutation(graph.n_atoms)
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    rotation *= np.linalg.det(rotation)
    assert check_one(graph.permuted(order), positions[order] @ rotation + 7).valid.all()


def test_the_check_works_on_selected_systems_and_leaves_its_input_alone():
    graph, positions = molecule("e-2-butene")
    x = torch.from_numpy(positions).repeat(3, 1, 1)
    x[1] *= 2
    before = x.clone()
    batch = GraphBatch.replicate(graph, 3)
    validity = check(batch, x)
    assert torch.equal(x, before)
    bad = ~validity.valid
    assert bad.tolist() == [False, True, False]
    assert check(batch.select(bad), x[bad]).valid.tolist() == [False]


def test_refuses_positions_of_another_shape():
    graph, positions = molecule("e-2-butene")
    with pytest.raises(ValueError, match="batch's shape"):
        check(GraphBatch.replicate(graph, 2), torch.from_numpy(positions))


def test_refuses_labels_on_atoms_that_are_no_stereocentres():
    graph, positions = molecule("e-2-butene")
    labels = np.zeros(graph.n_atoms, int)
    labels[0] = 1
    wrong = MolecularGraph(graph.atomic_numbers, graph.bonds, labels)
    with pytest.raises(GraphError, match="atom 0 has a tetrahedral label but is no stereocentre"):
        check_one(wrong, positions)
