"""Any ASE calculator, integrated by ASE."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import write

pytest.importorskip("openmm")

from ase_tito.errors import ConfigError, StructureError
from ase_tito.md.ase_langevin import AseLangevinEngine, load_calculator
from ase_tito.md.build import MOLECULE, engine, prepare
from ase_tito.md.calculator import OpenMMCalculator
from ase_tito.md.molecule import load_molecule
from ase_tito.md.plan import CalculatorPlan, MoleculePlan
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
            Atoms(graph.atomic_numbers), OpenMMCalculator(ethanol_system), SETTINGS, masses
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


TELLTALE = """
from ase.calculators.calculator import Calculator

class Telltale(Calculator):
    implemented_properties = ["energy", "forces"]

    def calculate(self, atoms, properties, changes):
        super().calculate(atoms, properties, changes)
        charge, moments = atoms.get_initial_charges().sum(), atoms.get_initial_magnetic_moments()
        energy = charge + 10 * moments.sum() + 100 * atoms.info.get("spin", 0)
        energy += 1000 * atoms.get_masses()[-1]
        self.results = {"energy": energy, "forces": 0 * atoms.positions}
"""
"""Its energy says what it was shown."""


@pytest.fixture
def telltale(tmp_path):
    """The energy of a structure's plan, in a folder of its own."""
    (tmp_path / "telltale.py").write_text(TELLTALE)
    plan = CalculatorPlan(tmp_path / "water.xyz", f"{tmp_path / 'telltale.py'}:Telltale")
    settings = LangevinSettings(
        time_step_fs=1, hydrogen_mass_amu=1.008, frame_spacing_ps=0.001, equilibration_ps=0
    )
    molecule_plan = MoleculePlan("water", 1.0, calculator=plan, settings=settings)

    def energy():
        built = prepare(molecule_plan, tmp_path, 0)
        own = engine(molecule_plan, built, tmp_path)
        return built, own.block(own.start(built.starts[0], 1), 2, 1, nothing).energies[0]

    return energy


def test_a_calculator_sees_charges_moments_isotopes_and_info(telltale, tmp_path):
    atoms = molecule("H2O")
    atoms.set_initial_charges([-1, 0, 0])
    atoms.set_initial_magnetic_moments([0, 2, 0])
    atoms.set_masses([None, None, 2.5])
    atoms.info["spin"] = 3
    write(tmp_path / "water.xyz", atoms)
    built, energy = telltale()
    assert energy == pytest.approx(-1 + 20 + 300 + 2500)
    assert built.charge == -1
    atoms.info["charge"] = -2  # says more than partial charges do
    write(tmp_path / "water.xyz", atoms)
    (tmp_path / MOLECULE).unlink()
    assert telltale()[0].charge == -2


def test_molecules_of_older_versions_have_no_template(telltale, tmp_path):
    write(tmp_path / "water.xyz", molecule("H2O"))
    telltale()
    with np.load(tmp_path / MOLECULE) as archive:
        kept = {key: archive[key] for key in archive if key != "template"}
    np.savez(tmp_path / MOLECULE, **kept)
    assert load_molecule(tmp_path / MOLECULE).template is None
    assert telltale()[1] == pytest.approx(1008)


def test_a_charge_that_is_no_number_is_refused(telltale, tmp_path):
    atoms = molecule("H2O")
    atoms.info["charge"] = "minus one"
    write(tmp_path / "water.xyz", atoms)
    with pytest.raises(
        StructureError, match=r"the charge of its info must be a number, not .minus"
    ):
        telltale()


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
