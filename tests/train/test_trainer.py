"""Single steps: gradients in parts, reduced precision, the best weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import molecule

from ase_tito.errors import ConfigError
from ase_tito.perception import build_graph
from ase_tito.train.processes import Process
from ase_tito.train.trainer import Trainer

ALONE = Process(0, 1, torch.device("cpu"))


def gradients(config, process=ALONE):
    trainer = Trainer(config, process)
    loss = trainer._add_gradients()
    return loss, {
        name: p.grad for name, p in trainer.network.named_parameters() if p.grad is not None
    }


@pytest.fixture
def shuffling(quick):
    """A configuration whose coupling draws random numbers of its own."""
    return replace(quick, frame="free", coupling="permutation")


@pytest.mark.parametrize("parts", [2, 8])
@pytest.mark.parametrize("configuration", ["quick", "shuffling"])
def test_accumulated_gradients_are_those_of_the_whole_batch(configuration, parts, request):
    config = request.getfixturevalue(configuration)
    loss, whole = gradients(config)
    loss_in_parts, summed = gradients(replace(config, accumulate=parts))
    assert loss_in_parts == pytest.approx(loss, rel=1e-5)
    for name, gradient in whole.items():
        torch.testing.assert_close(summed[name], gradient, rtol=1e-4, atol=1e-6)


def test_processes_couple_their_shares_as_one_couples_the_whole(shuffling, monkeypatch):
    loss, whole = gradients(shuffling)
    monkeypatch.setattr(Process, "average_gradients", lambda *_: None)
    halves = [gradients(shuffling, Process(rank, 2, ALONE.device)) for rank in range(2)]
    assert np.mean([half for half, _ in halves]) == pytest.approx(loss, rel=1e-5)
    for name, gradient in whole.items():
        mean = sum(found[name] for _, found in halves) / 2
        torch.testing.assert_close(mean, gradient, rtol=1e-4, atol=1e-6)


def test_processes_and_parts_cut_a_batch_without_remainder():
    cuts = [
        part
        for rank in range(2)
        for part in Process(rank, 2, torch.device("cpu")).shares(24, accumulate=3)
    ]
    assert [k for cut in cuts for k in range(24)[cut]] == list(range(24))
    with pytest.raises(ConfigError, match="no multiple of 2 processes times 5 parts"):
        Process(0, 2, torch.device("cpu")).shares(24, accumulate=5)


@pytest.mark.parametrize("frame", ["condition", "free"])
def test_bfloat16_gradients_point_the_same_way(quick, frame):
    config = replace(quick, frame=frame, optimizer=replace(quick.optimizer, batch_size=32))
    loss, exact = gradients(config)
    reduced_loss, reduced = gradients(replace(config, precision="bfloat16"))
    assert reduced_loss != loss
    assert reduced_loss == pytest.approx(loss, rel=0.02)
    assert all(gradient.dtype == torch.float32 for gradient in reduced.values())
    a, b = (torch.cat([g.flatten() for g in found.values()]) for found in (exact, reduced))
    assert torch.nn.functional.cosine_similarity(a, b, dim=0) > 0.99


@pytest.mark.parametrize("name", ["HCN", "CO2", "C2H2", "N2"])
def test_linear_molecules_are_refused_before_the_first_step(quick, tmp_path, name):
    atoms = molecule(name)
    noise = np.random.default_rng(0).normal(0, 0.02, (400, len(atoms), 3))
    np.savez(
        tmp_path / f"{name}.npz",
        positions=atoms.positions + noise,
        atomic_numbers=atoms.numbers,
        bonds=build_graph(atoms.numbers, atoms.positions).bonds,
        frame_spacing_ps=1.0,
        temperature_K=300.0,
    )
    files = (*quick.data.trajectories, str(tmp_path / f"{name}.npz"))
    config = replace(quick, data=replace(quick.data, trajectories=files))
    with pytest.raises(ConfigError, match=f'{name}: the molecule is linear .* frame = "free"'):
        Trainer(config, ALONE)
    Trainer(replace(config, frame="free"), ALONE).step()


def test_uniform_times_are_uniform(quick):
    from ase_tito.train.randomness import draw_step, step_generator

    pairs = Trainer(quick, ALONE)._pairs
    for uniform, quartiles in ((True, [0.25, 0.5, 0.75]), (False, [0.498, 0.690, 0.834])):
        s = draw_step(pairs, 4000, step_generator(0, 0, 0), 0.8, 1.2, uniform=uniform)[2]
        found = torch.quantile(s, torch.tensor([0.25, 0.5, 0.75]))
        torch.testing.assert_close(found, torch.tensor(quartiles), atol=0.03, rtol=0)


def test_the_best_weights_are_kept(quick, monkeypatch):
    trainer = Trainer(quick, ALONE)
    losses = iter([3.0, 1.0, 2.0, float("nan")])
    monkeypatch.setattr(trainer._validation, "loss", lambda _: next(losses))
    kept = []
    for _ in range(4):
        trainer.validate()
        kept.append({k: v.clone() for k, v in trainer.average.network.state_dict().items()})
        trainer.step()
    assert (trainer.progress.best_step, trainer.progress.best_loss) == (1, 1.0)
    selected = trainer.selected_weights()
    assert all(torch.equal(selected[key], value) for key, value in kept[1].items())
    assert not all(torch.equal(selected[key], value) for key, value in kept[2].items())


def test_lags_are_drawn_as_the_configuration_says(quick):
    medians = {}
    for distribution in ("log-uniform", "uniform"):
        data = replace(quick.data, lag_distribution=distribution)
        pairs = Trainer(replace(quick, data=data), ALONE)._pairs
        medians[distribution] = float(
            pairs.sample(2000, np.random.default_rng(0)).lag_time.median()
        )
    assert medians["log-uniform"] == pytest.approx(20**0.5, abs=1)  # of lags from 1 to 20 ps
    assert medians["uniform"] == pytest.approx(10, abs=1)
