"""Integration of the flow's ODE dz/ds = u(z, s) from s = 0 to s = 1, and of its log-density."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor
from torchdiffeq import odeint

from ase_tito.errors import ConfigError
from ase_tito.flow.divergence import velocity_and_divergence
from ase_tito.flow.field import Velocity
from ase_tito.flow.fixed_grid import EVALUATIONS_PER_STEP, on_fixed_grid

Method = Literal["euler", "midpoint", "rk4", "multistep", "dopri5"]
Spacing = Literal["sine", "even"]
Status = Literal["completed", "stalled"]

_MAX_ADAPTIVE_EVALUATIONS = 20_000


@dataclass(frozen=True)
class OdeSettings:
    """How the flow is integrated.

    Parameters
    ----------
    method : {'euler', 'midpoint', 'rk4', 'multistep', 'dopri5'}
        Fixed grids (`ase_tito.flow.fixed_grid`) and the adaptive pair of Dormand and Prince.
    steps : int
        Steps of a fixed grid.
    spacing : {'sine', 'even'}
        Of a fixed grid: s_k = sin(π/2 · k/n), whose steps shrink towards s = 1, where bond lengths
        are decided; or s_k = k/n.
    rtol, atol : float
        Tolerances of dopri5, relative and in Å.

    Raises
    ------
    ConfigError
        For values that make no sense.
    """

    method: Method = "euler"
    steps: int = 40
    spacing: Spacing = "sine"
    rtol: float = 1e-5
    atol: float = 1e-5

    def __post_init__(self) -> None:
        methods = (*EVALUATIONS_PER_STEP, "dopri5")
        if self.method not in methods:
            raise ConfigError(f"unknown ODE method {self.method!r}: use one of {methods}")
        if not isinstance(self.steps, int) or isinstance(self.steps, bool) or self.steps < 1:
            raise ConfigError(f"ODE steps must be a positive integer, not {self.steps!r}")
        if self.spacing not in ("sine", "even"):
            raise ConfigError(f"ODE spacing must be 'sine' or 'even', not {self.spacing!r}")
        for name in ("rtol", "atol"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 < value < 1:
                raise ConfigError(f"ODE {name} must be a number between 0 and 1, not {value!r}")

    @property
    def evaluations(self) -> int | None:
        """Field evaluations per integration; None where the method decides (dopri5)."""
        per_step = EVALUATIONS_PER_STEP.get(self.method)
        return None if per_step is None else per_step * self.steps

    @property
    def grid(self) -> Tensor:
        """The flow times s_0 = 0, …, s_n = 1 of a fixed grid, shape (steps + 1,), float64."""
        even = torch.linspace(0, 1, self.steps + 1, dtype=torch.float64)
        grid = torch.sin(math.pi / 2 * even) if self.spacing == "sine" else even
        grid[-1] = 1.0
        return grid

    @cached_property
    def times(self) -> tuple[float, ...]:
        """`grid` as numbers: what an integration needs of it, made once."""
        return tuple(self.grid.tolist())

    def to_dict(self) -> dict[str, Any]:
        """JSON-able settings, for `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> OdeSettings:
        """Settings from a dictionary; ConfigError names unknown keys."""
        unknown = sorted(set(settings) - {item.name for item in fields(cls)})
        if unknown:
            raise ConfigError(f"unknown ODE settings: {', '.join(unknown)}")
        return cls(**settings)


@dataclass(frozen=True)
class OdeResult:
    """Where the flow ends.

    Attributes
    ----------
    positions : Tensor, shape (B, N, 3)
        Not finite for systems whose velocity ceased to be finite on the way, and for all systems
        if the integration stalled.
    evaluations : int
        Evaluations of the field, on the whole batch.
    status : {'completed', 'stalled'}
        'stalled' where the adaptive method found no step small enough.
    """

    positions: Tensor
    evaluations: int
    status: Status


@dataclass(frozen=True)
class LogDensityResult:
    """Where the reversed flow ends, and the change of log-density on the way.

    Attributes
    ----------
    source : Tensor, shape (B, N, 3)
        z_0, the source position that flows to the given target.
    change : Tensor, shape (B,)
        −∫₀¹ div u ds: what to add to the source's log-density.
    evaluations : int
        Evaluations of the field; the divergence at each is not counted.
    status : {'completed', 'stalled'}
    """

    source: Tensor
    change: Tensor
    evaluations: int
    status: Status


def integrate(velocity: Velocity, z0: Tensor, settings: OdeSettings, mask: Tensor) -> OdeResult:
    """Follow the flow from s = 0 to s = 1.

    Parameters
    ----------
    velocity : callable
        u(z, s) for z of shape (B, N, 3) and s of shape (B,).
    z0 : Tensor, shape (B, N, 3)
        Source positions in Å, zero where padded.
    settings : OdeSettings
    mask : Tensor of bool, shape (B, N)
        The atoms that count in the error norm of dopri5.

    Returns
    -------
    OdeResult

    Notes
    -----
    The error norm of dopri5 is the largest over the systems of the root mean square over each
    system's own atoms: easy systems in a batch never hide the error of a hard one. Memory does
    not grow with the number of steps.
    """
    final, evaluations, status = _solve(velocity, z0, settings, _atom_counts(mask))
    return OdeResult(final, evaluations, status)


def integrate_log_density(
    velocity: Velocity,
    target: Tensor,
    settings: OdeSettings,
    mask: Tensor,
    directions: Tensor,
    *,
    chunk_size: int = 32,
) -> LogDensityResult:
    """Follow the flow back from s = 1 to s = 0 together with its divergence.

    The instantaneous change of variables (Chen et al., arXiv 1806.07366, eq. 8),
    log p(y) = log p_0(z_0) − ∫₀¹ div u(z_s, s) ds, with the divergence
    Σ_k v_kᵀ (∂u/∂z) v_k over the given directions.

    Parameters
    ----------
    velocity : callable
        u(z, s), differentiable by `torch.func.vjp`, with values in the subspace of the density.
    target : Tensor, shape (B, N, 3)
        y in Å, in that subspace.
    settings : OdeSettings
        On fixed grids, the same flow times as forwards, in reverse.
    mask : Tensor of bool, shape (B, N)
    directions : Tensor, shape (K, B, N, 3)
        From `basis_directions` (exact), or `random_directions` (unbiased).
    chunk_size : int
        Directions that are pulled back at once: memory against speed.

    Returns
    -------
    LogDensityResult
    """
    shape = target.shape

    def reversed_flow(state: Tensor, r: Tensor) -> Tensor:
        z, s = state[:, :-1].view(shape), 1 - r
        u, divergence = velocity_and_divergence(velocity, z, s, directions, chunk_size=chunk_size)
        return -torch.cat([u.flatten(1), divergence[:, None]], 1)

    start = torch.cat([target.flatten(1), target.new_zeros(len(target), 1)], 1)
    final, evaluations, status = _solve(
        reversed_flow, start, settings, _atom_counts(mask), reverse=True, n_scalars=1
    )
    return LogDensityResult(final[:, :-1].view(shape), final[:, -1], evaluations, status)


class _StalledError(Exception):
    """The adaptive method keeps shrinking its step."""


def _solve(
    velocity: Velocity,
    start: Tensor,
    settings: OdeSettings,
    counts: Tensor,
    *,
    reverse: bool = False,
    n_scalars: int = 0,
) -> tuple[Tensor, int, Status]:
    """Integrate over [0, 1]; with `reverse` on the fixed grid that is mirrored about 1/2."""
    if settings.method == "dopri5":
        return _adaptive(velocity, start, settings, counts, n_scalars)
    times = tuple(1 - s for s in reversed(settings.times)) if reverse else settings.times
    count = len(start)

    def derivative(z: Tensor, s: float) -> Tensor:
        return velocity(z, z.new_full((count,), s))

    final = on_fixed_grid(settings.method, derivative, start, times)
    return final, EVALUATIONS_PER_STEP[settings.method] * settings.steps, "completed"


def _adaptive(
    velocity: Velocity, start: Tensor, settings: OdeSettings, counts: Tensor, n_scalars: int
) -> tuple[Tensor, int, Status]:
    evaluations = 0
    lost = torch.zeros(len(start), dtype=torch.bool, device=start.device)

    def derivative(s: Tensor, z: Tensor) -> Tensor:
        nonlocal evaluations, lost
        if evaluations == _MAX_ADAPTIVE_EVALUATIONS:
            raise _StalledError
        evaluations += 1
        # The guess of the first step may look beyond s = 1, where no field is defined.
        u = velocity(z, s.clamp(0, 1).expand(len(z)))
        # One system that diverges must not stop the others: hold it, mark it.
        lost = lost | ~u.flatten(1).isfinite().all(1)
        return torch.where(lost.view(-1, *[1] * (u.ndim - 1)), torch.zeros_like(u), u)

    ends = torch.tensor([0.0, 1.0], dtype=torch.float64, device=start.device)
    try:
        final = odeint(
            derivative,
            start,
            ends,
            method=settings.method,
            rtol=settings.rtol,
            atol=settings.atol,
            # step_t: the last step ends at s = 1 instead of interpolating across it
            options={"norm": _largest_error(counts, n_scalars), "step_t": ends[1:]},
        )[-1]
    except _StalledError:
        return torch.full_like(start, math.nan), evaluations, "stalled"
    except AssertionError as error:
        if "underflow in dt" not in str(error):
            raise
        return torch.full_like(start, math.nan), evaluations, "stalled"
    final = final.masked_fill(lost.view(-1, *[1] * (final.ndim - 1)), math.nan)
    return final, evaluations, "completed"


def _largest_error(counts: Tensor, n_scalars: int) -> Callable[[Tensor], Tensor]:
    """The largest over systems of: RMS over the system's coordinates, and each extra scalar."""

    def norm(values: Tensor) -> Tensor:
        flat = values.flatten(1)
        coordinates, scalars = flat.split([flat.shape[1] - n_scalars, n_scalars], 1)
        squares = coordinates.square().sum(1) / (3 * counts)
        return torch.cat([squares[:, None], scalars.square()], 1).max().sqrt()

    return norm


def _atom_counts(mask: Tensor) -> Tensor:
    return mask.sum(1)
