"""`ase run tito` and its neighbours as a user starts them: in processes of unpatched ASE."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule
from ase.calculators.calculator import PropertyNotImplementedError, get_calculator_class
from ase.cli.main import main as ase
from ase.io import read, write

from ase_tito.errors import ConfigError, DomainError, TITOWarning
from ase_tito.models import select_prior
from ase_tito.structure import graph_from_atoms

ALANINE_DIPEPTIDE = Path(__file__).parents[2] / "examples" / "data" / "alanine-dipeptide.pdb"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, tiny_checkpoint):
    """A folder of one's own with ethanol in it, and two models: one without a prior, and one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ASE_TITO_MODELS", str(tiny_checkpoint.parent))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    write("ethanol.xyz", molecule("CH3CH2OH"), format="extxyz")


@pytest.fixture
def tiny_prior(tiny_checkpoint, tiny_header):
    """A model of equilibrium alone, named 'equilibrium'."""
    import torch

    from ase_tito.checkpoint import save_checkpoint
    from ase_tito.nn import EquivariantVelocity, VelocityConfig

    config = VelocityConfig(
        features=8, heads=2, blocks=1, pair_features=4, frame="free", condition_blocks=0
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = EquivariantVelocity(config)
    no_lags = {"lag_range_ps": [0.0, 0.0]}
    header = replace(
        tiny_header,
        name="equilibrium",
        frame="free",
        network=config.to_dict(),
        domain=tiny_header.domain | no_lags,
        training=tiny_header.training | no_lags,
    )
    save_checkpoint(
        tiny_checkpoint.parent / "equilibrium.safetensors", header, network.state_dict()
    )


def run(*words):
    """A command of `ase` in a process of its own: exit code, output, errors."""
    done = subprocess.run(
        [sys.executable, "-m", "ase", *map(str, words)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": "default"},
    )
    return done.returncode, done.stdout, done.stderr


def test_ase_io_loads_nothing_of_ours_but_the_door():
    code = (
        "import sys, json, ase.io; from ase.calculators.names import names; "
        "from ase.calculators.calculator import get_calculator_class; "
        "get_calculator_class('tito'); ase.io.formats.ioformats['xtc']; "
        "print(json.dumps([sorted(sys.modules), 'tito' in names]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules, known = json.loads(done.stdout)
    assert known
    assert {name for name in modules if name.split(".")[0] == "ase_tito"} == {
        "ase_tito",
        "ase_tito.errors",
        "ase_tito.plugin",
        "ase_tito.plugin.calculator",
        "ase_tito.plugin.formats",
    }
    assert not {"torch", "e3nn", "mdtraj", "matplotlib", "h5py"} & set(modules)


def test_sampling_computes_no_property_first():
    code, _, errors = run(
        "run", "tito", "ethanol.xyz", "-p", "model=tiny,lag_ps=100,seed=3",
        "--after", "atoms.calc.dynamics(atoms, trajectory='out.traj').run(4)",
    )  # fmt: skip
    assert (code, errors) == (0, "")
    frames = read("out.traj", ":")
    assert [atoms.info["tito_time_ps"] for atoms in frames] == [0, 100, 200, 300, 400]
    assert not any(atoms.calc.results for atoms in frames)
    assert frames[0].info["tito_seed"] == 3


def test_asking_a_lag_for_properties_loads_no_model():
    code = (
        "import sys; from ase.cli.main import main; "
        "main(args=['run', 'tito', 'ethanol.xyz', '-p', 'lag_ps=100']); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_priors_energy_and_forces(tiny_prior):
    from ase_tito import TITOCalculator

    code, _, errors = run(
        "run", "tito", "ethanol.xyz", "-p", "model=equilibrium", "--properties", "ef",
        "-o", "out.xyz", "--after", "atoms.write('out.traj')",
    )  # fmt: skip
    assert (code, errors) == (0, "")
    atoms = molecule("CH3CH2OH")
    atoms.calc = TITOCalculator("equilibrium")
    for name in ("out.traj", "out.xyz"):
        found = read(name)
        assert found.get_potential_energy() == pytest.approx(atoms.get_potential_energy(), abs=1e-4)
        assert found.get_forces() == pytest.approx(atoms.get_forces(), abs=1e-4)


def test_the_shipped_prior_is_found_by_itself():
    assert select_prior(graph_from_atoms(read(ALANINE_DIPEPTIDE)), None).name == (
        "alanine-dipeptide-prior"
    )


def test_a_model_without_a_prior_warns_once_and_says_which_have_one():
    with pytest.warns(TITOWarning) as warnings:
        ase(args=["run", "tito", "ethanol.xyz", "-p", "model=tiny", "-o", "out.xyz"])
    (warning,) = warnings
    assert str(warning.message) == (
        "no energy: 'tiny' has no Boltzmann prior; known models with one: 'alanine-dipeptide-prior'"
    )
    assert read("out.xyz").calc is None


def test_no_prior_of_this_molecule():
    atoms = molecule("CH3CH2OH")
    atoms.calc = get_calculator_class("tito")()
    with (
        pytest.warns(TITOWarning, match="no known model has a Boltzmann prior of this molecule"),
        pytest.raises(PropertyNotImplementedError),
    ):
        atoms.get_potential_energy()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["-p", "lag_fs=100"], "ConfigError: unknown parameter 'lag_fs': tito takes model, lag_ps"),
        (["-p", "lag_ps=-1"], "lag_ps must be a positive number of picoseconds, not -1"),
        (["-p", "lag_ps=1ns"], "lag_ps must be a positive number of picoseconds, not '1ns'"),
        (
            ["-p", "model=tiny", "--properties", "s", "--after", "atoms.calc.dynamics(atoms)"],
            "dynamics needs a lag in picoseconds: -p lag_ps=100",
        ),
        (
            ["-p", "model=tiny,lag_ps=0.001", "--after", "atoms.calc.dynamics(atoms)"],
            "a lag of 0.001 ps (1 fs), and model 'tiny' was trained on lags of 1 to 1000 ps",
        ),
        (["-p", "model=nobody"], "there is no model named 'nobody'"),
    ],
)
def test_mistakes(capsys, words, reason):
    with pytest.raises(SystemExit):
        ase(args=["run", "tito", "ethanol.xyz", *words])
    assert reason in capsys.readouterr().err


def test_a_lag_is_no_energy():
    calculator = get_calculator_class("tito")(lag_ps=100)
    atoms = molecule("CH3CH2OH", calculator=calculator)
    for method in (atoms.get_potential_energy, atoms.get_forces, atoms.get_stress):
        with pytest.raises(PropertyNotImplementedError):
            method()
    with pytest.raises(ConfigError, match="unknown parameter 'label'"):
        get_calculator_class("tito")(label="x")
    with pytest.raises(DomainError, match="310 K is outside"):
        calculator.dynamics(atoms, model="tiny", temperature_K=310)


def test_the_viewer_reads_xtc():
    write("run.xtc", [molecule("CH3CH2OH")] * 3)
    code, output, errors = run("gui", "run.xtc", "--terminal", "--graph", "i,d(0,1)")
    assert (code, errors) == (0, "")
    rows = np.array([line.split() for line in output.splitlines()], float)
    assert rows[:, 0].tolist() == [0, 1, 2]
    expected = molecule("CH3CH2OH").get_distance(0, 1)
    assert rows[:, 1] == pytest.approx(expected, abs=0.02)


def test_convert_and_exec(capsys):
    write("run.traj", [molecule("CH3CH2OH")] * 3)
    ase(args=["convert", "run.traj", "run.xtc", "--write-args", "frame_spacing_ps=2"])
    code = "print(index, atoms.info['tito_time_ps'], atoms.get_chemical_formula())"
    ase(args=["exec", "run.xtc", "-e", code])
    assert capsys.readouterr().out.split("\n")[:3] == ["0 0.0 C2H6O", "1 2.0 C2H6O", "2 4.0 C2H6O"]
