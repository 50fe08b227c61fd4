"""Any ASE calculator, integrated by ASE."""

import numpy as np
import pytest

pytest.importorskip("openmm")

from ase_tito.errors import ConfigError
from ase_tito.md.ase_langevin import AseLangevinEngine, load_calculator
from ase_tito.md.calculator import OpenMMCalculator
from ase_tito.md.settings import LangevinSettings
from ase_tito.md.system import repartitioned_masses

SETTINGS = LangevinSettings(frame_spacing_ps=0.05, equilibration_ps=0.5, friction_per_ps=5)


def nothing(_):
    pass


@pytest.fixture
def make(ethanol_molecule, ethanol_system):
    graph = ethanol_molecule.graph
    masses = repartitioned_masses(graph, 4.0)

    def engine():
        return AseLangevinEngine(
            graph.atomic_numbers, OpenMMCalculator(ethanol_system), SETTINGS, masses
        )

    return engine


def test_temperature_and_energies(make, ethanol_molecule, ethanol_system):
    from ase_tito.md.energies import potential_energies

    engine = make()
    block = engine.block(engine.start(ethanol_molecule.starts[0], 1), 2, 100, nothing)
    error = 300 * np.sqrt(2 / (27 * 25))
    assert block.counts["kinetic_temperature_K"] == pytest.approx(300, abs=4 * error)
    np.testing.assert_allclose(block.positions.mean(1), 0, atol=1e-6)
    np.testing.assert_allclose(
        potential_energies(ethanol_system, block.positions), block.energies, atol=1e-4
    )


def test_a_state_is_all_there_is(make, ethanol_molecule):
    engine = make()
    state = engine.start(ethanol_molecule.starts[0], 1)
    first = engine.block(state, 1, 3, nothing)
    second = engine.block(first.state, 2, 3, nothing)
    fresh = make().block(first.state, 2, 3, nothing)
    assert np.array_equal(second.positions, fresh.positions)
    assert np.array_equal(make().block(state, 1, 3, nothing).positions, first.positions)


def test_calculators_are_loaded_or_made(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from ase.calculators.emt import EMT\nready = EMT()\nnumber = 3\n"
        "def wrong():\n    return 3\n"
    )
    assert load_calculator(f"{path}:ready").name == "emt"
    assert load_calculator(f"{path}:EMT").name == "emt"
    for name, reason in (
        ("mine.py", "given as FILE.py:NAME"),
        (f"{tmp_path / 'no.py'}:x", "no such file"),
        (f"{path}:absent", "defines no 'absent'"),
        (f"{path}:number", "neither a calculator nor makes one"),
        (f"{path}:wrong", "makes no ASE calculator"),
    ):
        with pytest.raises(ConfigError, match=reason):
            load_calculator(name)
