"""The velocity with a Boltzmann prior: its limits, its symmetries, its exact split."""

import pytest
import torch

from ase_tito.errors import ConfigError
from ase_tito.flow.prior import BoltzmannPriorVelocity
from ase_tito.testing import (
    OrnsteinUhlenbeckField,
    assert_equivariant,
    assert_independent_of_batch,
)


class Difference:
    """What a process leaves to u_dyn: e^{τ/t̂} times (its velocity − that at equilibrium)."""

    def __init__(self, field, relaxation_time_ps):
        self.field, self.relaxation_time_ps = field, relaxation_time_ps

    def encode(self, batch, condition, lag_time, temperature=None):
        given = (batch, condition, lag_time, temperature)
        late = self.field.encode(batch, condition, torch.full_like(lag_time, 1e6), temperature)
        return self.field.encode(*given), late, torch.exp(lag_time / self.relaxation_time_ps)

    def __call__(self, z, s, context):
        now, late, growth = context
        return growth[:, None, None] * (self.field(z, s, now) - self.field(z, s, late))


@pytest.fixture
def inputs(mixed, rng):
    batch, x = mixed
    z = torch.randn(x.shape, generator=rng, dtype=x.dtype) * batch.mask[..., None]
    s = torch.tensor([0.0, 0.3, 0.8, 1.0], dtype=x.dtype)
    return batch, x, z, s, torch.tensor([1.0, 30.0, 200.0, 900.0], dtype=x.dtype)


@pytest.fixture
def split():
    """An exactly solvable process, whole and as prior and remainder."""
    whole = OrnsteinUhlenbeckField(relaxation_time_ps=100.0)
    return whole, BoltzmannPriorVelocity(whole, Difference(whole, 300.0), 300.0)


def test_prior_and_remainder_make_the_whole(inputs, split):
    batch, x, z, s, lag = inputs
    whole, prior = split
    late = torch.full_like(lag, 1e6)
    equilibrium = whole.encode(batch, x, late)
    context = prior.encode(batch, x, lag)._replace(equilibrium=equilibrium)
    expected = whole(z, s, whole.encode(batch, x, lag))
    torch.testing.assert_close(prior(z, s, context), expected)


def test_what_is_left_at_long_lags_is_the_equilibrium(inputs, split):
    batch, x, z, s, lag = inputs
    dynamic = OrnsteinUhlenbeckField(relaxation_time_ps=7.0, spread=2.0)
    equilibrium = OrnsteinUhlenbeckField()
    field = BoltzmannPriorVelocity(equilibrium, dynamic, 0.5)
    late = torch.full_like(lag, 1e6)
    expected = equilibrium(z, s, equilibrium.encode(batch, x, late))
    assert torch.equal(field(z, s, field.encode(batch, x, late)), expected)
    soon = torch.full_like(lag, 0.5)
    assert (field(z, s, field.encode(batch, x, soon)) - expected).abs().max() > 0.1


def test_symmetries(inputs, split, rng):
    batch, x, z, s, lag = inputs
    assert_equivariant(split[1], batch, x, z, s, lag, generator=rng)
    assert_independent_of_batch(split[1], batch, x, z, s, lag)


@pytest.mark.parametrize("time", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_times_are_refused(split, time):
    with pytest.raises(ConfigError, match="relaxation_time_ps must be positive"):
        BoltzmannPriorVelocity(split[0], split[0], time)
