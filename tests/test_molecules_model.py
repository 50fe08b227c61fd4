"""The shipped model of small molecules, on molecules that it was not trained on."""

import numpy as np
import pytest
from ase import Atoms, units
from ase.build import molecule

from ase_tito.dynamics import TITODynamics, TITOEnsemble
from ase_tito.graph import MolecularGraph
from ase_tito.models import load_model, select_model
from ase_tito.structure import graph_from_atoms

PS = 1000 * units.fs


@pytest.fixture
def ethanol():
    return molecule("CH3CH2OH")


def test_ethanol_finds_its_model(ethanol):
    assert select_model(graph_from_atoms(ethanol), 300.0).name == "molecules"
    dynamics = TITODynamics(ethanol, 100 * PS, temperature_K=300, rng=np.random.default_rng(0))
    assert dynamics.todict()["model"] == "molecules"
    start = ethanol.get_all_distances()
    dynamics.run(10)
    bonds = graph_from_atoms(ethanol).bonds
    assert np.allclose(ethanol.get_all_distances()[tuple(bonds.T)], start[tuple(bonds.T)], atol=0.2)


def test_most_first_proposals_are_valid_also_far_from_equilibrium(ethanol):
    graph = graph_from_atoms(ethanol)
    ensemble = replicas(ethanol, graph, 16, seed=0)
    valid = np.array([jump.first_valid for jump in ensemble.irun(12)])
    assert valid.mean() > 0.95


def test_butane_is_gauche_and_trans():
    butane = molecule("trans-butane")
    graph = graph_from_atoms(butane)
    assert isinstance(graph, MolecularGraph)
    carbons = chain(graph)
    ensemble = replicas(butane, graph, 32, seed=1)
    angles = []
    for _ in ensemble.irun(10):
        for k in range(32):
            butane.positions = ensemble.positions(k)
            angles.append(butane.get_dihedral(*carbons))
    trans = np.mean(np.abs(np.array(angles[64:]) - 180) < 60)
    assert 0.3 < trans < 0.95  # GAFF2 in vacuum: some two thirds
    gauche = np.array(angles[64:])
    assert (gauche < 120).any()
    assert (gauche > 240).any()


def replicas(atoms: Atoms, graph: MolecularGraph, count: int, *, seed: int) -> TITOEnsemble:
    """Jumps of 100 ps from one geometry."""
    start = np.repeat(atoms.positions[None], count, 0)
    operator = load_model("molecules")
    return TITOEnsemble(operator, graph, start, 100.0, temperature_K=300.0, seed=seed)


def chain(graph: MolecularGraph) -> list[int]:
    """The four carbons in order."""
    carbons = np.flatnonzero(graph.atomic_numbers == 6)
    steps = graph.bond_distances[np.ix_(carbons, carbons)]
    first = int(np.argmax(steps.max(1)))
    return carbons[np.argsort(steps[first])].tolist()
