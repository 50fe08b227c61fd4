"""The Boltzmann prior: its law, its density, and what an operator with one tends to."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ase.io import read

from ase_tito.canonical import graph_key
from ase_tito.errors import ConfigError, DomainError
from ase_tito.flow.frame import FreeFrame
from ase_tito.flow.ode import OdeSettings
from ase_tito.flow.prior import BoltzmannPriorVelocity
from ase_tito.flow.source import HarmonicSource
from ase_tito.geometry import random_rotations
from ase_tito.models import load_model
from ase_tito.nn import EquivariantVelocity, VelocityConfig
from ase_tito.structure import graph_from_atoms
from ase_tito.testing import OrnsteinUhlenbeckField
from ase_tito.transfer.domain import NO_LAGS, Domain
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.prior import BoltzmannPrior, prior_of

SPREAD = 0.5
EXAMPLE = Path(__file__).parents[2] / "examples" / "data" / "alanine-dipeptide.pdb"


@pytest.fixture
def domain(ethanol):
    graph, _ = ethanol
    return Domain(NO_LAGS, (300.0, 300.0), (1, 6, 8), (9, 9), (graph_key(graph),))


@pytest.fixture
def springs(domain):
    """The prior of springs along the bonds: N(0, SPREAD² C), exactly."""
    field = OrnsteinUhlenbeckField(relaxation_time_ps=1e-6, spread=SPREAD)
    return BoltzmannPrior(field, HarmonicSource(), domain)


@pytest.fixture
def tiny():
    """Networks of u_eq and u_dyn as they are born, in float64."""
    settings = {"features": 8, "heads": 2, "blocks": 1, "pair_features": 4, "frame": "free"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        equilibrium = EquivariantVelocity(VelocityConfig(condition_blocks=0, **settings))
        dynamic = EquivariantVelocity(VelocityConfig(**settings))
    return equilibrium.double(), dynamic.double()


def test_density_of_a_known_law(ethanol, springs, rng):
    graph, _ = ethanol
    samples = springs.sample_with_log_prob(graph, 8, generator=rng)
    deviation = SPREAD * springs.source.standard_deviation(graph)
    values, vectors = np.linalg.eigh(deviation)
    modes = np.einsum("ik,bic->bkc", vectors[:, 1:], samples.positions.numpy()) / values[1:, None]
    expected = -0.5 * (modes**2).sum((1, 2)) - 3 * np.log(values[1:] * np.sqrt(2 * np.pi)).sum()
    np.testing.assert_allclose(samples.log_prob.numpy(), expected, atol=1e-3)


def test_samples_have_that_law(ethanol, springs, rng):
    graph, _ = ethanol
    x = springs.sample(graph, 4000, generator=rng, ode=OdeSettings("rk4", steps=20)).positions
    assert x.mean(1).abs().max() < 1e-5
    deviation = springs.source.standard_deviation(graph)
    expected = SPREAD**2 * deviation @ deviation
    found = np.einsum("bic,bjc->ij", x, x) / (3 * len(x))
    assert np.abs(found - expected).max() < 0.06 * np.abs(expected).max()


@pytest.mark.parametrize("count", [0, -1, 2.5, True])
def test_samples_are_counted(ethanol, springs, rng, count):
    with pytest.raises(ConfigError, match="count must be a positive integer"):
        springs.sample(ethanol[0], count, generator=rng)


def test_the_density_does_not_know_place_and_orientation(ethanol, tiny, domain, rng):
    graph, positions = ethanol
    prior = BoltzmannPrior(tiny[0], HarmonicSource(), domain)
    x = torch.from_numpy(positions)
    turn = random_rotations(1, rng, torch.float64)[0]
    ode = OdeSettings("rk4", steps=6)
    first = prior.log_prob(graph, x, ode=ode).value
    torch.testing.assert_close(prior.log_prob(graph, x @ turn + 3.0, ode=ode).value, first)
    assert (prior.log_prob(graph, 1.1 * x, ode=ode).value - first).abs() > 0.1


def test_at_long_lags_the_kernel_draws_from_the_prior_whatever_x(ethanol, tiny, domain):
    graph, positions = ethanol
    equilibrium, dynamic = tiny
    operator = ImplicitTransferOperator(
        BoltzmannPriorVelocity(equilibrium, dynamic, 1.0),
        HarmonicSource(),
        FreeFrame(),
        Domain((1.0, 1000.0), *list(vars(domain).values())[1:]),
    )
    prior = prior_of(operator)
    assert prior.domain == domain
    noise = torch.randn(3, 9, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    expected = prior.sample(graph, 3, noise=noise, dtype=torch.float64).positions
    for x in (positions, positions[::-1].copy(), 5 * positions):
        start = torch.from_numpy(x).expand(3, -1, -1)
        start = start - start.mean(1, keepdim=True)
        jumped = operator.sample(graph, start, 1000.0, noise=noise).positions
        torch.testing.assert_close(jumped, expected)
        early = operator.sample(graph, start, 1.0, noise=noise).positions
        assert (early - expected).abs().max() > 1e-2
    y = expected[:1]
    ode = OdeSettings("rk4", steps=6)
    density = operator.log_prob(graph, y, torch.from_numpy(positions)[None], 1000.0, ode=ode)
    torch.testing.assert_close(density.value, prior.log_prob(graph, y, ode=ode).value)


def test_the_shipped_model_draws_from_its_prior_at_its_longest_lag():
    operator = load_model("alanine-dipeptide-prior")
    atoms = read(EXAMPLE)
    graph, x = graph_from_atoms(atoms), torch.from_numpy(atoms.positions).expand(4, -1, -1)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype)
    drawn = prior_of(operator).sample(graph, 4, noise=noise, dtype=x.dtype).positions
    for lag, same in ((1000.0, True), (10.0, False)):
        moved = operator.sample(graph, x, lag, noise=noise).positions
        difference = (moved - x.mean(1, keepdim=True) - drawn).abs().max()
        assert bool(difference < 1e-3) is same


def test_double_precision_changes_rounding_alone(ethanol, tiny, domain, rng):
    graph, positions = ethanol
    single = BoltzmannPrior(tiny[0].float(), HarmonicSource(), domain)
    double = single.in_float64()
    assert next(single.field.parameters()).dtype == torch.float32
    x, ode = torch.from_numpy(positions), OdeSettings("rk4", steps=6)
    coarse, fine = (p.log_prob(graph, x, ode=ode).value for p in (single, double))
    torch.testing.assert_close(coarse, fine, rtol=1e-4, atol=1e-3)
    assert not torch.equal(coarse, fine)


def test_refusals(ethanol, springs, domain, mixed, rng):
    graph, _ = ethanol
    with pytest.raises(DomainError, match="310 K is outside"):
        springs.sample(graph, 2, generator=rng, temperature_K=310.0)
    water = mixed[0].graphs[1]
    with pytest.raises(DomainError, match="knows only 1 molecule"):
        springs.sample(water, 2, generator=rng)
    plain = ImplicitTransferOperator(
        springs.field,
        springs.source,
        FreeFrame(),
        Domain((1.0, 10.0), (300.0, 300.0), (1, 6, 8), (9, 9)),
        name="plain",
    )
    with pytest.raises(ConfigError, match="plain has no Boltzmann prior"):
        prior_of(plain)
