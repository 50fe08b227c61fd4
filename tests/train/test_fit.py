"""Training: it learns, resumes exactly, stops cleanly and guards what it wrote."""

import csv
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from ase_tito.checkpoint import operator_from_checkpoint, read_checkpoint
from ase_tito.errors import CheckpointError, ConfigError, OutputError, TITOError
from ase_tito.train import TrainConfig, TrainingStopped, fit, loop, trainer


def run(config, **options):
    return fit(config, show_progress=False, **options)


def log(config):
    with (config.output / "log.csv").open() as file:
        return list(csv.DictReader(file))


def weights(path):
    return read_checkpoint(path)[1]


def same(first, second):
    return all(torch.equal(first[key], second[key]) for key in first | second)


def test_learns_a_vibrating_molecule(toy, ethanol):
    graph, positions = ethanol
    config = TrainConfig.from_toml(toy)
    optimizer = replace(config.optimizer, steps=400, learning_rate=1e-2, batch_size=16)
    path = run(replace(config, optimizer=optimizer, validation_steps=10))
    losses = [float(row["validation_loss"]) for row in log(config)]
    assert losses[-1] < 0.5 * losses[0]
    operator = operator_from_checkpoint(path)
    x = torch.tensor(positions, dtype=torch.float32).expand(16, -1, -1)
    y = operator.sample(graph, x, 10.0, generator=torch.Generator().manual_seed(0)).positions
    bonds = torch.as_tensor(graph.bonds.copy())
    lengths = (y[:, bonds[:, 0]] - y[:, bonds[:, 1]]).norm(dim=-1)
    expected = (x[:, bonds[:, 0]] - x[:, bonds[:, 1]]).norm(dim=-1)
    assert (lengths - expected).abs().mean() < 0.2
    header, _ = read_checkpoint(path)
    assert header.training["n_frames"] == 400
    assert header.domain["elements"] == [1, 6, 8]


def test_a_resumed_run_equals_an_uninterrupted_one(toy, monkeypatch):
    config = TrainConfig.from_toml(toy)
    whole = weights(run(config))
    interrupted = replace(config, output=config.output.parent / "interrupted")
    step = trainer.Trainer.step

    def interrupt(self):
        if self.progress.step == 37:
            os.kill(os.getpid(), signal.SIGTERM)
        step(self)

    monkeypatch.setattr(trainer.Trainer, "step", interrupt)
    with pytest.raises(TrainingStopped, match="resume to continue"):
        run(interrupted)
    monkeypatch.undo()
    assert same(whole, weights(run(interrupted, resume=True)))
    assert [row["step"] for row in log(interrupted)] == ["0", "20", "40", "60"]
    assert [row["validation_loss"] for row in log(interrupted)] == [
        row["validation_loss"] for row in log(config)
    ]


def test_survives_kill_nine(toy):
    script = (
        "import sys, time; from ase_tito.train import TrainConfig, fit, trainer\n"
        "step = trainer.Trainer.step\n"
        "if len(sys.argv) == 2:  # slow enough to be killed\n"
        "    trainer.Trainer.step = lambda self: (time.sleep(0.05), step(self))\n"
        "fit(TrainConfig.from_toml(sys.argv[1]), resume=len(sys.argv) > 2, show_progress=False)"
    )
    content = toy.read_text().replace("steps = 60", "steps = 25").replace("= 16", "= 8")
    toy.write_text(content.replace("checkpoint_minutes = 10.0", "checkpoint_minutes = 0.0001"))
    state = toy.parent / "run" / "state.pt"
    command = [sys.executable, "-c", script, str(toy)]
    # sums of another number of threads differ in their last bits
    torch.set_num_threads(1)  # with more, bits depend on what a process did before
    threads = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads()), "MKL_DYNAMIC": "FALSE"}
    child = subprocess.Popen(command, env=threads)
    deadline = time.monotonic() + 120
    while not state.exists() and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.02)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    subprocess.run([*command, "resume"], check=True, timeout=120, env=threads)
    killed = weights(toy.parent / "run" / "toy.safetensors")
    config = replace(TrainConfig.from_toml(toy), output=toy.parent / "whole")
    assert same(killed, weights(run(config)))


def test_finished_runs_are_not_overwritten(toy, monkeypatch):
    config = TrainConfig.from_toml(toy)
    header, trained = read_checkpoint(run(config))
    with pytest.raises(OutputError, match="holds a training run already"):
        run(config)
    monkeypatch.setattr(loop, "source_commit", lambda: "another")  # which trained nothing
    again = read_checkpoint(run(config, resume=True))
    assert again[0] == header
    assert same(again[1], trained)
    other = replace(config, seed=4)
    with pytest.raises(ConfigError, match=r"other settings \(seed\)"):
        run(other, resume=True)


def test_nothing_is_written_for_settings_that_cannot_work(toy):
    config = TrainConfig.from_toml(toy)
    for broken in (
        replace(config, coupling="rotation"),
        replace(config, data=replace(config.data, trajectories=("absent.npz",))),
        replace(config, data=replace(config.data, lag_range_ps=(1.0, 1000.0))),
        replace(config, data=replace(config.data, validation_fraction=0.001)),
    ):
        with pytest.raises(TITOError):
            run(broken)
        assert not config.output.exists()


def test_damaged_states_are_refused(toy):
    config = TrainConfig.from_toml(toy)
    with pytest.raises(CheckpointError, match="no training state"):
        run(config, resume=True)
    run(config)
    state = config.output / "state.pt"
    for keep in (0, 100, state.stat().st_size // 2):
        content = state.read_bytes()
        state.write_bytes(content[:keep])
        with pytest.raises(CheckpointError, match="damaged training state"):
            run(config, resume=True)
    for other in ({"network": {}}, torch.zeros(2)):
        torch.save(other, state)
        with pytest.raises(CheckpointError, match="another file of PyTorch"):
            run(config, resume=True)
        state.write_bytes(content)


def test_steps_that_are_not_finite_are_left_out_and_counted(toy, monkeypatch):
    config = TrainConfig.from_toml(toy)
    draw = trainer.draw_step

    def poisoned(*arguments, **options):
        drawn, noise, s, draws = draw(*arguments, **options)
        poisoned.calls += 1
        if poisoned.calls in (30, 31):  # the first four draws are for validation
            noise[0, 0, 0] = np.nan
        return drawn, noise, s, draws

    poisoned.calls = 0
    monkeypatch.setattr(trainer, "draw_step", poisoned)
    path = run(config)
    assert log(config)[-1]["skipped"] in ("1", "2")
    assert all(value.isfinite().all() for value in weights(path).values())

    monkeypatch.setattr(trainer, "draw_step", draw)
    monkeypatch.setattr(torch.Tensor, "isfinite", lambda self: torch.zeros((), dtype=torch.bool))
    with pytest.raises(TITOError, match="not finite in 20 steps on end"):
        run(replace(config, output=config.output.parent / "hopeless"))
