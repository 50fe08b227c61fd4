"""The velocity whose network of dynamics is guided by the prior's: limits, symmetries, slope."""

import pytest
import torch

from ase_tito.architecture import on_prior
from ase_tito.errors import ConfigError
from ase_tito.flow.prior import BoltzmannPriorVelocity
from ase_tito.geometry import random_rotations
from ase_tito.graph import GraphBatch
from ase_tito.nn import EquivariantVelocity, GuidedPriorVelocity, VelocityConfig
from ase_tito.nn.prior import bounded
from ase_tito.testing import assert_equivariant, assert_independent_of_batch

SMALL = {"features": 8, "heads": 2, "blocks": 1, "pair_features": 4, "frame": "free"}
RELAXATION_PS = 50.0


@pytest.fixture
def field():
    """Networks in float64 with none of their weights zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        equilibrium = EquivariantVelocity(VelocityConfig(condition_blocks=0, **SMALL))
        dynamic = EquivariantVelocity(
            VelocityConfig(superposed=True, guide_features=8, **(SMALL | {"features": 12}))
        )
        for network in (equilibrium, dynamic):
            for weight in network.parameters():
                if not weight.any():
                    torch.nn.init.normal_(weight, std=0.1)
        return on_prior(equilibrium, dynamic, RELAXATION_PS).double()


@pytest.fixture
def inputs(mixed, rng):
    batch, x = mixed
    z = torch.randn(x.shape, generator=rng, dtype=x.dtype) * batch.mask[..., None]
    z = (z - z.sum(1, keepdim=True) / batch.n_atoms[:, None, None]) * batch.mask[..., None]
    s = torch.tensor([0.0, 0.3, 0.8, 1.0], dtype=x.dtype)
    return batch, x, z, s, torch.tensor([1.0, 30.0, 200.0, 900.0], dtype=x.dtype)


def test_symmetries(field, inputs, rng):
    batch, x, z, s, lag = inputs
    assert_equivariant(field, batch, x, z, s, lag, generator=rng)
    assert_independent_of_batch(field, batch, x, z, s, lag)


def test_knows_no_orientation_of_the_condition(field, inputs, rng):
    batch, x, z, s, lag = inputs
    turned = x @ random_rotations(len(x), rng, x.dtype)
    expected = field(z, s, field.encode(batch, x, lag))
    torch.testing.assert_close(field(z, s, field.encode(batch, turned, lag)), expected)


def test_is_the_prior_at_long_lags_and_another_before(field, inputs):
    batch, x, z, s, lag = inputs
    equilibrium = field.equilibrium
    expected = equilibrium(z, s, equilibrium.encode(batch, x, lag))
    late = field.encode(batch, x, torch.full_like(lag, 1e5))
    assert torch.equal(field(z, s, late), expected)
    soon = field.encode(batch, x, torch.ones_like(lag))
    assert (field(z, s, soon) - expected).abs().amax((1, 2)).min() > 1e-3


def test_the_dynamic_part_cannot_outgrow_its_decay(field, inputs):
    # unbounded, a training makes it as large as e^{τ/t̂}, and long lags miss the prior
    batch, x, z, s, lag = inputs
    alone = field.equilibrium
    expected = alone(z, s, alone.encode(batch, x, lag))
    context = field.encode(batch, x, torch.full_like(lag, 20 * RELAXATION_PS))
    with torch.no_grad():
        field.dynamic.readout.weight *= 1e9
    assert (field(z, s, context) - expected).abs().max() < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bounded_velocities(rng, dtype):
    v = torch.randn(4, 5, 3, generator=rng, dtype=dtype)
    v = v / (v.square().sum((1, 2), keepdim=True) / 5).sqrt()
    size = torch.tensor([0.0, 10.0, 40.0, 1e12], dtype=dtype)
    given = (v * size[:, None, None]).requires_grad_()
    found = bounded(given, torch.full((4, 1), 5, dtype=dtype))
    rms = (found.square().sum((1, 2)) / 5).sqrt()
    torch.testing.assert_close(rms[:2], size[:2], atol=1e-3, rtol=0)
    assert (rms[2:] <= 30.001).all()
    assert rms[3] > 29.99
    found.sum().backward()
    assert given.grad.isfinite().all()


def test_every_part_of_the_guide_counts(field, inputs):
    batch, x, z, s, lag = inputs
    before = field(z, s, field.encode(batch, x, lag))
    for part in (field.dynamic.guide, field.dynamic.condition_guide, field.dynamic.guide_skip):
        with torch.no_grad():
            for weight in part.parameters():
                weight *= 1.5
        after = field(z, s, field.encode(batch, x, lag))
        assert (after - before).abs().max() > 1e-6
        before = after


def test_its_derivative_is_that_of_finite_differences(field, ethanol, rng):
    # densities need it: through the rotation of the condition, and through the prior's features
    graph, positions = ethanol
    x = torch.from_numpy(positions).expand(2, -1, -1)
    x = x - x.mean(1, keepdim=True)
    z, direction = torch.randn(2, *x.shape, generator=rng, dtype=x.dtype)
    s = torch.tensor([0.2, 0.9], dtype=x.dtype)
    context = field.encode(GraphBatch.replicate(graph, 2), x, torch.tensor([1.0, 20.0]).double())
    _, found = torch.func.jvp(lambda at: field(at, s, context), (z,), (direction,))
    ends = [field(z + h * direction, s, context) for h in (1e-5, -1e-5)]
    torch.testing.assert_close(found, (ends[0] - ends[1]) / 2e-5, atol=1e-7, rtol=1e-6)


def test_a_network_without_a_guide_is_not_given_one(field):
    unguided = EquivariantVelocity(VelocityConfig(**SMALL))
    kind = type(on_prior(field.equilibrium, unguided, RELAXATION_PS))
    assert (kind, type(field)) == (BoltzmannPriorVelocity, GuidedPriorVelocity)


def test_a_system_that_diverged_leaves_the_others_alone(field, inputs):
    batch, x, z, s, lag = inputs
    context = field.encode(batch, x, lag)
    expected = field(z, s, context)
    z = z.clone()
    z[1, 0] = torch.inf
    found = field(z, s, context)
    torch.testing.assert_close(found[[0, 2, 3]], expected[[0, 2, 3]])
    assert not found[1].isfinite().all()


def test_a_guide_of_another_width_is_refused(field):
    wide = EquivariantVelocity(VelocityConfig(condition_blocks=0, **(SMALL | {"features": 16})))
    with pytest.raises(ConfigError, match="guide_features is 8, and the prior has 16"):
        on_prior(wide, field.dynamic, RELAXATION_PS)


def test_a_guided_network_alone_is_refused(field, inputs):
    batch, x, z, s, lag = inputs
    with pytest.raises(TypeError, match="guide"):
        field.dynamic.encode(batch, x, lag)
    with pytest.raises(TypeError, match="guide"):
        field.dynamic(z, s, field.encode(batch, x, lag).dynamic)
