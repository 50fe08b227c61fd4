"""Two processes under torchrun: what one process learns, resumed exactly."""

import csv
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from ase_tito.checkpoint import read_checkpoint
from ase_tito.train import fit
from tests.molecules import write_vibrating_ethanol

SCRIPT = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from ase_tito.train import TrainConfig, TrainingStopped, clock, fit
from ase_tito.train.processes import process_group
from ase_tito.train.trainer import Trainer

config = TrainConfig.from_toml(sys.argv[1])
run = lambda name, **changes: replace(config, output=config.output.parent / name, **changes)
step = Trainer.step

def interrupted(self):
    step(self)
    if self.progress.step == 7 and not self.process.is_first:
        os.kill(os.getpid(), signal.SIGTERM)

with process_group("cpu"):
    fit(run("together"), show_progress=False)
    fit(run("in-parts", accumulate=2), show_progress=False)
    Trainer.step = interrupted
    clock._INTERVAL_S = 0.0  # so short a run may end before the processes agree the next time
    try:
        fit(run("stopped"), show_progress=False)
    except TrainingStopped:
        Trainer.step = step
        fit(run("stopped"), resume=True, show_progress=False)
        Path(sys.argv[1]).with_name(f"resumed-{os.environ['RANK']}").touch()
"""


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def trained(directory, settings):
    """Runs of 40 steps: alone, by two processes, by two in parts, and by two with a stop."""
    from ase_tito.train import TrainConfig

    write_vibrating_ethanol(directory / "ethanol.npz")
    path = directory / "toy.toml"
    path.write_text(settings.replace("steps = 60", "steps = 40"))
    config = TrainConfig.from_toml(path)
    fit(replace(config, output=directory / "alone"), show_progress=False)
    script = directory / "train.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*command, "--nproc-per-node", "2", str(script), str(path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=180,  # processes that wait for each other forever are to fail
    )
    assert done.returncode == 0, done.stderr
    return directory


def log(directory):
    with (directory / "log.csv").open() as file:
        return list(csv.DictReader(file))


def weights(directory):
    return read_checkpoint(directory / "toy.safetensors")[1]


@pytest.mark.parametrize("name", ["together", "in-parts"])
def test_two_processes_learn_what_one_does_with_the_whole_batch(trained, name):
    alone, other = log(trained / "alone"), log(trained / name)
    assert [row["step"] for row in other] == ["0", "20", "40"]
    for row, same in zip(other[1:], alone[1:], strict=True):
        for key in ("loss", "validation_loss"):
            assert float(row[key]) == pytest.approx(float(same[key]), rel=3e-4)
    found = weights(trained / name)
    for key, value in weights(trained / "alone").items():
        torch.testing.assert_close(found[key], value, atol=2e-3, rtol=2e-2)


def test_a_resumed_run_of_two_equals_an_uninterrupted_one(trained):
    assert (trained / "resumed-0").exists()
    assert (trained / "resumed-1").exists()
    whole, resumed = weights(trained / "together"), weights(trained / "stopped")
    assert all(torch.equal(resumed[key], value) for key, value in whole.items())
    for row, same in zip(log(trained / "stopped"), log(trained / "together"), strict=True):
        for key in ("step", "learning_rate", "loss", "validation_loss", "best_step"):
            assert row[key] == same[key]
