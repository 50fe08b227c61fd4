import numpy as np
import pytest
from ase import Atoms, units
from ase.build import molecule
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.lj import LennardJones
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms, FixBondLength, FixCom
from ase.filters import FrechetCellFilter
from ase.io import read
from ase.io.trajectory import Trajectory
from ase.md.md import MolecularDynamics

from ase_tito.dynamics.tito import TITODynamics
from ase_tito.errors import (
    CheckpointError,
    ConfigError,
    DomainError,
    GraphError,
    InvalidSampleError,
    OutputError,
    StructureError,
    TITOWarning,
)

LAG = 100_000 * units.fs


class Counting(Calculator):
    """An energy, and no forces for anybody."""

    implemented_properties = ("energy",)
    asked = 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        assert properties == ["energy"]
        self.asked += 1
        self.results = {"energy": float(np.square(atoms.positions - atoms.positions.mean(0)).sum())}


@pytest.fixture
def make(operator, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(atoms, timestep=LAG, **options):
        return TITODynamics(atoms, timestep, **{"model": operator, "seed": 3, **options})

    return make


@pytest.fixture
def no_files(tmp_path):
    yield
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".log"] == []


# --- as Langevin ---------------------------------------------------------------------------------


def test_langevin_script_with_the_class_changed(atoms, operator, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.warns(TITOWarning, match="friction ignored") as caught:
        dyn = TITODynamics(
            atoms,
            100_000 * units.fs,
            temperature_K=300,
            friction=0.01 / units.fs,
            trajectory="x.traj",
            logfile="-",
            model=operator,
        )
    assert len(caught) == 1
    assert dyn.run(5) is True
    assert isinstance(dyn, MolecularDynamics)
    assert len(read("x.traj", ":")) == 6
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Time[ps]", "Jump", "Valid", "Invalid", "Retries"]
    assert lines[-1].split() == ["500.0000", "5", "yes", "0", "0"]


def test_positional_arguments_of_langevin(atoms, operator):
    with pytest.warns() as caught:
        dyn = TITODynamics(atoms, LAG, 300 * units.kB, 0.01, False, model=operator)
    assert {warning.category for warning in caught} == {TITOWarning, UserWarning} or len(
        caught
    ) == 2
    assert "friction and fixcm ignored" in "".join(str(warning.message) for warning in caught)
    assert dyn.run_record.temperature_K == pytest.approx(300)


def test_run_continues_and_reports_as_ase(make, atoms):
    dyn = make(atoms, trajectory="x.traj")
    seen = []
    dyn.attach(lambda: seen.append(dyn.nsteps))
    dyn.attach(lambda: seen.append("third"), interval=3)
    assert dyn.run(3)
    assert dyn.run(2)
    assert seen == [0, "third", 1, 2, 3, "third", 4, 5]
    assert [dyn.get_number_of_steps(), dyn.get_time()] == [5, 5 * LAG]
    assert [frame.info["tito_jump"] for frame in read("x.traj", ":")] == [0, 1, 2, 3, 4, 5]
    assert list(dyn.irun(1)) == [False, True]


def test_no_frame_is_written_twice(make, atoms):
    dyn = make(atoms, trajectory="x.traj")
    dyn.run(0)
    dyn.run(0)
    dyn.run(2)
    assert [frame.info["tito_jump"] for frame in read("x.traj", ":")] == [0, 1, 2]


def test_loginterval(make, atoms):
    make(atoms, trajectory="x.traj", logfile="x.log", loginterval=3).run(7)
    assert [frame.info["tito_jump"] for frame in read("x.traj", ":")] == [0, 3, 6]
    with open("x.log") as log:
        assert [line.split()[1] for line in log] == ["Jump", "0", "3", "6"]


def test_open_trajectories_and_files_are_used_and_left_open(make, atoms):
    with Trajectory("x.traj", "w") as trajectory, open("x.log", "w") as log:
        make(atoms, trajectory=trajectory, logfile=log).run(2)
        log.write("still open\n")
    with Trajectory("x.traj") as frames:
        assert len(frames) == 3
        assert frames.description["seed"] == 3


def test_an_ensemble_of_one(make, atoms, operator, graph):
    from ase_tito.dynamics.ensemble import TITOEnsemble

    ensemble = TITOEnsemble(operator, graph, atoms.positions, 100.0, seed=3, replicas=[2])
    make(atoms, replica=2).run(3)
    ensemble.run(3)
    assert np.array_equal(atoms.positions, ensemble.positions(0))


def test_what_an_observer_moves_is_the_next_condition(make, atoms):
    dyn = make(atoms)
    dyn.run(1)
    atoms.positions += [1.0, 2.0, 3.0]
    before = atoms.get_center_of_mass()
    dyn.run(1)
    assert np.allclose(atoms.get_center_of_mass(), before, rtol=0, atol=1e-10)


def test_centre_of_mass_stays(make, atoms):
    before = atoms.get_center_of_mass()
    make(atoms).run(20)
    assert np.allclose(atoms.get_center_of_mass(), before, rtol=0, atol=1e-10)


def test_relaxes_from_a_distorted_start(make, atoms, graph):
    atoms.rattle(0.12, seed=1)
    with pytest.warns(TITOWarning, match="bond O2-H3 is 1.36 Å"):
        dyn = make(atoms, bonds=graph.bonds)
    dyn.run(10)
    reference = molecule("CH3CH2OH")
    i, j = graph.bonds.T
    lengths = np.linalg.norm(atoms.positions[i] - atoms.positions[j], axis=-1)
    expected = np.linalg.norm(reference.positions[i] - reference.positions[j], axis=-1)
    assert np.allclose(lengths, expected, atol=0.1)


def test_a_start_that_is_no_geometry_of_the_graph_warns_once(make, atoms, graph):
    atoms.positions[[0, 1]] = atoms.positions[[1, 0]]
    with pytest.warns(TITOWarning, match=r"replica 0 starts from no valid .*: bond .* Å") as caught:
        make(atoms, graph=graph)
    assert len(caught) == 1


# --- random numbers ------------------------------------------------------------------------------


def test_same_seed_same_bits(make, atoms):
    walks = []
    for seed in (1, 1, 2):
        copy = atoms.copy()
        make(copy, seed=seed).run(4)
        walks.append(np.concatenate([copy.positions, copy.get_momenta()]))
    assert np.array_equal(walks[0], walks[1])
    assert not np.allclose(walks[0], walks[2])


def test_rng_by_ase_s_conventions(make, atoms):
    def seed(**options):
        return make(atoms, **{"seed": None, **options}).run_record.seed

    assert seed(rng=np.random.default_rng(0)) == seed(rng=np.random.default_rng(0))
    assert seed(rng=np.random.default_rng(0)) != seed(rng=np.random.default_rng(1))
    assert seed(rng=np.random.RandomState(4)) == seed(rng=np.random.RandomState(4))
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    first, other = seed(), seed()
    np.random.seed(7)  # noqa: NPY002
    assert seed() == first != other
    np.random.set_state(state)  # noqa: NPY002


def test_running_draws_nothing_from_the_global_generator(make, atoms):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make(atoms).run(3)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


# --- momenta -------------------------------------------------------------------------------------


def test_momenta_are_those_of_the_temperature(make, atoms):
    dyn = make(atoms)
    energies = []
    dyn.attach(lambda: energies.append(atoms.get_kinetic_energy()))
    dyn.run(150)
    assert energies[0] == 0  # as the user left them
    expected = 1.5 * units.kB * 300 * 9
    assert np.mean(energies[1:]) == pytest.approx(expected, rel=4 * np.sqrt(2 / 27 / 150))


def test_momenta_zero(make, atoms):
    atoms.set_momenta(np.ones((9, 3)))
    make(atoms, momenta="zero").run(1)
    assert not atoms.get_momenta().any()


def test_fixcom_is_kept(make, atoms):
    atoms.set_constraint(FixCom())
    before = atoms.get_center_of_mass()
    make(atoms, trajectory="x.traj").run(5)
    assert np.allclose(atoms.get_momenta().sum(0), 0, atol=1e-12)
    assert np.allclose(atoms.get_center_of_mass(), before, atol=1e-10)
    assert isinstance(read("x.traj").constraints[0], FixCom)


# --- energies ------------------------------------------------------------------------------------


def test_energy_once_per_state_and_never_forces(make, atoms):
    atoms.calc = calculator = Counting()
    dyn = make(atoms, trajectory="x.traj", logfile="x.log")
    dyn.attach(atoms.get_potential_energy)
    dyn.run(4)
    assert atoms.calc is calculator
    assert calculator.asked == 5
    frames = read("x.traj", ":")
    for frame in frames:
        expected = np.square(frame.positions - frame.positions.mean(0)).sum()
        assert frame.get_potential_energy() == pytest.approx(expected)
    with open("x.log") as log:
        columns = [line.split()[5] for line in log]
    assert columns[0] == "Epot[eV]"
    assert [float(e) for e in columns[1:]] == pytest.approx(
        [frame.get_potential_energy() for frame in frames], abs=1e-4
    )


def test_nobody_wants_energies(make, atoms):
    atoms.calc = Counting()
    make(atoms).run(2)
    make(atoms, trajectory="x.traj", energies=False).run(2)
    make(atoms, trajectory="y.traj", loginterval=2, momenta="zero").run(3)
    assert atoms.calc.asked == 2  # jumps 0 and 2 of the last


def test_calculator_left_by_read(make, atoms, capsys):
    atoms.calc = SinglePointCalculator(atoms, energy=1.5, forces=np.zeros((9, 3)))
    make(atoms, trajectory="x.traj", logfile="-").run(1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[5] for line in lines] == ["Epot[eV]", "1.5000", "nan"]
    assert read("x.traj", 0).get_potential_energy() == 1.5


def test_real_calculator(make, atoms):
    atoms.calc = LennardJones()
    make(atoms, trajectory="x.traj").run(1)
    assert read("x.traj").get_potential_energy() == pytest.approx(atoms.get_potential_energy())


# --- what frames and header say ------------------------------------------------------------------


def test_frames_and_header(make, atoms, sloppy):
    atoms.info["name"] = "ethanol"
    dyn = make(atoms, model=sloppy, trajectory="x.traj", momenta="zero")
    dyn.run(20)
    with Trajectory("x.traj") as frames:
        header, infos = frames.description, [frame.info for frame in frames]
    expected = {
        "md-type": "TITODynamics",
        "timestep": LAG,
        "lag_time_ps": 100.0,
        "temperature_K": 300.0,
        "model": "sloppy",
        "seed": 3,
        "replica": 0,
        "on_invalid": "retry",
        "max_retries": 10,
        "momenta": "zero",
        "interval": 1,
    }
    assert {key: header[key] for key in expected} == expected
    assert {"package_version", "model_sha256", "ode", "threads", "bonds"} <= set(header)
    assert header["counters"] == dyn.counters
    invalid = [not info["tito_first_valid"] for info in infos]
    assert sum(invalid) > 0
    assert np.array_equal(
        np.cumsum(invalid), [info["tito_invalid_first_proposals"] for info in infos]
    )
    assert infos[-1]["tito_invalid_first_proposals"] == dyn.counters["invalid_first_proposals"]
    assert infos[-1]["tito_retries"] == dyn.counters["retries"] >= sum(invalid)
    assert all(info["tito_valid"] and not info["tito_reason"] for info in infos)
    assert all(info["name"] == "ethanol" and info["tito_lag_time_ps"] == 100 for info in infos)
    assert [info["tito_time_ps"] for info in infos] == [100.0 * k for k in range(21)]


def test_positions_are_stored_exactly(make, atoms):
    make(atoms, trajectory="x.traj").run(3)
    assert np.array_equal(read("x.traj").positions, atoms.positions)


# --- invalid samples -----------------------------------------------------------------------------


def test_keep(make, atoms, sloppy):
    dyn = make(atoms, model=sloppy, on_invalid="keep", trajectory="x.traj")
    dyn.run(20)
    frames = read("x.traj", ":")
    invalid = [frame for frame in frames if not frame.info["tito_valid"]]
    assert len(invalid) == dyn.counters["invalid_first_proposals"] > 0
    assert all(frame.info["tito_reason"] for frame in invalid)
    assert dyn.counters["retries"] == 0


def test_raise_leaves_the_atoms_alone(make, atoms, hopeless):
    before = atoms.positions.copy()
    dyn = make(atoms, model=hopeless, on_invalid="raise", trajectory="x.traj")
    with pytest.raises(InvalidSampleError, match="jump 1 of replica 0"):
        dyn.run(5)
    assert np.array_equal(atoms.positions, before)
    assert len(read("x.traj", ":")) == 1
    assert dyn.nsteps == 0


def test_nan_is_never_kept(make, atoms, diverging):
    dyn = make(atoms, model=diverging, on_invalid="keep")
    with pytest.raises(InvalidSampleError, match="not finite"):
        dyn.run(200)
    assert np.isfinite(atoms.positions).all()


def test_docstring_tells_what_retrying_does():
    assert "conditions the ensemble on validity" in TITODynamics.__doc__


# --- refusals ------------------------------------------------------------------------------------


def in_periodic_cell(atoms):
    atoms.set_cell([40, 40, 40])
    atoms.pbc = [True, False, True]


def overlapping(atoms):
    atoms.positions[3] = atoms.positions[4] + 0.1


def with_nan(atoms):
    atoms.positions[5, 1] = np.nan


def scattered(atoms):
    atoms.positions *= 10


def two_molecules(atoms):
    other = atoms.copy()
    other.translate([20, 0, 0])
    atoms += other


@pytest.mark.usefixtures("no_files")
@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        (in_periodic_cell, StructureError, "periodic"),
        (overlapping, StructureError, "overlap"),
        (with_nan, StructureError, "atom 5 is not finite"),
        (scattered, StructureError, "bonding distance"),
        (two_molecules, GraphError, "2 separate molecules"),
        (lambda atoms: atoms.set_constraint(FixAtoms([0])), StructureError, "FixAtoms cannot"),
        (lambda atoms: atoms.set_constraint(FixBondLength(0, 1)), StructureError, "FixBond"),
    ],
)
def test_atoms_that_cannot_be_moved(make, atoms, change, error, match):
    change(atoms)
    with pytest.raises(error, match=match):
        make(atoms, trajectory="x.traj", logfile="x.log")


@pytest.mark.usefixtures("no_files")
def test_filters(make, atoms):
    with pytest.raises(StructureError, match="filter"):
        make(FrechetCellFilter(atoms), trajectory="x.traj")


def test_changes_during_a_run(make, atoms):
    dyn = make(atoms)
    dyn.run(1)
    atoms.set_constraint(FixAtoms([0]))
    with pytest.raises(StructureError, match="FixAtoms"):
        dyn.run(1)


@pytest.mark.usefixtures("no_files")
@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"timestep": 1 * units.fs}, DomainError, r"0\.001 ps \(1 fs\).* 1 to 1000 ps"),
        ({"timestep": 50}, DomainError, r"units\) is a lag of 0\.509\d+ ps"),
        ({"timestep": 5e6 * units.fs}, DomainError, "lag of 5000 ps"),
        ({"timestep": -1.0}, ConfigError, "positive number"),
        ({"timestep": np.nan}, ConfigError, "positive number"),
        ({"timestep": "100 ps"}, ConfigError, "positive number"),
        ({"temperature_K": 500}, DomainError, "500 K"),
        ({"temperature_K": [300, 310]}, ConfigError, "one positive number"),
        ({"temperature": 0.02, "temperature_K": 300}, TypeError, "Exactly one"),
        ({"model": "no-such-model"}, CheckpointError, "no model named"),
        ({"model": 3}, ConfigError, "model must be"),
        ({"on_invalid": "ignore"}, ConfigError, "on_invalid"),
        ({"max_retries": -1}, ConfigError, "max_retries"),
        ({"momenta": "warm"}, ConfigError, "momenta"),
        ({"loginterval": 0}, ConfigError, "loginterval"),
        ({"rng": np.random.default_rng(0), "seed": 1}, ConfigError, "not both"),
        ({"rng": 42, "seed": None}, ConfigError, "standard_normal"),
        ({"seed": -1}, ConfigError, "seed"),
        ({"replica": -1}, ConfigError, "replicas"),
        ({"dt": 1.0}, TypeError, "dt"),
        ({"trajectory": "no/x.traj"}, OutputError, "no directory"),
        ({"logfile": "no/x.log"}, OutputError, "no directory"),
        ({"logfile": "x.traj"}, OutputError, "same file"),
    ],
)
def test_bad_options(make, atoms, options, error, match):
    with pytest.raises(error, match=match):
        make(atoms, **{"trajectory": "x.traj", **options})


def test_another_molecule(make):
    with pytest.raises(DomainError, match=r"cannot do this molecule.*has not seen N"):
        make(molecule("CH3CH2NH2"))


def test_auto_lists_what_speaks_against_each(atoms, tiny_checkpoint, monkeypatch):
    monkeypatch.setenv("ASE_TITO_MODELS", str(tiny_checkpoint.parent))
    with pytest.raises(DomainError, match=r"'tiny': temperature of 77 K is outside"):
        TITODynamics(atoms, LAG, temperature_K=77)
    with pytest.raises(DomainError, match=r"'tiny': it has not seen Cl"):
        TITODynamics(molecule("CH3CH2Cl"), LAG, temperature_K=300)


def test_auto_name_and_path(atoms, tiny_checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("ASE_TITO_MODELS", str(tiny_checkpoint.parent))
    # a shipped model knows this molecule too
    monkeypatch.setattr("ase_tito.models.shipped_directory", lambda: tmp_path / "none")
    walks = []
    for options in ({}, {"model": "tiny"}, {"model": tiny_checkpoint}):
        copy = atoms.copy()
        dyn = TITODynamics(copy, LAG, temperature_K=300, seed=1, **options)
        dyn.run(2)
        walks.append(copy.positions)
        assert dyn.run_record.model == "tiny"
        assert len(dyn.run_record.model_sha256) == 64
    assert np.array_equal(walks[0], walks[1])
    assert np.array_equal(walks[0], walks[2])


def test_short_lags_warn(make, atoms):
    with pytest.warns(TITOWarning, match="not Markovian") as seen:
        make(atoms, 2000 * units.fs)
    assert [warning.filename for warning in seen] == [__file__]  # not a line of the package


def test_unusual_atoms_are_refused_before_the_model_is_looked_for():
    with pytest.raises(StructureError, match="at least two atoms"):
        TITODynamics(Atoms("H"), LAG)
