"""The gradient of a log-density: of the value that the integration gives, step by step."""

import pytest
import torch

from ase_tito.errors import ConfigError
from ase_tito.flow.divergence import basis_directions
from ase_tito.flow.frame import FreeFrame
from ase_tito.flow.gradient import log_density_gradient
from ase_tito.flow.ode import OdeSettings, integrate_log_density
from ase_tito.geometry import centre


def field(mask):
    """A nonlinear velocity of each system by itself."""

    def velocity(z, s):
        r = z.square().sum((1, 2), keepdim=True)
        swirl = torch.stack([z[..., 1], -z[..., 0], z[..., 2] * z[..., 0]], -1)
        return centre(torch.sin(z) * s[:, None, None] + 0.1 * swirl - 0.002 * r * z, mask)

    return velocity


@pytest.mark.parametrize(("method", "steps"), [("euler", 7), ("midpoint", 5), ("rk4", 3)])
@pytest.mark.parametrize("spacing", ["sine", "even"])
def test_value_and_gradient_of_a_batch(mixed, rng, method, steps, spacing):
    batch, x = mixed
    y = centre(torch.randn(x.shape, generator=rng, dtype=x.dtype), batch.mask)
    y = y * batch.mask[..., None]
    settings = OdeSettings(method, steps=steps, spacing=spacing)
    directions = basis_directions(FreeFrame().basis(x, batch.mask))
    velocity = field(batch.mask)

    def source(z):
        return -0.5 * z.square().sum((1, 2))

    def density(at):
        result = integrate_log_density(velocity, at, settings, batch.mask, directions)
        return source(result.source) + result.change

    value, gradient = log_density_gradient(velocity, y, source, settings, directions, chunk_size=5)
    torch.testing.assert_close(value, density(y), rtol=1e-12, atol=1e-12)
    step = centre(torch.randn(x.shape, generator=rng, dtype=x.dtype), batch.mask)
    step = 1e-5 * step * batch.mask[..., None]
    slope = (density(y + step) - density(y - step)) / 2
    torch.testing.assert_close((gradient * step).sum((1, 2)), slope, rtol=1e-6, atol=1e-12)
    assert slope.abs().min() > 1e-9


@pytest.mark.parametrize("method", ["dopri5", "multistep"])
def test_other_methods_are_refused(mixed, method):
    batch, x = mixed
    with pytest.raises(ConfigError, match=f"'euler' or 'midpoint' or 'rk4', not '{method}'"):
        log_density_gradient(
            field(batch.mask), x, lambda z: z.sum((1, 2)), OdeSettings(method), x[None]
        )
