import numpy as np
import pytest
from ase.build import molecule
from scipy.spatial.transform import Rotation

from ase_tito.analysis.gyration import radius_of_gyration
from ase_tito.errors import DataError


def test_two_points_are_half_their_distance_from_the_middle():
    assert radius_of_gyration([[[0, 0, 0], [0, 0, 3.0]]]) == pytest.approx([1.5])
    # the centre of mass is a quarter of the way: (3 (d/4)² + (3d/4)²)/4 = 3 d²/16
    heavy = radius_of_gyration([[[0, 0, 0], [0, 0, 4.0]]], [3.0, 1.0])
    assert heavy == pytest.approx([np.sqrt(3)])


def test_it_agrees_with_moments_of_inertia_and_ignores_motion():
    atoms = molecule("C6H6")
    masses = atoms.get_masses()
    expected = np.sqrt(sum(atoms.get_moments_of_inertia()) / (2 * masses.sum()))
    moved = atoms.positions @ Rotation.random(rng=0).as_matrix() + 7.0
    found = radius_of_gyration([atoms.positions, moved], masses)
    np.testing.assert_allclose(found, expected)


def test_bad_arguments_are_named():
    with pytest.raises(DataError, match="shape"):
        radius_of_gyration(np.zeros((3, 3)))
    with pytest.raises(DataError, match="2 positive numbers"):
        radius_of_gyration(np.zeros((1, 2, 3)), [1.0, 0.0])
