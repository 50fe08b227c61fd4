"""Muon for matrices, AdamW for the rest, under one learning rate."""

import copy

import pytest
import torch
from torch import nn

from ase_tito.nn import EquivariantVelocity, VelocityConfig
from ase_tito.train.config import OptimizerConfig
from ase_tito.train.optimizers import WeightOptimizer, linear_maps


@pytest.fixture
def network() -> EquivariantVelocity:
    torch.manual_seed(0)
    return EquivariantVelocity(VelocityConfig(features=16, heads=2, blocks=1))


def with_gradients(network: nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for weight in network.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator)


def test_linear_maps_are_all_matrices_but_embeddings(network: EquivariantVelocity) -> None:
    maps = {id(weight) for weight in linear_maps(network)}
    for name, weight in network.named_parameters():
        expected = weight.ndim == 2 and "element." not in name
        expected = expected and not name.startswith(("bond_distance", "pair_stereo"))
        assert (id(weight) in maps) == expected, name


def test_a_step_of_muon_is_orthogonal_and_as_large_as_one_of_adamw(
    network: EquivariantVelocity,
) -> None:
    rate = 1e-3
    with_gradients(network, 1)
    before = copy.deepcopy(network)
    config = OptimizerConfig(steps=1, method="muon", learning_rate=rate, weight_decay=0.0)
    WeightOptimizer(network, config).step(0.5)
    moved = (network.blocks[0].values.weight - before.blocks[0].values.weight).detach()
    stretch = torch.linalg.svdvals(moved)
    assert stretch.max() / stretch.min() < 2.5  # the gradient's own are far more unequal
    gradient = torch.linalg.svdvals(network.blocks[0].values.weight.grad)
    assert gradient.max() / gradient.min() > 2.5
    # AdamW's first step is ± the rate for every weight; Muon's is scaled to a fifth of that
    assert moved.square().mean().sqrt() == pytest.approx(0.2 * 0.5 * rate, rel=0.3)
    moved = (network.gate[0].bias - before.gate[0].bias).detach()
    assert moved.abs().mean() == pytest.approx(0.5 * rate, rel=1e-3)


@pytest.mark.parametrize("method", ["muon", "adamw"])
def test_a_saved_state_goes_on_exactly(network: EquivariantVelocity, method: str) -> None:
    config = OptimizerConfig(steps=9, method=method)
    first = WeightOptimizer(network, config)
    with_gradients(network, 1)
    first.step(1.0)
    other = copy.deepcopy(network)
    second = WeightOptimizer(other, config)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for optimizer, copied in ((first, network), (second, other)):
        with_gradients(copied, 2)
        optimizer.step(0.3)
    for a, b in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
    assert second.learning_rate == pytest.approx(0.3 * config.learning_rate)
