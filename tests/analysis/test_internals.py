import numpy as np
import pytest
from ase import Atoms
from scipy.spatial.transform import Rotation

from ase_tito.analysis import angles, dihedrals, distances, sine_cosine
from ase_tito.errors import DataError

QUADRUPLES = np.array([[0, 1, 2, 3], [2, 0, 4, 1]])


@pytest.fixture
def frames():
    return np.random.default_rng(0).normal(size=(20, 5, 3))


def test_values_agree_with_ase(frames):
    """ASE's angles are in degrees, its dihedrals within 0 to 360."""
    atoms = [Atoms("C5", positions=frame) for frame in frames]
    expected = [[a.get_dihedral(*q) for q in QUADRUPLES] for a in atoms]
    difference = dihedrals(frames, QUADRUPLES) - np.radians(expected)
    np.testing.assert_allclose(np.cos(difference), 1, atol=1e-5)
    np.testing.assert_allclose(np.sin(difference), 0, atol=1e-3)
    expected = [[a.get_angle(0, 1, 2)] for a in atoms]
    np.testing.assert_allclose(np.degrees(angles(frames, [[0, 1, 2]])), expected, atol=0.1)
    expected = [[a.get_distance(0, 3)] for a in atoms]
    np.testing.assert_allclose(distances(frames, [[0, 3]]), expected, rtol=1e-5)


def test_rotation_and_translation_change_nothing_and_a_mirror_the_sign(frames):
    moved = frames @ Rotation.random(rng=1).as_matrix() + [1.0, -2.0, 3.0]
    torsions = dihedrals(frames, QUADRUPLES)
    np.testing.assert_allclose(dihedrals(moved, QUADRUPLES), torsions, atol=1e-3)
    np.testing.assert_allclose(distances(moved, [[1, 4]]), distances(frames, [[1, 4]]), rtol=1e-5)
    np.testing.assert_allclose(dihedrals(-frames, QUADRUPLES), -torsions, atol=1e-3)


def test_a_trans_torsion_stays_within_the_circle():
    """Its single-precision value, π rounded up, is above π."""
    trans = np.array([[[1.0, 1, 0], [0, 1, 0], [0, 0, 0], [-1, 0, 0]]])
    value = dihedrals(trans, [[0, 1, 2, 3]])
    assert -np.pi <= value[0, 0] < np.pi
    np.testing.assert_allclose(np.abs(value), np.pi, atol=1e-6)


def test_sines_and_cosines_do_not_jump_at_the_circle_s_end():
    step = sine_cosine([[np.pi - 1e-6]]) - sine_cosine([[-np.pi + 1e-6]])
    assert np.abs(step).max() < 1e-5


def test_bad_arguments_are_named(frames):
    with pytest.raises(DataError, match="shape"):
        dihedrals(frames[0], QUADRUPLES)
    with pytest.raises(DataError, match="atom index 5"):
        distances(frames, [[0, 5]])
    with pytest.raises(DataError, match="atom index -1"):
        distances(frames, [[0, -1]])
