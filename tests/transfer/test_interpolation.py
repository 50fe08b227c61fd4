"""Lags beyond the trained ones, on a process whose correlation function is known."""

import math

import numpy as np
import pytest
import torch
from ase import units
from ase.build import molecule

from ase_tito.dynamics.tito import TITODynamics
from ase_tito.errors import ConfigError, DomainError, OutputError
from ase_tito.flow.frame import FreeFrame
from ase_tito.flow.ode import OdeSettings
from ase_tito.flow.prior import BoltzmannPriorVelocity
from ase_tito.flow.source import HarmonicSource
from ase_tito.testing import OrnsteinUhlenbeckField
from ase_tito.transfer.domain import Domain
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.interpolation import fit_interpolation_time, interpolated

THETA, LONGEST = 100.0, 50.0
DOMAIN = Domain((1.0, LONGEST), (300.0, 300.0), (1, 6, 8), (9, 9))


class Remainder:
    """U_dyn of an Ornstein-Uhlenbeck process at the lag it is told."""

    def __init__(self, field):
        self.field = field

    def encode(self, batch, condition, lag_time, temperature=None):
        late = torch.full_like(lag_time, 1e6)
        growth = torch.exp(lag_time / THETA)
        fields = (self.field.encode(batch, condition, t, temperature) for t in (lag_time, late))
        return *fields, growth

    def __call__(self, z, s, context):
        now, late, growth = context
        return growth[:, None, None] * (self.field(z, s, now) - self.field(z, s, late))


@pytest.fixture(scope="module")
def operator():
    whole = OrnsteinUhlenbeckField(relaxation_time_ps=THETA)
    equilibrium = OrnsteinUhlenbeckField(relaxation_time_ps=1e-9)
    return ImplicitTransferOperator(
        BoltzmannPriorVelocity(equilibrium, Remainder(whole), THETA),
        HarmonicSource(),
        FreeFrame(),
        DOMAIN,
        ode=OdeSettings("rk4", steps=10),
        name="springs",
    )


@pytest.fixture(scope="module")
def correlation(ethanol):
    """The normalized correlation of positions over one jump from equilibrium, same noise always."""
    graph, _ = ethanol
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 2000, 9, 3, generator=generator, dtype=torch.float64)
    factor = torch.from_numpy(HarmonicSource().standard_deviation(graph))
    x = 0.5 * factor @ noise[0]

    def measure(lag):
        def observable(kernel):
            y = kernel.sample(graph, x, lag, noise=noise[1]).positions
            return float((x * y).sum() / (x * x).sum())

        return observable

    return measure


def test_it_begins_at_the_longest_trained_lag(operator, correlation):
    measured = correlation(LONGEST)(interpolated(operator, LONGEST, LONGEST))
    assert measured == pytest.approx(correlation(LONGEST)(operator), abs=1e-12)
    assert measured == pytest.approx(math.exp(-LONGEST / THETA), abs=0.03)
    assert correlation(200.0)(interpolated(operator, 200.0, 5000.0)) == pytest.approx(0, abs=0.02)


def test_a_known_correlation_comes_out_right(operator, correlation):
    lag = 150.0
    target = math.exp(-lag / THETA)
    fit = fit_interpolation_time(operator, lag, correlation(lag), target)
    assert fit.reached
    assert fit.value == pytest.approx(target, abs=2e-3)
    assert correlation(lag)(fit.operator) == fit.value
    # the split is linear in e^{-τ/t̂} for the mean's velocity, so that τ_int is near the true lag
    assert 100.0 < fit.interpolation_time_ps < 250.0


def test_a_target_out_of_reach_gives_the_nearest(operator, correlation):
    fit = fit_interpolation_time(operator, 100.0, correlation(100.0), 0.9, tolerance=0.02)
    assert not fit.reached
    np.testing.assert_allclose(fit.interpolation_time_ps, LONGEST, rtol=0.05)


def test_a_run_continues_with_its_own_interpolation(operator, tmp_path):
    atoms, path = molecule("CH3CH2OH"), tmp_path / "x.traj"
    settings = {"seed": 1, "trajectory": path, "on_invalid": "keep"}
    own, other = (interpolated(operator, 100.0, time) for time in (70.123456789, 71.0))
    with TITODynamics(atoms, 100_000 * units.fs, model=own, **settings) as dyn:
        dyn.run(1)
    with pytest.raises(OutputError, match=r"71\.0 ps' are not those that made this trajectory"):
        TITODynamics.restart(path, model=other)
    again = interpolated(operator, 100.0, 60.0)
    again.field.load_state_dict(own.field.state_dict())
    with TITODynamics.restart(path, model=again) as dyn:
        assert dyn.run_record.model == "springs with an interpolation time of 70.123456789 ps"


def test_refusals(operator, ethanol, rng):
    graph, positions = ethanol
    with pytest.raises(ConfigError, match=r"interpolation_time_ps is 20 ps: .* 50 ps"):
        interpolated(operator, 100.0, 20.0)
    with pytest.raises(ConfigError, match="lag_time_ps is 20 ps"):
        interpolated(operator, 20.0, 100.0)
    longer = interpolated(operator, 100.0, 70.0)
    x = torch.from_numpy(positions)
    assert longer.sample(graph, x, 100.0, generator=rng).info.finite.all()
    with pytest.raises(DomainError, match="outside the trained range"):
        longer.sample(graph, x, 50.0, generator=rng)
    with pytest.raises(ConfigError, match=r"springs .* has no Boltzmann prior to interpolate to"):
        interpolated(longer, 200.0, 200.0)
    with pytest.raises(ConfigError, match="the observable is nan at 50 ps"):
        fit_interpolation_time(operator, 100.0, lambda _: math.nan, 0.0)
