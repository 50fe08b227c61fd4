"""`ase-tito analyse` on butane that hops."""

import json
from pathlib import Path

import numpy as np
import pytest

from ase_tito.cli.main import main
from ase_tito.structure import read_structure
from tests.analysis.butane import ATOMS, save, trajectory

EXAMPLE = Path(__file__).parents[2] / "examples" / "data" / "alanine-dipeptide.pdb"


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("md.npz", trajectory(600, 0))
    for k in range(2):
        save(f"model{k}.npz", trajectory(300, 1 + k)[::2], 20.0)
    ATOMS.write("top.xyz")
    return tmp_path


def analyse(*words):
    return main(["analyse", *map(str, words), "--quiet"])


def test_against_a_reference(workplace, capsys):
    (workplace / "energy.py").write_text("def zero(x):\n    return x[:, 0, 0]\n")
    words = ("model0.npz", "model1.npz", "--reference", "md.npz", "--top", "top.xyz", "-o", "out")
    assert analyse(*words, "--energy", "energy.py:zero", "--energy-frames", 100) == 0
    assert (workplace / "out" / "report.html").exists()
    numbers = json.loads((workplace / "out" / "report.json").read_text())
    assert numbers["reference"]["frames"] == 600
    assert numbers["energies"]["model_distribution"]["samples"] <= 100
    lines = capsys.readouterr().out.splitlines()
    assert "MD AGAINST MD" in lines[0]
    assert "invalid frames: 0 of 300" in lines
    assert lines[-1] == "out/report.html"


def test_alone(workplace, capsys):
    assert analyse("model0.npz", "model1.npz", "-o", "out") == 0
    out = capsys.readouterr().out
    assert "yellow: " in out
    assert "reversibility" in out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nothing.traj"], "no such trajectory"),
        (["top.xyz"], "how far apart its frames are"),
        (["model0.npz", "--spacing-ps", "1"], "20 ps apart, not 1 ps"),
        (["model0.npz", "--energy", "energy"], "takes FILE.py:NAME"),
        (["model0.npz", "--energy", "energy.py:x"], "energy.py: no such file"),
        (["model0.npz", "--jumps", "10"], "--jumps is about jumps of --model"),
        (["model0.npz", "--start-frame", "3"], "--start-frame is about jumps of --model"),
        (["model0.npz", "--lag-ps", "30"], "multiples of 20 ps"),
    ],
)
def test_errors_are_one_line(workplace, capsys, words, reason):
    assert analyse(*words, "-o", "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert not (workplace / "out").exists()


def test_a_model_makes_the_jumps_that_trajectories_do_not_hold(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    frames, bonds = read_structure(EXAMPLE)
    rng = np.random.default_rng(0)
    np.savez(
        "model.npz",
        positions=frames[0].positions + rng.normal(0, 0.01, (60, 22, 3)),
        atomic_numbers=frames[0].numbers,
        bonds=bonds,
        frame_spacing_ps=100.0,
    )
    words = ("model.npz", "-o", "out", "--model", "alanine-dipeptide")
    assert analyse(*words, "--jumps", 12) == 0
    assert "jumps: τ = 100 ps: " in capsys.readouterr().out
    numbers = json.loads((tmp_path / "out" / "report.json").read_text())
    assert numbers["trust"]["findings"][0]["check"] == "jumps"
    assert analyse(*words, "--jumps", 1) == 2
    assert "from 2 to 4000 frames" in capsys.readouterr().err
    assert analyse(*words[:-1], "no-such-model") == 2
    assert "no-such-model" in capsys.readouterr().err
