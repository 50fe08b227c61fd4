"""The gradient of a flow's log-density: the exact derivative of its discretised integration."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from ase_tito.errors import ConfigError
from ase_tito.flow.divergence import velocity_and_divergence
from ase_tito.flow.field import Velocity
from ase_tito.flow.ode import OdeSettings

_STAGES: dict[str, tuple[tuple[float, ...], ...]] = {
    "euler": ((),),
    "midpoint": ((), (1 / 2,)),
    "rk4": ((), (1 / 3,), (-1 / 3, 1.0), (1.0, -1.0, 1.0)),
}
_WEIGHTS = {"euler": (1.0,), "midpoint": (0.0, 1.0), "rk4": (1 / 8, 3 / 8, 3 / 8, 1 / 8)}
"""The explicit Runge-Kutta methods of `OdeSettings`; rk4 is Kutta's 3/8 rule."""

GRADIENT_METHODS = tuple(_STAGES)
"""Methods of integration that are differentiated."""


def log_density_gradient(
    velocity: Velocity,
    target: Tensor,
    source_log_prob: Callable[[Tensor], Tensor],
    settings: OdeSettings,
    directions: Tensor,
    *,
    chunk_size: int = 32,
) -> tuple[Tensor, Tensor]:
    """Log-density at a target, and its gradient there.

    What is differentiated is the integration itself, backwards from the target on a fixed grid, the
    divergence included: the gradient is exact for the value that is returned, however coarse the
    grid. It is accumulated from step to step (a discrete adjoint), so that memory does not grow
    with their number.

    Parameters
    ----------
    velocity : callable
        u(z, s), three times differentiable in z, with values in the subspace of the density.
    target : Tensor, shape (B, N, 3)
        y in Å, in that subspace.
    source_log_prob : callable
        From z_0 (B, N, 3) to its log-density (B,), differentiable.
    settings : OdeSettings
        Of a method in `GRADIENT_METHODS`: one step follows from the last on a fixed grid.
    directions : Tensor, shape (K, B, N, 3)
        From `basis_directions`.
    chunk_size : int
        Directions that are pulled back at once.

    Returns
    -------
    value : Tensor, shape (B,)
        As `integrate_log_density` gives it.
    gradient : Tensor, shape (B, N, 3)
        In 1/Å.

    Raises
    ------
    ConfigError
        For an adaptive method, whose steps would depend on the target, and for 'multistep', whose
        steps depend on earlier ones.
    """
    if settings.method not in _STAGES:
        raise ConfigError(
            f"a gradient needs the ODE method {' or '.join(map(repr, GRADIENT_METHODS))}, not "
            f"{settings.method!r}"
        )
    grid = settings.grid.flip(0).tolist()
    steps = list(pairwise(grid))

    def derivative(z: Tensor, s: float) -> tuple[Tensor, Tensor]:
        times = z.new_full((len(z),), s)
        return velocity_and_divergence(velocity, z, times, directions, chunk_size=chunk_size)

    def step(z: Tensor, start: float, end: float) -> tuple[Tensor, Tensor]:
        """One step of the flow, and of the integral of its divergence."""
        slopes: list[Tensor] = []
        length, change = end - start, z.new_zeros(len(z))
        for stage, weight in zip(_STAGES[settings.method], _WEIGHTS[settings.method], strict=True):
            at = z
            for share, slope in zip(stage, slopes, strict=True):
                at = at + length * share * slope
            slope, divergence = derivative(at, start + length * sum(stage))
            slopes.append(slope)
            change = change + length * weight * divergence
        for weight, slope in zip(_WEIGHTS[settings.method], slopes, strict=True):
            z = z + length * weight * slope
        return z, change

    places, value = [target], target.new_zeros(len(target))
    with torch.no_grad():
        for start, end in steps:
            z, change = step(places[-1], start, end)
            places.append(z)
            value = value + change
    with torch.enable_grad():
        z = places.pop().detach().requires_grad_()
        density = source_log_prob(z)
        (gradient,) = torch.autograd.grad(density.sum(), z)
        for start, end in reversed(steps):
            z = places.pop().detach().requires_grad_()
            moved, change = step(z, start, end)
            (gradient,) = torch.autograd.grad((moved * gradient).sum() + change.sum(), z)
    return value + density.detach(), gradient
