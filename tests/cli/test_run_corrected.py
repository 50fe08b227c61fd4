"""`run --metropolis` and the steps after a jump, each by one flag."""

import pytest
from ase.build import molecule
from ase.io import Trajectory, read, write

from ase_tito import models
from ase_tito.cli.main import main

CALCULATORS = """
from ase.calculators.lj import LennardJones

soft = LennardJones(epsilon=1e-3, sigma=0.8)


def make():
    return soft
"""


@pytest.fixture(autouse=True)
def workplace(tiny_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("ASE_TITO_MODELS", str(tiny_checkpoint.parent))
    monkeypatch.setattr(models, "shipped_directory", lambda: tmp_path / "nothing-shipped")
    monkeypatch.chdir(tmp_path)
    write("ethanol.xyz", molecule("CH3CH2OH"))
    (tmp_path / "calculators.py").write_text(CALCULATORS)


def run(*words):
    words = ("ethanol.xyz", "--output", "x.traj", *words)
    return main(["run", *map(str, words)])


def test_metropolis_by_one_flag(capsys):
    words = ("--metropolis", "calculators.py:make", "--quiet")
    assert run(*words, "--jumps", 2) == 0
    table = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert table["simulated time"].strip() == "undefined"
    assert " of 2 (" in table["accepted"]
    assert {"spread of the log ratio", "integration error", "divergences", "energies"} <= {*table}
    assert not {"speed", "invalid first proposals"} & {*table}
    assert run(*words, "--jumps", 3, "--restart") == 0
    assert " of 3 (" in capsys.readouterr().out
    frames = read("x.traj", ":")
    assert [frame.info["tito_jump"] for frame in frames] == [0, 1, 2, 3]
    assert frames[-1].info["tito_metropolis_energies"] >= 3
    assert run("--jumps", 4, "--restart") == 2
    assert "correction" in capsys.readouterr().err


def test_an_edited_calculator_does_not_continue(tmp_path, capsys):
    words = ("--metropolis", "calculators.py:make", "--quiet")
    assert run(*words, "--jumps", 1) == 0
    (tmp_path / "calculators.py").write_text(CALCULATORS.replace("sigma=0.8", "sigma=1.2"))
    before = (tmp_path / "x.traj").read_bytes()
    assert run(*words, "--jumps", 2, "--restart") == 2
    assert "last state of replica 0 had the energy" in capsys.readouterr().err
    assert (tmp_path / "x.traj").read_bytes() == before


def test_moves_in_the_source_space_by_one_flag_more(capsys, tiny_prior_checkpoint):
    words = ("--metropolis", "calculators.py:make", "--source-step", 0.2, "--quadrature", "12x2")
    assert run(*words, "--jumps", 1, "--model", tiny_prior_checkpoint, "--quiet") == 0
    assert " of 1 (" in capsys.readouterr().out
    with Trajectory("x.traj") as trajectory:
        assert trajectory.description["correction"]["nodes"] == 12
        assert trajectory.description["correction"]["source_step"] == 0.2
        assert trajectory[-1].info["tito_metropolis_log_density"] < 0


def test_steps_after_a_jump_by_one_flag_each(capsys):
    steps = ("--short-md", "calculators.py:soft", 0.003, "--minimize", "calculators.py:soft", 2)
    assert run(*steps, "--jumps", 1) == 0
    assert "ShortMD, Minimize after each jump" in capsys.readouterr().out
    with Trajectory("x.traj") as trajectory:
        said = trajectory.description["after_jump"]
    assert [step["kind"] for step in said] == ["ShortMD", "Minimize"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--metropolis", "calculators.py:none"), "defines no 'none'"),
        (("--minimize", "calculators.py:soft", "few"), "--minimize needs a calculator and a"),
        (("--short-md", "calculators.py:soft", "-1"), "time_ps of ShortMD must be a positive"),
        (
            ("--metropolis", "calculators.py:soft", "--minimize", "calculators.py:soft", 2),
            "nothing may move it",
        ),
        (("--source-step", 0.1), "--source-step needs --metropolis"),
        (("--quadrature", "96x1"), "--quadrature needs --metropolis"),
        (("--metropolis", "calculators.py:soft", "--quadrature", "96"), "such as 64x1, not '96'"),
        (("--ode-method", "dopri5", "--steps", 9), "chooses its own steps"),
        (("--metropolis", "calculators.py:soft", "--source-step", 2), "source_step must lie above"),
        (("--metropolis", "calculators.py:soft", "--source-step", 0.1), "has no Boltzmann prior"),
        (
            ("--metropolis", "calculators.py:soft", "--on-invalid", "keep"),
            "an invalid proposal is a rejection",
        ),
    ],
)
def test_refusals_come_before_anything_is_written(tmp_path, capsys, words, message):
    assert run(*words) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x.traj").exists()
