"""Lags beyond the trained ones: the interpolation between a model's longest lag and its prior.

Viguera Diez, Schreiner, Engkvist, Olsson, arXiv 2410.10605, section 4 (the BoPITO interpolator).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from scipy.optimize import brentq, minimize_scalar
from torch import Tensor, nn

from ase_tito.errors import ConfigError
from ase_tito.flow.prior import BoltzmannPriorVelocity, PriorContext
from ase_tito.graph import GraphBatch
from ase_tito.transfer.implicit import ImplicitTransferOperator

_TOLERANCE = 1e-3
"""Of the logarithm of the interpolation time."""


class InterpolatedVelocity(nn.Module):
    """u_eq + e^{−τ_int/t̂} u_dyn(· | x, τ_max), whatever the lag.

    Implements `ase_tito.flow.field.VelocityField`.

    Parameters
    ----------
    field : BoltzmannPriorVelocity
    network_lag_ps : float
        τ_max: the lag that u_dyn is told.
    interpolation_time_ps : float
        τ_int: what decays.
    """

    def __init__(
        self, field: BoltzmannPriorVelocity, network_lag_ps: float, interpolation_time_ps: float
    ) -> None:
        super().__init__()
        self.field = field
        self.network_lag_ps = network_lag_ps
        self.interpolation_time_ps = interpolation_time_ps

    def encode(
        self,
        batch: GraphBatch,
        condition: Tensor,
        lag_time: Tensor,
        temperature: Tensor | None = None,
    ) -> PriorContext:
        """The context at the interpolation time; see `VelocityField.encode`."""
        return self.field.encode_decayed(
            batch,
            condition,
            torch.full_like(lag_time, self.network_lag_ps),
            temperature,
            torch.full_like(lag_time, self.interpolation_time_ps),
        )

    def forward(self, z: Tensor, s: Tensor, context: PriorContext) -> Tensor:
        """Velocity in Å, shape (B, N, 3)."""
        velocity: Tensor = self.field(z, s, context)
        return velocity

    def get_extra_state(self) -> Tensor:
        """Both times, float64: they are as much a part of the field as its weights."""
        return torch.tensor([self.network_lag_ps, self.interpolation_time_ps], dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        """Take both times."""
        self.network_lag_ps, self.interpolation_time_ps = state.tolist()


def interpolated(
    operator: ImplicitTransferOperator, lag_time_ps: float, interpolation_time_ps: float
) -> ImplicitTransferOperator:
    """The operator for one lag beyond the trained ones, whose name tells τ_int.

    Its jumps are an interpolation between those of the longest trained lag τ_max
    (τ_int = τ_max) and the equilibrium (τ_int → ∞): no prediction, unless τ_int was chosen so that
    something known comes out right (`fit_interpolation_time`).

    Parameters
    ----------
    operator : ImplicitTransferOperator
        Of a model with a Boltzmann prior.
    lag_time_ps : float
        The physical lag that a jump is to stand for; the new operator takes no other.
    interpolation_time_ps : float
        τ_int, from τ_max on.

    Raises
    ------
    ConfigError
        If the model has no prior, or a time lies below the longest trained lag.
    """
    if not isinstance(operator.field, BoltzmannPriorVelocity):
        raise ConfigError(
            f"{operator.name or 'this model'} has no Boltzmann prior to interpolate to"
        )
    longest = operator.domain.lag_range_ps[1]
    for name, value in (
        ("lag_time_ps", lag_time_ps),
        ("interpolation_time_ps", interpolation_time_ps),
    ):
        if not (math.isfinite(value) and value >= longest):
            raise ConfigError(
                f"{name} is {value:g} ps: interpolation begins at the longest trained lag, "
                f"{longest:g} ps; for shorter ones use the model as it is"
            )
    return replace(
        operator,
        field=InterpolatedVelocity(operator.field, longest, interpolation_time_ps),
        name=f"{operator.name or 'unnamed'} with an interpolation time of "
        f"{float(interpolation_time_ps)!r} ps",
        domain=replace(operator.domain, lag_range_ps=(lag_time_ps, lag_time_ps)),
    )


@dataclass(frozen=True)
class InterpolationFit:
    """The interpolation time that fits an observable.

    Attributes
    ----------
    operator : ImplicitTransferOperator
        The interpolated one.
    interpolation_time_ps : float
    value : float
        The observable that it gives.
    reached : bool
        Whether that is the target, within tolerance; else the nearest value between the bounds.
    evaluations : int
        Of the observable.
    """

    operator: ImplicitTransferOperator
    interpolation_time_ps: float
    value: float
    reached: bool
    evaluations: int


def fit_interpolation_time(
    operator: ImplicitTransferOperator,
    lag_time_ps: float,
    observable: Callable[[ImplicitTransferOperator], float],
    target: float,
    *,
    longest_ps: float | None = None,
    tolerance: float = _TOLERANCE,
) -> InterpolationFit:
    """Choose τ_int so that an observable at a longer lag comes out right.

    Parameters
    ----------
    operator : ImplicitTransferOperator
        Of a model with a Boltzmann prior.
    lag_time_ps : float
        The physical lag, beyond the trained ones.
    observable : callable
        From an operator that takes this lag to a number, such as a correlation function at the
        lag. It must be a function: draw its noise from the same seed at every call.
    target : float
        Its value as measured or simulated.
    longest_ps : float, optional
        Upper bound of τ_int; by default τ_max + 10 t̂, where nothing is left of u_dyn.
    tolerance : float
        Of the logarithm of τ_int.

    Returns
    -------
    InterpolationFit
        A root where the observable crosses the target between the bounds (Brent's method), and
        else the least deviation.

    Raises
    ------
    ConfigError
        As `interpolated`, and for an observable that is not finite.
    """
    start = interpolated(operator, lag_time_ps, operator.domain.lag_range_ps[1])
    field = operator.field
    low = operator.domain.lag_range_ps[1]
    if isinstance(field, BoltzmannPriorVelocity) and longest_ps is None:
        longest_ps = low + 10 * field.relaxation_time_ps
    high = longest_ps or low
    values: dict[float, float] = {}

    def deviation(logarithm: float) -> float:
        time = min(max(math.exp(logarithm), low), high)
        if time not in values:
            moved = start if time == low else interpolated(operator, lag_time_ps, time)
            values[time] = float(observable(moved))
            if not math.isfinite(values[time]):
                raise ConfigError(f"the observable is {values[time]} at {time:g} ps")
        return values[time] - target

    ends = math.log(low), math.log(high)
    crosses = deviation(ends[0]) * deviation(ends[1]) <= 0
    if crosses:
        brentq(deviation, *ends, xtol=tolerance)
    else:
        minimize_scalar(
            lambda t: deviation(t) ** 2, bounds=ends, method="bounded", options={"xatol": tolerance}
        )
    time = min(values, key=lambda t: abs(values[t] - target))
    return InterpolationFit(
        interpolated(operator, lag_time_ps, time), time, values[time], crosses, len(values)
    )
