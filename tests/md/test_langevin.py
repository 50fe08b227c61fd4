"""Langevin dynamics: right temperature, equal bits."""

import numpy as np
import pytest

pytest.importorskip("openmm")

from ase_tito.errors import DataError
from ase_tito.md.engine import seed_of
from ase_tito.md.langevin import LangevinEngine
from ase_tito.md.settings import LangevinSettings

SETTINGS = LangevinSettings(frame_spacing_ps=0.1, equilibration_ps=5)


def nothing(_):
    pass


@pytest.fixture
def engine(ethanol_system):
    return LangevinEngine(ethanol_system, SETTINGS)


def test_equal_seeds_equal_bits(engine, ethanol_molecule, ethanol_system):
    start = ethanol_molecule.starts[0]
    state = engine.start(start, 5)
    block = engine.block(state, 7, 20, nothing)
    again = LangevinEngine(ethanol_system, SETTINGS)
    assert np.array_equal(again.start(start, 5)["positions_nm"], state["positions_nm"])
    same, other = (again.block(state, seed, 20, nothing) for seed in (7, 8))
    for key in block.state:
        assert np.array_equal(same.state[key], block.state[key])
    assert np.array_equal(same.positions, block.positions)
    assert np.array_equal(same.energies, block.energies)
    assert not np.array_equal(other.positions, block.positions)


def test_frames_are_centred_and_energies_are_theirs(engine, ethanol_molecule, ethanol_system):
    from ase_tito.md.energies import potential_energies

    block = engine.block(engine.start(ethanol_molecule.starts[0], 1), 2, 10, nothing)
    assert block.positions.dtype == np.float32
    np.testing.assert_allclose(block.positions.mean(1), 0, atol=1e-6)
    np.testing.assert_allclose(
        potential_energies(ethanol_system, block.positions), block.energies, atol=1e-4
    )


def test_temperature_and_heat(engine, ethanol_molecule):
    """27 degrees of freedom in 3000 frames of 0.1 ps, correlated over some 1/γ = 1 ps."""
    times = []
    block = engine.block(engine.start(ethanol_molecule.starts[0], 1), 3, 3000, times.append)
    assert sum(times) == pytest.approx(300)
    error = 300 * np.sqrt(2 / (27 * 300))
    assert block.counts["kinetic_temperature_K"] == pytest.approx(300, abs=4 * error)
    # nearly harmonic: the potential energy fluctuates like that of 21 modes
    spread = block.energies.std() / (8.617e-5 * 300)
    assert spread == pytest.approx(np.sqrt(21 / 2), rel=0.15)


def test_an_explosion_is_told(ethanol_system, ethanol_molecule):
    engine = LangevinEngine(ethanol_system, SETTINGS)
    state = engine.start(ethanol_molecule.starts[0], 1)
    state["velocities_nm_per_ps"] = state["velocities_nm_per_ps"] * np.nan
    with pytest.raises(DataError, match="use a shorter time step"):
        engine.block(state, 1, 10, nothing)


def test_seeds_depend_on_every_part_of_their_key():
    seeds = {seed_of(*key) for key in [(0, "a", 1), (0, "a", 2), (1, "a", 1), (0, "b", 1), (0,)]}
    assert len(seeds) == 5
    assert all(0 < seed < 2**31 for seed in seeds)
    assert seed_of(0, "a", 1) == seed_of(0, "a", 1)
