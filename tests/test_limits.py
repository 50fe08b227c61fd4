import numpy as np
import pytest

from ase_tito.errors import GraphError
from ase_tito.graph import MolecularGraph
from ase_tito.limits import distance_limits, labelled_stereochemistry
from ase_tito.stereo import cisness, handedness
from tests.molecules import NAMES, molecule


@pytest.mark.parametrize("name", NAMES)
def test_a_regular_geometry_keeps_its_limits(name):
    graph, positions = molecule(name)
    limits = distance_limits(graph)
    distances = np.linalg.norm(positions[:, None] - positions, axis=-1)
    assert (limits.lower == limits.lower.T).all()
    assert ((limits.lower <= distances) & (distances <= limits.upper)).all()
    np.testing.assert_array_equal(np.isfinite(limits.upper), limits.bonded)
    assert limits.bonded.sum() == 2 * len(graph.bonds)


@pytest.mark.parametrize("name", NAMES)
def test_labels_have_the_sign_of_their_geometry(name):
    """With NumPy arrays, that is; PyTorch's are checked where samples are."""
    graph, x = molecule(name)
    stereo = labelled_stereochemistry(graph)
    hands = handedness(x[stereo.centres], x[stereo.neighbours])
    assert isinstance(hands, np.ndarray)
    np.testing.assert_array_equal(np.sign(hands), stereo.hands)
    a, i, j, b, label = stereo.double_bonds.T
    np.testing.assert_array_equal(np.sign(cisness(x[a], x[i], x[j], x[b])), label)


def test_a_label_astray_is_named():
    graph, _ = molecule("2-butanol")
    labels = np.zeros(graph.n_atoms, int)
    labels[np.flatnonzero(graph.atomic_numbers == 8)[0]] = 1
    with pytest.raises(GraphError, match="no stereocentre"):
        labelled_stereochemistry(MolecularGraph(graph.atomic_numbers, graph.bonds, labels))
