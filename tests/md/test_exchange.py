"""Replica exchange keeps Boltzmann's law at every temperature."""

import math

import numpy as np
import pytest

pytest.importorskip("openmm")

import openmm

from ase_tito.errors import ConfigError
from ase_tito.graph import MolecularGraph
from ase_tito.md.exchange import ExchangeEngine, ExchangeSettings, swap_log_probability
from ase_tito.md.langevin import GAS_CONSTANT
from ase_tito.md.settings import LangevinSettings
from tests.molecules import molecule

SETTINGS = LangevinSettings(frame_spacing_ps=0.2, equilibration_ps=2)


def nothing(_):
    pass


@pytest.fixture(scope="module")
def double_wells():
    """Three particles in x⁴ - 2 x² wells of 12 kJ/mol, harmonic in y and z; a chain as graph."""
    system = openmm.System()
    force = openmm.CustomExternalForce(
        "12*((10*x)^4 - 2*(10*x)^2 + 1) + 2000*(y^2 + z^2)"  # wells at ±1 Å
    )
    for k in range(3):
        system.addParticle(4.0)
        force.addParticle(k)
    system.addForce(force)
    return system, MolecularGraph([6, 6, 6], [(0, 1), (1, 2)])


def test_swap_probability_keeps_the_joint_distribution():
    temperatures, energies = (300.0, 400.0), (-10.0, 5.0)

    def log_weight(first, second):
        return -first / (GAS_CONSTANT * 300) - second / (GAS_CONSTANT * 400)

    expected = log_weight(5.0, -10.0) - log_weight(-10.0, 5.0)
    assert swap_log_probability(temperatures, energies) == pytest.approx(expected)
    assert expected < 0
    assert swap_log_probability(temperatures, (5.0, -10.0)) == pytest.approx(-expected)


def test_ladder():
    ladder = ExchangeSettings(1.0, 900.0, 3).ladder(300.0, 20)
    np.testing.assert_allclose(ladder, [300, 300 * 3**0.5, 900])
    sizes = [len(ExchangeSettings(1.0).ladder(300.0, n)) for n in (10, 20, 60)]
    assert sizes == sorted(sizes)
    assert sizes[0] >= 4
    assert sizes[-1] <= 12


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"time_ns": 0}, "exchange.time_ns must be positive"),
        ({"time_ns": 1, "rungs": 1}, "exchange.rungs must be a whole number from 2"),
        ({"time_ns": 1, "highest_temperature_K": 290.0}, "290 is not above the simulation's 300 K"),
    ],
)
def test_refusals(entries, reason):
    with pytest.raises(ConfigError, match=reason):
        ExchangeSettings(**entries).ladder(300.0, 10)


def test_wells_are_crossed_and_energies_are_boltzmann(double_wells):
    """At 300 K alone a crossing is rare: the barrier is 4.8 kT. ⟨U⟩ by quadrature."""
    system, graph = double_wells
    engine = ExchangeEngine(system, SETTINGS, np.geomspace(300, 1200, 4), graph)
    state = engine.start(np.array([[1.0, 0, 0]] * 3), 1)
    blocks = []
    for k in range(4):
        blocks.append(engine.block(state, 10 + k, 1000, nothing))
        state = blocks[-1].state
    energies = np.concatenate([block.energies for block in blocks]) / 0.010364269
    x = np.linspace(-3, 3, 2001)
    u = 12 * (x**4 - 2 * x**2 + 1)
    weight = np.exp(-u / (GAS_CONSTANT * 300))
    expected = 3 * ((u * weight).sum() / weight.sum() + GAS_CONSTANT * 300)
    error = energies.std() / math.sqrt(4000 * 0.2 / 2)  # a relaxation time of some 1/γ
    assert energies.mean() == pytest.approx(expected, abs=4 * error)
    counts = {key: sum(block.counts[key] for block in blocks) for key in blocks[0].counts}
    assert (counts["accepted"] > 0.2 * counts["attempted"]).all()
    assert (counts["accepted"] < counts["attempted"]).all()
    assert counts["attempted"].sum() == pytest.approx(4000 * 1.5, rel=0.02)
    assert counts["round_trips"] > 20
    assert sorted(state["replicas"].tolist()) == [0, 1, 2, 3]


def test_equal_seeds_equal_bits_and_a_state_is_all_there_is(double_wells):
    system, graph = double_wells
    ladder = np.geomspace(300, 600, 3)
    first = ExchangeEngine(system, SETTINGS, ladder, graph)
    state = first.start(np.array([[1.0, 0, 0]] * 3), 1)
    block = first.block(state, 2, 20, nothing)
    after = first.block(block.state, 3, 20, nothing)
    fresh = ExchangeEngine(system, SETTINGS, ladder, graph).block(block.state, 3, 20, nothing)
    assert np.array_equal(after.positions, fresh.positions)
    for key in after.state:
        assert np.array_equal(after.state[key], fresh.state[key])


def test_labelled_double_bonds_are_held():
    """Bonds and angles only: nothing but the guard keeps butene from turning."""
    graph, positions = molecule("e-2-butene")
    system = openmm.System()
    bonds, angles = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    for z in graph.atomic_numbers:
        system.addParticle(12.0 if z > 1 else 4.0)
    for i, j in graph.bonds.tolist():
        bonds.addBond(i, j, 0.1 * np.linalg.norm(positions[i] - positions[j]), 3e5)
    for centre in range(graph.n_atoms):
        around = [k for pair in graph.bonds.tolist() if centre in pair for k in pair if k != centre]
        for a, i in enumerate(around):
            for j in around[:a]:
                u, v = (positions[k] - positions[centre] for k in (i, j))
                cosine = u @ v / (np.linalg.norm(u) * np.linalg.norm(v))
                angles.addAngle(i, centre, j, math.acos(cosine), 500.0)
    system.addForce(bonds)
    system.addForce(angles)
    settings = LangevinSettings(frame_spacing_ps=0.1, equilibration_ps=0)
    engine = ExchangeEngine(system, settings, np.array([300.0, 500.0]), graph)
    block = engine.block(engine.start(positions, 1), 1, 300, nothing)
    from ase_tito.analysis.geometry import check_frames

    assert block.counts["taken_back"] > 10
    assert not check_frames(block.positions, graph).cis_trans_flips.any()
    assert len({frame.tobytes() for frame in block.positions}) > 100
