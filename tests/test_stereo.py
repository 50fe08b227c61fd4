import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ase_tito.graph import MolecularGraph
from ase_tito.stereo import cisness, handedness, stereogenic_double_bonds, tetrahedral_centres
from tests.molecules import molecule

TETRAHEDRON = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]).double()
ORIGIN = torch.zeros(3).double()


def test_handedness_of_regular_tetrahedra_is_one():
    value = float(handedness(ORIGIN, TETRAHEDRON))
    assert abs(value) == pytest.approx(1)
    assert float(handedness(ORIGIN, -TETRAHEDRON)) == pytest.approx(-value)
    swapped = TETRAHEDRON[[1, 0, 2, 3]]
    assert float(handedness(ORIGIN, swapped)) == pytest.approx(-value)


def test_handedness_does_not_depend_on_bond_lengths():
    lengths = torch.tensor([0.9, 1.1, 1.5, 1.8]).double()[:, None]
    stretched = float(handedness(ORIGIN, lengths * TETRAHEDRON))
    assert stretched == pytest.approx(float(handedness(ORIGIN, TETRAHEDRON)))


def test_a_planar_centre_has_no_handedness():
    square = torch.tensor([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]).double()
    assert float(handedness(ORIGIN, square)) == pytest.approx(0)


@pytest.mark.parametrize("degrees", [0, 60, 90, 135, 180, 250])
def test_cisness_is_the_cosine_of_the_torsion(degrees):
    angle = np.radians(degrees)
    a, i, j = torch.tensor([[1.0, 0.3, 0], [0, 0, 0], [0, 1.3, 0]]).double()
    b = j + torch.tensor([1.1 * np.cos(angle), 0.4, 1.1 * np.sin(angle)])
    assert float(cisness(a, i, j, b)) == pytest.approx(np.cos(angle))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_measures_ignore_motion_and_only_handedness_sees_mirrors(seed):
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    rotation = torch.linalg.qr(
        torch.randn(3, 3, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
    ).Q
    rotation = rotation * torch.linalg.det(rotation)
    moved = x @ rotation + 3
    assert torch.allclose(handedness(moved[0], moved[1:]), handedness(x[0], x[1:]))
    assert torch.allclose(handedness(-x[0], -x[1:]), -handedness(x[0], x[1:]))
    assert torch.allclose(cisness(*moved[:4]), cisness(*x[:4]))
    assert torch.allclose(cisness(*-x[:4]), cisness(*x[:4]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2-butanol", [1]),
        ("threonine", [1, 3]),
        ("e-2-butene", []),
        ("n-methylacetamide", []),
    ],
)
def test_tetrahedral_centres(name, expected):
    assert tetrahedral_centres(molecule(name)[0])[0].tolist() == expected


def test_three_coordinate_nitrogen_is_no_centre():
    # N(H)(F)(Cl)
    graph = MolecularGraph([7, 1, 9, 17], [(0, 1), (0, 2), (0, 3)])
    assert len(tetrahedral_centres(graph)[0]) == 0


def test_ring_branches_that_are_alike_make_no_centre():
    # the carbon that carries the methyl group of methylcyclopropane
    bonds = [(0, 1), (1, 2), (2, 0), (0, 3), (0, 4), (1, 5), (1, 6), (2, 7), (2, 8)]
    bonds += [(3, 9), (3, 10), (3, 11)]
    graph = MolecularGraph([6] * 4 + [1] * 8, bonds)
    assert len(tetrahedral_centres(graph)[0]) == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("e-2-butene", [[0, 1, 2, 3]]),
        ("e-pentadiene", [[0, 1, 2, 3]]),  # the other C=C ends in CH2
        ("ethanimine", [[0, 1, 2, 3]]),  # the lone pair is the other substituent of N
        ("azomethane", [[0, 1, 2, 3]]),
        ("methylstyrene", [[0, 1, 2, 3]]),
        ("z-cyclooctene", [[3, 4, 5, 6]]),
        ("cyclohexene", []),
        ("dimethylbenzene", []),
        ("n-methylacetamide", []),
        ("threonine", []),
    ],
)
def test_stereogenic_double_bonds(name, expected):
    assert stereogenic_double_bonds(molecule(name)[0]).tolist() == expected
