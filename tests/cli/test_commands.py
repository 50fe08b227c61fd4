"""`run`, `info` and `models` on a small model."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch
from ase.build import molecule
from ase.io import Trajectory, read, write

from ase_tito import models
from ase_tito.cli.main import main

VARYING = ("wall time", "speed")


@pytest.fixture(autouse=True)
def workplace(tiny_checkpoint, tmp_path, monkeypatch):
    """A directory with a molecule, and one known model, 'tiny'."""
    monkeypatch.setenv("ASE_TITO_MODELS", str(tiny_checkpoint.parent))
    monkeypatch.setattr(models, "shipped_directory", lambda: tmp_path / "nothing-shipped")
    monkeypatch.chdir(tmp_path)
    write("ethanol.xyz", molecule("CH3CH2OH"))
    write("water.xyz", molecule("H2O"))
    return tmp_path


def run(*words):
    return main(["run", *map(str, words)])


class TestRun:
    def test_writes_a_trajectory_and_prints_a_table(self, workplace, capsys):
        assert (
            run(
                "ethanol.xyz",
                "--model",
                "tiny",
                "--lag-ps",
                50,
                "--jumps",
                3,
                "--temperature-K",
                300,
                "--seed",
                1,
                "--output",
                "x.traj",
            )
            == 0
        )
        frames = read("x.traj", ":")
        assert len(frames) == 4
        assert frames[-1].info["tito_time_ps"] == 150
        assert frames[-1].info["tito_seed"] == 1
        lines = capsys.readouterr().out.splitlines()
        table = dict(line.split("  ", 1) for line in lines)
        assert {key: value.strip() for key, value in table.items() if key not in VARYING} == {
            "trajectories": "x.traj",
            "replicas": "1",
            "jumps of each": "3 of 50 ps",
            "simulated time": "0.15 ns in all",
            "invalid first proposals": "0 of 3 (0.00%)",
        }
        assert "ns/day" in table["speed"]

    def test_the_model_is_found_by_itself(self, capsys):
        assert run("ethanol.xyz", "--jumps", 1, "--output", "x.traj") == 0
        assert read("x.traj", 0).info["tito_model"] == "tiny"
        assert run("water.xyz", "--jumps", 1, "--output", "y.traj") == 2
        assert "no known model matches this molecule ('tiny': " in capsys.readouterr().err

    def test_replicas(self, workplace, capsys):
        words = ("ethanol.xyz", "--jumps", 2, "--replicas", 3, "--output", "r")
        assert run(*words) == 0
        assert sorted(path.name for path in (workplace / "r").iterdir()) == [
            "replica-0000.traj",
            "replica-0001.traj",
            "replica-0002.traj",
        ]
        assert "0 of 6 (0.00%)" in capsys.readouterr().out
        assert run(*words) == 2
        assert "replica-0000.traj exists" in capsys.readouterr().err
        assert run(*words, "--restart") == 0
        assert "0 of 0" in capsys.readouterr().out
        assert run(*words, "--append") == 0
        assert len(read("r/replica-0002.traj", ":")) == 5
        assert run(*words, "--overwrite", "--seed", 3) == 0
        assert len(read("r/replica-0002.traj", ":")) == 3

    def test_replicas_in_one_file(self, capsys):
        words = ("ethanol.xyz", "--jumps", 2, "--replicas", 3, "--output", "all.traj")
        assert run(*words) == 2
        assert "--one-file" in capsys.readouterr().err
        assert run(*words, "--one-file", "--batch-size", 2) == 0
        assert "0 of 6 (0.00%)" in capsys.readouterr().out
        assert [len(frame) for frame in read("all.traj", ":")] == [27, 27, 27]
        assert run(*words, "--one-file", "--append") == 0
        assert len(read("all.traj", ":")) == 5
        capsys.readouterr()
        assert run("all.traj", "--jumps", 2, "--output", "x.traj") == 2
        assert "all.traj: each frame holds 3 replicas (--one-file)" in capsys.readouterr().err

    def test_integration_settings(self):
        assert (
            run(
                "ethanol.xyz",
                "--jumps",
                1,
                "--output",
                "x.traj",
                "--ode-method",
                "midpoint",
                "--steps",
                9,
            )
            == 0
        )
        with Trajectory("x.traj") as trajectory:
            ode = trajectory.description["ode"]
        assert (ode["method"], ode["steps"], ode["spacing"]) == ("midpoint", 9, "sine")

    def test_same_seed_same_bits(self):
        for name in ("x.traj", "y.traj"):
            assert run("ethanol.xyz", "--jumps", 2, "--seed", 9, "--output", name) == 0
        assert run("ethanol.xyz", "--jumps", 2, "--seed", 8, "--output", "z.traj") == 0
        first, same, other = (read(f"{name}.traj", -1).positions for name in "xyz")
        assert np.array_equal(first, same)
        assert not np.array_equal(first, other)

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            (["absent.pdb"], "absent.pdb: no such file"),
            (["ethanol.xyz", "--lag-ps", 5000], "lag of 5000 ps is outside the trained range"),
            (["ethanol.xyz", "--lag-ps", -1], "-1 ps"),
            (["ethanol.xyz", "--model", "tiny", "--temperature-K", 500], "500 K"),
            (["ethanol.xyz", "--model", "huge"], "there is no model named 'huge'"),
            (["ethanol.xyz", "--model", "./x.safetensors"], "there is no such file"),
            (["ethanol.xyz", "--jumps", -5], "jumps must be a whole number from 0, not -5"),
            (["ethanol.xyz", "--steps", 0], "steps must be a positive integer"),
            (["ethanol.xyz", "--device", "abacus"], "device 'abacus' cannot be used"),
            (["ethanol.xyz", "--replicas", 2], "replicas are written to a directory"),
            (["ethanol.xyz", "--one-file"], "say how many by --replicas"),
        ],
    )
    def test_refusals_are_one_line_and_write_nothing(self, workplace, capsys, words, reason):
        before = sorted(workplace.iterdir())
        assert run(*words, "--output", "x.traj") == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("ase-tito run: error: ")
        assert reason in line
        assert sorted(workplace.iterdir()) == before

    def test_ctrl_c_leaves_whole_frames_that_can_be_continued(self, workplace):
        words = ["ethanol.xyz", "--model", "tiny", "--output", "x.traj"]
        process = subprocess.Popen(
            [sys.executable, "-m", "ase_tito.cli", "run", *words, "--jumps", "100000"],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "OMP_NUM_THREADS": str(torch.get_num_threads()),  # bits depend on them
            },
            # a job in the background ignores Ctrl-C, and so would what it starts
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )
        end = time.monotonic() + 300
        path = workplace / "x.traj"
        while not path.exists() or path.stat().st_size < 4000:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=300)[1]
        assert process.returncode == 130
        assert error.splitlines()[-1] == "ase-tito run: interrupted"
        assert "Traceback" not in error
        done = len(read("x.traj", ":"))
        assert not (workplace / "x.traj.lock").exists()
        assert run(*words, "--jumps", 1, "--append") == 0
        words[-1] = "y.traj"
        assert run(*words, "--jumps", done) == 0
        for ours, theirs in zip(read("x.traj", ":"), read("y.traj", ":"), strict=True):
            assert np.array_equal(ours.positions, theirs.positions)


class TestInfo:
    @pytest.mark.parametrize("name", ["tiny", "models/tiny.safetensors"])
    def test_card_and_header(self, capsys, name):
        assert main(["info", name]) == 0
        text = capsys.readouterr().out
        assert "# tiny" in text
        assert "parameters" in text
        assert '"bond_sigma": 0.8' in text

    def test_json_is_the_header_alone(self, capsys, tiny_header):
        assert main(["info", "tiny", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == json.loads(tiny_header.to_json())

    def test_a_damaged_checkpoint_is_not_described(self, capsys, tiny_checkpoint):
        content = bytearray(tiny_checkpoint.read_bytes())
        content[-3] ^= 255
        tiny_checkpoint.write_bytes(content)
        assert main(["info", "tiny"]) == 2
        assert "the file is damaged" in capsys.readouterr().err


class TestModels:
    def test_the_table(self, capsys, tiny_checkpoint):
        (tiny_checkpoint.parent / "broken.safetensors").write_bytes(b"not at all")
        assert main(["models"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split()[:2] == ["NAME", "LAGS/PS"]
        assert lines[1].split() == ["tiny", "1-1000", "300", "9", "H,C,O", str(tiny_checkpoint)]
        assert any("broken cannot be read" in line for line in lines)
        assert lines[-1] == f"Your own models go into {tiny_checkpoint.parent}"

    def test_none(self, capsys, tiny_checkpoint):
        tiny_checkpoint.unlink()
        assert main(["models"]) == 0
        assert capsys.readouterr().out.startswith("no models")
