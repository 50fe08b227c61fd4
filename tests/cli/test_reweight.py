"""`ase-tito reweight` on a molecule of springs, whose law is symmetric in its torsion."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ase import units
from ase.build import molecule
from ase.constraints import FixAtoms
from ase.io import read, write

from ase_tito.cli.main import main
from ase_tito.errors import OutputError
from ase_tito.flow.density import Quadrature
from ase_tito.perception import build_graph
from ase_tito.reweighting import weighted_file
from ase_tito.reweighting.weighted_file import LOG_WEIGHT, read_weighted, reweight_to_file
from tests.reweighting.conftest import Springs

KT = units.kB * 300.0
CALCULATORS = """
from ase.build import molecule
from ase_tito.perception import build_graph
from tests.reweighting.conftest import Springs

atoms = molecule("H2O2")
graph = build_graph(atoms.numbers, atoms.positions)


def narrow():
    return Springs(graph, 0.55)


class Peroxide(Springs):
    def calculate(self, atoms=None, *arguments):
        assert atoms.get_initial_charges().tolist() == [-0.5, -0.5, 0.0, 0.0]
        assert atoms.get_initial_magnetic_moments()[0] == 1.0
        assert (atoms.info["charge"], len(atoms.constraints)) == (-1, 0)
        super().calculate(atoms, *arguments)


def anion():
    return Peroxide(graph, 0.55)
"""
BASINS = ("--basin", "plus", "2-0-1-3", 0, 180, "--basin", "minus", "2-0-1-3", -180, 0)


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """A directory with a molecule, a calculator, and a prior that is 10 % too wide."""
    from ase_tito.flow.source import HarmonicSource
    from ase_tito.testing import OrnsteinUhlenbeckField
    from ase_tito.transfer.domain import NO_LAGS, Domain
    from ase_tito.transfer.prior import BoltzmannPrior

    field = OrnsteinUhlenbeckField(relaxation_time_ps=1e-6, spread=0.6)
    domain = Domain(NO_LAGS, (300.0, 300.0), (1, 8), (3, 4))
    prior = BoltzmannPrior(field, HarmonicSource(), domain, name="springs")
    monkeypatch.setattr(weighted_file, "load_prior", lambda model: prior)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "springs.safetensors").write_bytes(b"the weights")
    (tmp_path / "calculators.py").write_text(CALCULATORS)
    write("molecule.xyz", molecule("H2O2"))
    return tmp_path


@pytest.fixture
def any_geometry(monkeypatch):
    """Springs of length zero hardly ever make a valid geometry: let all pass."""
    monkeypatch.setattr(
        weighted_file,
        "check",
        lambda batch, x: SimpleNamespace(valid=x.isfinite().flatten(1).all(1)),
    )


def reweight(*words, output="x.traj", samples=400, batch=200):
    words = (
        "molecule.xyz", "--model", "springs.safetensors", "--calculator", "calculators.py:narrow",
        "--output", output, "--samples", samples, "--batch-size", batch, "--quiet", *words,
    )  # fmt: skip
    return main(["reweight", *map(str, words)])


def test_weights_populations_and_free_energies(capsys, any_geometry):
    assert reweight(*BASINS) == 0
    out = capsys.readouterr().out
    assert "effective sample size" in out
    assert "F [kJ/mol]" in out
    report = json.loads(Path("x.json").read_text())
    frames = read("x.traj", ":")
    settings = report["settings"]
    assert settings["drawn"] == 400
    assert len(frames) == 400
    assert 0 < settings["integration_error"] < 0.05
    assert 100 < report["effective_sample_size"] < 390
    plus, minus = report["basins"]
    assert plus["population"] + minus["population"] == pytest.approx(1.0)
    assert plus["free_energy_eV"] == 0
    assert minus["low_eV"] < 0 < minus["high_eV"], "the two torsions are mirror images"
    exact = -KT * np.log(minus["population"] / plus["population"])
    assert minus["free_energy_eV"] == pytest.approx(exact)


def test_the_weights_are_those_of_the_two_known_laws(any_geometry):
    assert reweight() == 0
    frames, run = read_weighted("x.traj")
    energies = np.array([frame.get_potential_energy() for frame in frames])
    # U is that of N(0, .55² C), and log p_eq that of N(0, .6² C), up to a constant
    expected = energies / KT * ((0.55 / 0.6) ** 2 - 1)
    found = np.array([frame.info[LOG_WEIGHT] for frame in frames])
    assert np.ptp(found - expected) < 0.02
    assert np.ptp(found) > 1.0
    assert len(frames) == 400
    assert run.model == "springs"


def test_a_resumed_run_is_the_uninterrupted_one(capsys, any_geometry):
    assert reweight(samples=300, batch=100, output="whole.traj") == 0
    assert reweight(samples=100, batch=100) == 0
    assert reweight(samples=300, batch=100) == 2
    assert "exists" in capsys.readouterr().err
    assert reweight("--resume", samples=300, batch=100) == 0
    for one, other in zip(read("x.traj", ":"), read("whole.traj", ":"), strict=True):
        assert np.array_equal(one.positions, other.positions)
        assert one.info == other.info
    assert reweight("--resume", "--seed", 1, samples=400, batch=100) == 2
    assert "have seed 0, not 1" in capsys.readouterr().err
    assert reweight("--overwrite", "--seed", 1, samples=50) == 0
    assert read_weighted("x.traj")[1].drawn == 50


def test_samples_of_another_molecule_or_order_of_atoms_are_not_joined(capsys, any_geometry):
    assert reweight(samples=100, batch=100) == 0
    before = Path("x.traj").read_bytes()
    atoms = molecule("H2O2")
    # the same elements in the same places, each oxygen with the other one's hydrogen
    write("molecule.xyz", atoms[[0, 1, 3, 2]])
    assert reweight("--resume", samples=200, batch=100) == 2
    assert "of another molecule, or of another order of its atoms" in capsys.readouterr().err
    assert Path("x.traj").read_bytes() == before


def test_samples_of_an_edited_calculator_are_not_joined(workplace, capsys, any_geometry):
    assert reweight(samples=20, batch=20) == 0
    (workplace / "calculators.py").write_text(CALCULATORS.replace("0.55", "0.5"))
    assert reweight("--resume", samples=40, batch=20) == 2
    assert "before the file of calculators.py:narrow was changed" in capsys.readouterr().err
    assert read_weighted("x.traj")[1].drawn == 20


@pytest.mark.parametrize(
    "edit",
    [
        lambda atoms: atoms.set_initial_charges([-0.5, 0.5, 0.0, 0.0]),
        lambda atoms: atoms.set_initial_magnetic_moments([1.0, 0.0, 0.0, 0.0]),
        lambda atoms: atoms.set_masses([15.999, 15.999, 1.008, 2.014]),
        lambda atoms: atoms.info.update(charge=-1),
        lambda atoms: atoms.info.update(spin=3),
    ],
)
def test_samples_of_another_charge_spin_or_isotope_are_not_joined(capsys, any_geometry, edit):
    atoms = molecule("H2O2")
    write("molecule.traj", atoms)
    words = ("molecule.traj", "--model", "springs.safetensors", "--output", "x.traj", "--quiet")
    words += ("--calculator", "calculators.py:narrow", "--batch-size", "20", "--quadrature", "8x1")
    assert main(["reweight", *words, "--samples", "20"]) == 0
    atoms.rattle(0.01)  # coordinates alone may change
    write("molecule.traj", atoms)
    assert main(["reweight", *words, "--samples", "40", "--resume"]) == 0
    edit(atoms)
    write("molecule.traj", atoms)
    assert main(["reweight", *words, "--samples", "60", "--resume"]) == 2
    assert "other charges, magnetic moments or isotopes" in capsys.readouterr().err
    assert read_weighted("x.traj")[1].drawn == 40


def test_what_is_said_of_the_state_by_default_may_be_said(any_geometry):
    atoms = molecule("H2O2")
    graph = build_graph(atoms.numbers, atoms.positions)
    given = ("x.traj", "springs.safetensors", graph, Springs(graph, 0.55))
    options = {"batch_size": 20, "quadrature": Quadrature(8, 1), "existing": "resume"}
    reweight_to_file(*given, 20, **options)
    atoms.set_masses("defaults")
    atoms.set_initial_charges(-np.zeros(4))
    assert reweight_to_file(*given, 40, atoms=atoms, **options)[1].drawn == 40


def test_samples_without_a_digest_of_their_calculator_are_continued(any_geometry):
    """Those of older versions have none, nor those of a calculator that no file makes."""
    atoms = molecule("H2O2")
    graph = build_graph(atoms.numbers, atoms.positions)
    given = ("x.traj", "springs.safetensors", graph, Springs(graph, 0.55), 20)
    reweight_to_file(*given, calculator_name="calculators.py:narrow", batch_size=20)
    assert reweight("--resume", samples=40, batch=20) == 0
    assert read_weighted("x.traj")[1].drawn == 40


def test_batches_without_any_valid_sample_count(monkeypatch, any_geometry):
    accept_all = weighted_file.check
    tried = []

    def third_batch(batch, x):
        tried.append(len(x))
        found = accept_all(batch, x)
        return found if len(tried) % 3 == 0 else SimpleNamespace(valid=~found.valid)

    monkeypatch.setattr(weighted_file, "check", third_batch)
    assert reweight(samples=40, batch=20) == 2
    assert not Path("x.traj").exists()
    tried.clear()
    assert reweight("--resume", samples=60, batch=20) == 0
    frames, run = read_weighted("x.traj")
    assert (len(frames), run.drawn, run.batches, run.invalid) == (20, 60, 3, 40)
    assert 0 < run.integration_error < 0.05


def test_samples_of_another_quadrature_are_not_joined(any_geometry):
    atoms = molecule("H2O2")
    graph = build_graph(atoms.numbers, atoms.positions)
    given = ("x.traj", "springs.safetensors", graph, Springs(graph, 0.55))
    options = {"batch_size": 10, "existing": "resume"}
    reweight_to_file(*given, 10, quadrature=Quadrature(8, 2), **options)
    with pytest.raises(OutputError, match="have steps 2, not 3"):
        reweight_to_file(*given, 20, quadrature=Quadrature(8, 3), **options)
    assert read_weighted("x.traj")[1].drawn == 10


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--basin", "a", "phi", 0, 180), "no torsion has the name 'phi'"),
        (("--basin", "a", "2-0-1-9", 0, 180), "four different atoms from 0 to 3"),
        (("--basin", "a", "2-0-1-3", "low", 180), "needs two angles in degrees"),
        (("--basin", "a", "2-0-1-3", 0, 270), "between -180 and 180, not 270"),
        (("--basin", "a", "2-0-1-3", 30, 30), "is empty"),
        (("--calculator", "calculators.py:none"), "defines no 'none'"),
        (("--samples", 0), "count must be positive"),
        (("--temperature-K", 400), "400 K is outside"),
    ],
)
def test_refusals_come_before_anything_is_written(workplace, capsys, words, message):
    assert reweight(*words) == 2
    assert message in capsys.readouterr().err
    assert not (workplace / "x.traj").exists()


def test_another_file_is_not_resumed(workplace, capsys):
    write("x.traj", molecule("H2O2"))
    before = (workplace / "x.traj").read_bytes()
    assert reweight("--resume") == 2
    assert "holds no weighted samples" in capsys.readouterr().err
    assert (workplace / "x.traj").read_bytes() == before


def test_samples_that_are_no_valid_geometry_weigh_nothing(capsys):
    assert reweight(samples=400) == 0
    out = capsys.readouterr().out
    frames, run = read_weighted("x.traj")
    assert 0 < len(frames) == 400 - run.invalid < 60
    assert f"{run.invalid} (no valid geometry" in out


def test_the_calculator_sees_the_structure_s_charges_moments_and_info(any_geometry):
    atoms = molecule("H2O2")
    atoms.set_initial_charges([-0.5, -0.5, 0.0, 0.0])
    atoms.set_initial_magnetic_moments([1.0, 0.0, 0.0, 0.0])
    atoms.set_constraint(FixAtoms([0]))
    atoms.info["charge"] = -1
    write("anion.traj", atoms)
    words = ("anion.traj", "--model", "springs.safetensors", "--output", "x.traj", "--quiet")
    count = ("--samples", "4", "--quadrature", "8x1")
    assert main(["reweight", *words, "--calculator", "calculators.py:anion", *count]) == 0


def test_a_basin_that_wraps_and_one_that_no_sample_reaches(any_geometry):
    words = ("--basin", "trans", "2-0-1-3", 150, -150, "--basin", "thin", "2-0-1-3", 0, 1e-6)
    assert reweight(*words) == 0
    trans, thin = json.loads(Path("x.json").read_text())["basins"]
    assert trans["samples"] > 5
    assert thin["samples"] == 0
    assert thin["free_energy_eV"] is None
