"""Exactly solvable transitions through the whole operator, against closed forms.

`OrnsteinUhlenbeckField` has a covariance proportional to the source's; `AnisotropicField` has any,
which shares no eigenvectors with the source.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from ase_tito.flow.frame import ConditionFrame, FreeFrame
from ase_tito.flow.ode import OdeSettings
from ase_tito.flow.source import GaussianSource, HarmonicSource
from ase_tito.geometry import centre, random_rotations
from ase_tito.graph import GraphBatch
from ase_tito.testing import OrnsteinUhlenbeckField, assert_kernel_equivariant
from ase_tito.transfer.domain import Domain
from ase_tito.transfer.implicit import ImplicitTransferOperator

DOMAIN = Domain((0.1, 1e5), (300.0, 400.0), (1, 6, 8), (3, 9))
TIGHT = OdeSettings("dopri5", rtol=1e-7, atol=1e-7)
FRAMES = [FreeFrame(), ConditionFrame()]
SETTINGS = [
    (HarmonicSource(), FreeFrame()),
    (HarmonicSource(), ConditionFrame()),
    (GaussianSource(1.0), FreeFrame()),
    (GaussianSource(1.0), ConditionFrame()),
    (GaussianSource(0.6, centre="condition"), ConditionFrame()),
]


class AnisotropicField:
    """Exact field of p(y | x) = N(0.95 x, Qᵀ W Q) in coordinates of the frame's basis Q.

    u = m − n + K(s) (z − s m − (1 − s) n), K(s) = (s V − (1 − s) S)(s² V + (1 − s)² S)⁻¹, with the
    projected covariances S of the source and V of the target, and the source's mean n.
    """

    def __init__(self, source, frame, size, width, seed=1):
        mixing = torch.randn(
            3 * size, 3 * size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
        )
        self.covariance = width**2 * (mixing @ mixing.T / (3 * size) + 0.2 * torch.eye(3 * size))
        self.source, self.frame = source, frame

    def law(self, batch, x):
        """Basis, mean and covariance of y, and covariance of z_0; for systems of one size."""
        basis = self.frame.basis(x, batch.mask)
        roots = self.source.factors(batch, x.dtype)
        flat = torch.einsum("bij,bkj,cd->bickd", roots, roots, torch.eye(3, dtype=x.dtype))
        inside = basis.transpose(1, 2) @ flat.flatten(3, 4).flatten(1, 2) @ basis
        mean = 0.95 * torch.einsum("bkd,bk->bd", basis, x.flatten(1))
        return basis, mean, basis.transpose(1, 2) @ self.covariance @ basis, inside

    def encode(self, batch, condition, lag_time, temperature):
        """K(s) = A diag(k) A⁻¹ with S = A Aᵀ and V = A diag(v) Aᵀ."""
        basis, mean, target, source = self.law(batch, condition)
        factor = torch.linalg.cholesky(source)
        inverse = torch.linalg.inv(factor)
        v, vectors = torch.linalg.eigh(inverse @ target @ inverse.transpose(1, 2))
        whiten = vectors.transpose(1, 2) @ inverse @ basis.transpose(1, 2)
        colour = basis @ factor @ vectors
        start = self.source.mean(condition).flatten(1)
        return (basis @ mean[..., None])[..., 0], start, v, whiten, colour

    def __call__(self, z, s, context):
        mean, start, v, whiten, colour = context
        s = s[:, None]
        rate = (s * v - (1 - s)) / (s**2 * v + (1 - s) ** 2)
        away = z.flatten(1) - s * mean - (1 - s) * start
        modes = rate[..., None] * (whiten @ away[..., None])
        return (mean - start + (colour @ modes)[..., 0]).view_as(z)


def ornstein_uhlenbeck(frame, **options):
    return ImplicitTransferOperator(
        OrnsteinUhlenbeckField(**options), HarmonicSource(), frame, DOMAIN, ode=TIGHT
    )


def centred_positions(ethanol, count):
    graph, positions = ethanol
    batch = GraphBatch.replicate(graph, count)
    x = torch.from_numpy(positions).expand(count, -1, -1)
    return batch, centre(x, batch.mask)


@pytest.mark.parametrize("frame", FRAMES)
def test_sample_is_the_affine_map_of_the_noise(frame, mixed, rng):
    """y = m + √v P z_0 exactly, for each molecule of a padded batch and each its own lag."""
    batch, x = mixed
    operator = ornstein_uhlenbeck(frame)
    lag = torch.tensor([1.0, 30.0, 300.0, 10.0], dtype=torch.float64)
    temperature = torch.tensor([300.0, 330.0, 400.0, 300.0], dtype=torch.float64)
    noise = torch.randn(x.shape, generator=rng, dtype=torch.float64)
    sample = operator.sample(batch, x, lag, noise=noise, temperature_K=temperature)
    mean, variance = operator.field.encode(batch, x, lag, temperature)
    memory = torch.exp(-lag / 100.0)[:, None, None]
    torch.testing.assert_close(mean, memory * x)
    torch.testing.assert_close(variance, 0.25 * temperature / 300 * (1 - memory.flatten() ** 2))
    source = frame.projector(x, batch.mask)(operator.source.sample(batch, noise))
    expected = mean + variance.sqrt()[:, None, None] * source
    torch.testing.assert_close(sample.positions, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("source", "frame"), SETTINGS)
def test_moments_of_an_anisotropic_transition(source, frame, ethanol, rng):
    """Mean and covariance of 1500 samples of the default integration, whitened."""
    batch, x = centred_positions(ethanol, 1500)
    field = AnisotropicField(source, frame, 9, width=0.3)
    one = GraphBatch.replicate(batch.graphs[0], 1)
    basis, mean, covariance, _ = (values[0] for values in field.law(one, x[:1]))

    class Shared:  # one condition, so one encoding for all replicas
        def encode(self, batch, condition, lag_time, temperature):
            return field.encode(one, condition[:1], lag_time, temperature)

        def __call__(self, z, s, context):
            return field(z, s[:1], context)

    operator = ImplicitTransferOperator(Shared(), source, frame, DOMAIN)
    ode = OdeSettings("midpoint", 20)
    y = operator.sample(batch, x, 10.0, generator=rng, temperature_K=300.0, ode=ode).positions
    white = torch.linalg.solve_triangular(
        torch.linalg.cholesky(covariance), (y.flatten(1) @ basis - mean).T, upper=False
    )
    assert (white.mean(1) * 1500**0.5).abs().max() < 4.5
    deviation = (white @ white.T / 1500 - torch.eye(len(white))) * 1500**0.5
    assert deviation.abs().max() < 6


@pytest.mark.parametrize(("source", "frame"), SETTINGS)
def test_log_prob_of_an_anisotropic_transition(frame, source, ethanol, rng):
    batch, x = centred_positions(ethanol, 3)
    x = x + 0.1 * torch.randn(x.shape, generator=rng, dtype=torch.float64)
    x = centre(x, batch.mask)
    field = AnisotropicField(source, frame, 9, width=0.2)
    operator = ImplicitTransferOperator(field, source, frame, DOMAIN)
    basis, mean, covariance, _ = field.law(batch, x)
    steps = torch.linalg.cholesky(covariance) @ torch.randn(
        *mean.shape, 1, generator=rng, dtype=torch.float64
    )
    coordinates = mean + steps[..., 0]
    y = torch.einsum("bkd,bd->bk", basis, coordinates).view_as(x)
    expected = [
        multivariate_normal(m, c).logpdf(at)
        for m, c, at in zip(mean.numpy(), covariance.numpy(), coordinates.numpy(), strict=True)
    ]
    density = operator.log_prob(batch, y, x, 10.0, temperature_K=300.0, ode=TIGHT)
    np.testing.assert_allclose(density.value.numpy(), expected, atol=1e-4)
    if frame.name == "condition":  # y's orientation and both centroids are forgotten
        y = y @ random_rotations(3, rng, torch.float64)
    default = operator.log_prob(batch, y + 7.0, x - 3.0, 10.0, temperature_K=300.0)
    np.testing.assert_allclose(default.value.numpy(), expected, atol=2e-3)


@pytest.mark.parametrize("frame", FRAMES)
def test_log_prob_of_a_padded_batch(frame, mixed, rng):
    """Closed form and operator agree for molecules of 9, 3 and 4 atoms at once."""
    batch, x = mixed
    operator = ornstein_uhlenbeck(frame, spread=0.1)
    y = operator.sample(batch, x, 50.0, generator=rng, temperature_K=300.0).positions
    y = centre(frame.align(y, x), batch.mask)
    actual = operator.log_prob(batch, y, x, 50.0, temperature_K=300.0, ode=TIGHT).value
    mean, variance = operator.field.encode(batch, x, *torch.tensor([[50.0] * 4, [300.0] * 4]))
    basis = frame.basis(x, batch.mask)
    for k, graph in enumerate(batch.systems):
        n = 3 * graph.n_atoms
        root = operator.source.standard_deviation(graph)
        projector = (basis[k] @ basis[k].T)[:n, :n].numpy()
        covariance = projector @ np.kron(root @ root, np.eye(3)) @ projector
        law = multivariate_normal(cov=variance[k].item() * covariance, allow_singular=True)
        away = (y - mean)[k].flatten()[:n].numpy()
        assert actual[k].item() == pytest.approx(law.logpdf(away), abs=1e-4)


def test_hutchinson_averages_to_the_exact_log_prob(ethanol, rng):
    batch, x = centred_positions(ethanol, 128)
    source, frame = HarmonicSource(), ConditionFrame()
    field = AnisotropicField(source, frame, 9, width=0.3)
    operator = ImplicitTransferOperator(field, source, frame, DOMAIN)
    ode = OdeSettings("rk4", 10)
    one = batch.select(torch.tensor([0]))
    exact = operator.log_prob(one, x[:1], x[:1], 10.0, temperature_K=300.0, ode=ode).value
    noisy = operator.log_prob(
        batch, x, x, 10.0, temperature_K=300.0, ode=ode, divergence="hutchinson", generator=rng
    ).value
    assert noisy.std() > 0.1
    assert abs(noisy.mean() - exact[0]) < 4 * noisy.std() / 128**0.5


def test_chapman_kolmogorov_of_samples(ethanol, rng):
    """Two jumps of 40 and 60 ps have the law of one of 100 ps (frame 'free')."""
    batch, x = centred_positions(ethanol, 3000)
    operator = replace(ornstein_uhlenbeck(FreeFrame()), ode=OdeSettings("rk4", 10))
    y = x
    for lag in (40.0, 60.0):
        y = operator.sample(batch, y, lag, generator=rng, temperature_K=300.0).positions
    mean, variance = operator.field.encode(batch, x, torch.full((3000,), 100.0, dtype=x.dtype))
    root = operator.source.standard_deviation(batch.graphs[0])
    white = (torch.from_numpy(np.linalg.pinv(root)) @ (y - mean)).flatten(1) / variance.sqrt()[
        :, None
    ]
    white = white @ FreeFrame().basis(x[:1], batch.mask[:1])[0]
    assert (white.mean(0) * 3000**0.5).abs().max() < 4.5
    deviation = (white.T @ white / 3000 - torch.eye(24)) * 3000**0.5
    assert deviation.abs().max() < 6


def test_chapman_kolmogorov_of_densities(mixed, rng):
    """∫ p(y | w, τ₂) p(w | x, τ₁) dw = p(y | x, τ₁ + τ₂), estimated with samples w."""
    batch, positions = mixed
    batch = batch.select(torch.ones(1000, dtype=torch.long))  # water
    x = positions[1:2].expand(1000, -1, -1)
    operator = replace(ornstein_uhlenbeck(FreeFrame()), ode=OdeSettings("rk4", 10))
    options = {"temperature_K": 300.0, "ode": OdeSettings("rk4", 15)}
    y = 0.5 * x
    w = operator.sample(batch, x, 50.0, generator=rng, temperature_K=300.0).positions
    inner = operator.log_prob(batch, y, w, 80.0, **options).value.exp()
    one = batch.select(torch.tensor([0]))
    expected = operator.log_prob(one, y[:1], x[:1], 130.0, **options).value.exp()
    assert abs(inner.mean() - expected[0]) < 4 * inner.std() / 1000**0.5
    assert inner.std() / 1000**0.5 < 0.05 * expected[0]


def test_long_lags_forget_the_condition_and_reach_the_boltzmann_law(mixed, rng):
    batch, x = mixed
    operator = ornstein_uhlenbeck(FreeFrame())
    noise = torch.randn(x.shape, generator=rng, dtype=torch.float64)
    boltzmann = 0.5 * operator.source.sample(batch, noise)
    for start in (x, 3 * x):
        y = operator.sample(batch, start, 5000.0, noise=noise, temperature_K=300.0).positions
        torch.testing.assert_close(y, boltzmann, rtol=1e-5, atol=1e-5)
    # detailed balance: p(y | x) μ(x) = p(x | y) μ(y)
    basis = FreeFrame().basis(x, batch.mask)

    def stationary(at):
        return operator.source.log_prob(batch, at / 0.5, basis)

    y = centre(x + 0.3 * boltzmann, batch.mask)
    forth = operator.log_prob(batch, y, x, 70.0, temperature_K=300.0, ode=TIGHT).value
    back = operator.log_prob(batch, x, y, 70.0, temperature_K=300.0, ode=TIGHT).value
    torch.testing.assert_close(forth + stationary(x), back + stationary(y), rtol=0, atol=1e-4)


class NonlinearField:
    """No closed form: a contraction onto x with an anharmonic part."""

    def encode(self, batch, condition, lag_time, temperature):
        return condition

    def __call__(self, z, s, context):
        away = z - context
        return -2.0 * away + 0.5 * torch.sin(3 * away.roll(1, 1)) * s[:, None, None]


def test_density_in_the_condition_frame_integrates_to_one(mixed):
    """Quadrature over E_x of water, of three dimensions: log_prob is a density with its measure."""
    batch, x = mixed
    batch, x = batch.select(torch.tensor([1])), x[1:2]
    operator = ImplicitTransferOperator(
        NonlinearField(), HarmonicSource(0.4), ConditionFrame(), DOMAIN
    )
    basis = operator.frame.basis(x, batch.mask)[0]
    spacing, reach = 0.03, 0.3
    axis = torch.arange(-reach, reach + 1e-9, spacing, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis, axis)
    y = x + (points @ basis.T).view(-1, 9, 3)
    many = batch.select(torch.zeros(len(y), dtype=torch.long))
    density = operator.log_prob(
        many, y, x.expand_as(y), 10.0, temperature_K=300.0, ode=OdeSettings("rk4", 8)
    )
    assert density.value.exp().sum() * spacing**3 == pytest.approx(1.0, abs=0.01)
    edge = (points.abs() == points.abs().max()).any(1)
    assert density.value[edge].exp().max() < 1e-3 * density.value.exp().max()


def test_density_in_the_free_frame_integrates_to_one(mixed, rng):
    """Importance sampling of water in six dimensions, from a wider Gaussian."""
    batch, x = mixed
    batch, x = batch.select(torch.ones(1500, dtype=torch.long)), x[1:2].expand(1500, -1, -1)
    operator = ImplicitTransferOperator(
        NonlinearField(), HarmonicSource(0.4), FreeFrame(), DOMAIN, ode=OdeSettings("rk4", 8)
    )
    basis = operator.frame.basis(x[:1], batch.mask[:1])[0]
    options = {"temperature_K": 300.0}
    sample = operator.sample(batch, x, 10.0, generator=rng, **options).positions
    coordinates = (sample.flatten(1) @ basis).numpy()
    wide = multivariate_normal(coordinates.mean(0), 1.5 * np.cov(coordinates.T))
    proposed = torch.from_numpy(wide.rvs(1500, random_state=0))
    y = (proposed @ basis.T).view_as(x)
    density = operator.log_prob(batch, y, x, 10.0, ode=OdeSettings("rk4", 8), **options)
    weights = np.exp(density.value.numpy() - wide.logpdf(proposed.numpy()))
    assert weights.mean() == pytest.approx(1.0, abs=4 * weights.std() / 1500**0.5)
    assert weights.std() / 1500**0.5 < 0.03


@pytest.mark.parametrize("frame", FRAMES)
def test_whole_jumps_are_equivariant(frame, mixed, rng):
    batch, x = mixed
    noise = torch.randn(x.shape, generator=rng, dtype=torch.float64)
    assert_kernel_equivariant(
        ornstein_uhlenbeck(frame), batch, x, 50.0, noise=noise, generator=rng, temperature_K=300.0
    )
