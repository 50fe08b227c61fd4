"""Training a Boltzmann prior, and a model of jumps on top of it."""

import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from ase_tito.checkpoint import operator_from_checkpoint, read_checkpoint, read_header
from ase_tito.errors import CheckpointError, ConfigError
from ase_tito.graph import GraphBatch
from ase_tito.models import load_prior
from ase_tito.train import PriorConfig, TrainConfig, TrainingStopped, fit, trainer
from ase_tito.train.material import read_material
from ase_tito.train.pairs import training_pairs

DYNAMIC, EQUILIBRIUM = "dynamic.", "equilibrium."


def run(config, **options):
    return fit(config, show_progress=False, **options)


def same(first, second):
    return all(torch.equal(first[key], second[key]) for key in first | second)


@pytest.fixture
def equilibrium(quick, tmp_path):
    """A run that trains a prior of ethanol."""
    return replace(
        quick,
        name="prior",
        output=tmp_path / "prior",
        data=replace(quick.data, equilibrium=True),
        source={"kind": "harmonic", "bond_sigma": 0.9},
    )


@pytest.fixture
def prior(equilibrium):
    return run(equilibrium)


@pytest.fixture
def jumps(quick, prior, tmp_path):
    """A run of jumps on top of it."""
    return replace(quick, prior=PriorConfig(str(prior), 250.0), output=tmp_path / "jumps")


def test_a_prior_learns_a_vibrating_molecule(toy, ethanol):
    graph, positions = ethanol
    config = TrainConfig.from_toml(toy)
    config = replace(
        config,
        data=replace(config.data, equilibrium=True),
        optimizer=replace(config.optimizer, steps=500, learning_rate=1e-2, batch_size=16),
    )
    prior = load_prior(run(config))
    y = prior.sample(graph, 32, generator=torch.Generator().manual_seed(0)).positions
    bonds = torch.as_tensor(graph.bonds.copy())
    x = torch.tensor(positions)
    lengths, expected = (
        (p[..., bonds[:, 0], :] - p[..., bonds[:, 1], :]).norm(dim=-1) for p in (y, x)
    )
    assert (lengths - expected).abs().mean() < 0.25
    assert y.mean(1).abs().max() < 1e-5


def test_the_header_of_a_prior(prior):
    header = read_header(prior)
    assert header.frame == "free"
    assert header.network["condition_blocks"] == 0
    assert header.domain["lag_range_ps"] == [0.0, 0.0]
    assert header.training["settings"]["data"]["equilibrium"]
    assert header.prior is None


def test_all_runs_serve_an_equilibrium(quick, dataset):
    data = replace(quick.data, trajectories=(), dataset=(str(dataset),))
    frames = {
        alone: sum(map(len, read_material(replace(data, equilibrium=alone)).training))
        for alone in (False, True)
    }
    assert frames == {False: 200, True: 300}


def test_weighted_frames_serve_an_equilibrium_alone(quick, toy):
    path = quick.data.trajectories[0]
    weights = np.zeros(400)
    weights[7] = 1.0
    np.savez(path, **np.load(path), weights=weights)
    with pytest.raises(ConfigError, match="weighted frames are no dynamics"):
        read_material(quick.data)
    data = replace(quick.data, equilibrium=True)
    drawn = training_pairs(data, read_material(data)).sample(8, np.random.default_rng(0))
    assert (drawn.target == drawn.target[0]).all()


def test_the_prior_stays_as_it_is_and_the_rest_learns_from_there(jumps, prior, ethanol):
    weights, before = read_checkpoint(run(jumps))[1], read_checkpoint(prior)[1]
    held = {k.removeprefix(EQUILIBRIUM): v for k, v in weights.items() if k.startswith(EQUILIBRIUM)}
    assert same(held, before)
    start = replace(
        jumps,
        output=jumps.output.with_name("start"),
        optimizer=replace(jumps.optimizer, steps=1, learning_rate=1e-30),
    )
    path = run(start)
    first = read_checkpoint(path)[1]
    field = operator_from_checkpoint(path).field
    graph, positions = ethanol
    x = torch.tensor(positions, dtype=torch.float32)[None]
    x = x - x.mean(1, keepdim=True)
    batch, one = GraphBatch.replicate(graph, 1), torch.ones(1)
    alone = field.equilibrium
    assert torch.equal(
        field(x, 0.5 * one, field.encode(batch, x, one)),
        alone(x, 0.5 * one, alone.encode(batch, x, one)),
    )
    assert not torch.equal(
        weights[f"{DYNAMIC}flow_time.weight"], first[f"{DYNAMIC}flow_time.weight"]
    )


def test_jumps_learn_in_bfloat16_too(jumps):
    weights = read_checkpoint(run(replace(jumps, precision="bfloat16")))[1]
    assert {value.dtype for value in weights.values()} == {torch.float32}


def test_the_header_tells_of_the_prior(jumps, prior):
    path = run(jumps)
    header, alone = read_header(path), read_header(prior)
    assert (header.frame, header.source) == ("free", alone.source)
    assert header.network["superposed"]
    assert header.network["guide_features"] == alone.network["features"]
    assert header.prior == {
        "network": alone.network,
        "relaxation_time_ps": 250.0,
        "name": "prior",
        "sha256": hashlib.sha256(prior.read_bytes()).hexdigest(),
        "domain": alone.domain,
        "training": alone.training,
    }
    assert operator_from_checkpoint(path).field.relaxation_time_ps == 250.0
    assert load_prior(path).domain == load_prior(prior).domain


@pytest.mark.parametrize("method", ["muon", "adamw"])
def test_a_resumed_run_equals_an_uninterrupted_one(jumps, monkeypatch, method):
    jumps = replace(jumps, optimizer=replace(jumps.optimizer, method=method))
    whole = read_checkpoint(run(jumps))[1]
    interrupted = replace(jumps, output=jumps.output.with_name("interrupted"))
    step = trainer.Trainer.step

    def interrupt(self):
        if self.progress.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        step(self)

    monkeypatch.setattr(trainer.Trainer, "step", interrupt)
    with pytest.raises(TrainingStopped):
        run(interrupted)
    monkeypatch.undo()
    assert same(whole, read_checkpoint(run(interrupted, resume=True))[1])
    other = replace(interrupted, prior=replace(jumps.prior, relaxation_time_ps=300.0))
    with pytest.raises(ConfigError, match=r"other settings \(prior\)"):
        run(other, resume=True)


def test_two_processes_learn_what_one_does(jumps, tmp_path):
    alone = read_checkpoint(run(jumps))[1]
    script = tmp_path / "train.py"
    script.write_text(
        "import sys; from dataclasses import replace; from pathlib import Path\n"
        "from ase_tito.train import PriorConfig, TrainConfig, fit\n"
        "config = TrainConfig.from_toml('toy.toml')\n"
        "optimizer = replace(config.optimizer, steps=6, warmup_steps=2)\n"
        f"network = {dict(jumps.network)!r}\n"
        f"prior = PriorConfig({jumps.prior.checkpoint!r}, 250.0)\n"
        "fit(replace(config, output=Path('two'), network=network, optimizer=optimizer,\n"
        "    validation_steps=2, prior=prior), show_progress=False)\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*command, "--nproc-per-node", "2", str(script)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=180,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    together = read_checkpoint(tmp_path / "two" / "toy.safetensors")[1]
    for key, value in alone.items():
        torch.testing.assert_close(together[key], value, atol=2e-3, rtol=2e-2)
        if key.startswith(EQUILIBRIUM):
            assert torch.equal(together[key], value)


def test_fine_tuning_keeps_the_prior(jumps, tmp_path):
    parent = run(jumps)
    tuned = replace(
        jumps, prior=None, parent=str(parent), network={}, output=tmp_path / "tuned", name="tuned"
    )
    path = run(tuned)
    before, after = read_checkpoint(parent), read_checkpoint(path)
    assert after[0].prior == before[0].prior
    moved = {key for key, value in before[1].items() if not torch.equal(after[1][key], value)}
    assert moved
    assert all(key.startswith(DYNAMIC) for key in moved)
    with pytest.raises(ConfigError, match=r"\[prior\] and from exclude each other: 'toy' has its"):
        run(replace(tuned, prior=jumps.prior, output=tmp_path / "other"))


def test_a_prior_can_be_trained_further(equilibrium, prior, tmp_path):
    tuned = replace(equilibrium, parent=str(prior), output=tmp_path / "tuned", name="tuned")
    assert read_header(run(tuned)).training["from"]["name"] == "prior"


def test_a_prior_is_taken_out_of_a_model_that_has_one(jumps, tmp_path):
    path = run(jumps)
    again = replace(jumps, prior=PriorConfig(str(path), 100.0), output=tmp_path / "again")
    first, second = read_header(path), read_header(run(again))
    assert second.prior == first.prior | {"relaxation_time_ps": 100.0}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"source": {"kind": "harmonic", "bond_sigma": 0.7}}, "source is not that of the prior"),
        ({"coupling": "rotation"}, "'rotation', but the prior 'prior' was trained with 'indep"),
        ({"prior": PriorConfig("alanine-dipeptide", 9.0)}, "has no Boltzmann prior; train one"),
        ({"prior": PriorConfig("absent", 9.0)}, "no model named 'absent'"),
    ],
)
def test_contradictions_are_refused_before_anything_is_written(jumps, changes, text):
    with pytest.raises((ConfigError, CheckpointError), match=text):
        run(replace(jumps, **changes))
    assert not jumps.output.exists()


def test_a_prior_serves_its_own_molecules(jumps, dataset):
    data = replace(jumps.data, trajectories=(), dataset=(str(dataset),), molecules=("CH3SH",))
    with pytest.raises(
        ConfigError, match=r"the prior 'prior' does not serve CH3SH/run: .*not seen"
    ):
        run(replace(jumps, data=data))


def test_jumps_do_not_start_from_a_prior_nor_priors_from_jumps(quick, equilibrium, prior):
    with pytest.raises(ConfigError, match=r"a model of equilibrium alone, and .* jumps"):
        run(replace(quick, parent=str(prior)))
    jumps = replace(quick, parent="alanine-dipeptide", network={})
    with pytest.raises(ConfigError, match=r"a model of jumps, and .* equilibrium alone"):
        run(replace(jumps, data=equilibrium.data))


class TestFiles:
    def read(self, toy, text, data="", lags=True):
        content = toy.read_text()
        if not lags:
            content = content.replace("lag_range_ps = [1.0, 20.0]\n", "")
        content = content.replace("[network]", f"{data}\n[network]")
        toy.write_text(f"{content}\n{text}")
        return TrainConfig.from_toml(toy)

    def test_a_path_starts_at_the_file(self, toy):
        config = self.read(
            toy, '[prior]\ncheckpoint = "prior/prior.safetensors"\nrelaxation_time_ps = 5\n'
        )
        assert config.prior.checkpoint == str(toy.parent / "prior" / "prior.safetensors")
        assert config.identity()["prior"]["checkpoint"] == "prior.safetensors"

    def test_states_of_runs_without_one_know_nothing_of_it(self, toy):
        identity = TrainConfig.from_toml(toy).identity()
        assert "prior" not in identity
        assert "equilibrium" not in identity["data"]

    @pytest.mark.parametrize(
        ("text", "data", "reason"),
        [
            ("[prior]\nrelaxation_time_ps = 5\n", "", "prior.checkpoint is missing"),
            ('[prior]\ncheckpoint = "x"\n', "", "prior.relaxation_time_ps is missing"),
            ('[prior]\ncheckpoint = "x"\nrelaxation_time_ps = 0\n', "", "must be positive, in ps"),
            ('[prior]\ncheckpoint = "x"\nlag = 0\n', "", r"unknown entries in \[prior\]: lag"),
            ("", "equilibrium = true", "leaves no lags: leave out data.lag_range_ps"),
            ("", "equilibrium = 1", "equilibrium leaves no lags|must be true or false"),
        ],
    )
    def test_refusals(self, toy, text, data, reason):
        with pytest.raises(ConfigError, match=reason):
            self.read(toy, text, data)

    def test_the_frame_must_be_free(self, quick):
        for changes in (
            {"data": replace(quick.data, equilibrium=True)},
            {"prior": PriorConfig("x", 1.0)},
        ):
            with pytest.raises(ConfigError, match="a Boltzmann prior needs 'free'"):
                replace(quick, frame="condition", **changes)
