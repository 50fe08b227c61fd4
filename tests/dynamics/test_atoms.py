"""Atoms that are fit for dynamics, with a graph that is known or without."""

import numpy as np
import pytest
from ase import Atoms

from ase_tito.dynamics.atoms import molecular_graph
from ase_tito.errors import StructureError, TITOWarning
from tests.molecules import molecule


@pytest.fixture
def flattened():
    """The graph of 2-butanol, and a frame whose stereocentre is planar."""
    graph, positions = molecule("2-butanol")
    (centre,) = np.flatnonzero(graph.tetrahedral)
    flat = positions.copy()
    square = np.array([[1.2, 0, 0], [0, 1.2, 0], [-1.2, 0, 0], [0, -1.2, 0]])
    flat[list(graph.neighbours[centre])] = flat[centre] + square
    return graph, Atoms(graph.atomic_numbers, flat)


def test_a_graph_that_is_known_loses_no_label_by_a_distorted_frame(flattened):
    graph, atoms = flattened
    assert molecular_graph(atoms, graph=graph) is graph  # and warns of nothing
    with pytest.warns(TITOWarning, match="is nearly planar"):
        assert not molecular_graph(atoms, bonds=graph.bonds).tetrahedral.any()


def test_frames_that_no_graph_can_be_made_of_are_refused_with_one_too(flattened):
    graph, atoms = flattened
    for change, text in (
        (lambda x: x.__setitem__((3, 1), np.nan), "the position of atom 3 is not finite"),
        (lambda x: x.__setitem__(4, x[5] + 0.1), "atoms 4 and 5 overlap"),
        (lambda x: x.__imul__(1e7), "from the origin: positions must be in Å"),
    ):
        wrong = atoms.copy()
        change(wrong.positions)
        with pytest.raises(StructureError, match=text):
            molecular_graph(wrong, graph=graph)
    with pytest.raises(StructureError, match="the graph is of other atoms"):
        molecular_graph(atoms[::-1], graph=graph)
