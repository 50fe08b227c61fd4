"""The velocity with a Boltzmann prior: what a flow tends to at long lags is known beforehand.

Viguera Diez, Schreiner, Engkvist, Olsson, arXiv 2410.10605 (BoPITO).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ase_tito.errors import ConfigError
from ase_tito.flow.field import VelocityField
from ase_tito.graph import GraphBatch


class PriorContext(NamedTuple):
    """What `BoltzmannPriorVelocity.encode` keeps for the evaluations of one jump."""

    equilibrium: Any
    dynamic: Any
    decay: Tensor  # (B,)


class BoltzmannPriorVelocity(nn.Module):
    """u(z, s | x, τ) = u_eq(z, s) + e^{−τ/t̂} u_dyn(z, s | x, τ).

    The paper states the split for scores (arXiv 2410.10605, section 4); for a linear path from a
    Gaussian source, drawn independently of the target, velocity and score are affine in each
    other, so that it holds for velocities as well. Both limits are exact in the frame 'free':
    u_eq does not depend on x, and at τ ≫ t̂ nothing else is left.

    Implements `ase_tito.flow.field.VelocityField`.

    Parameters
    ----------
    equilibrium : VelocityField
        u_eq, which ignores condition and lag.
    dynamic : VelocityField
        u_dyn.
    relaxation_time_ps : float
        t̂: of the slowest process. Another one needs another u_dyn.
    coupling : str, optional
        Of source and target in the training of u_eq, where it is known.

    Raises
    ------
    ConfigError
        For a time that is not positive.
    """

    def __init__(
        self,
        equilibrium: VelocityField,
        dynamic: VelocityField,
        relaxation_time_ps: float,
        coupling: str | None = None,
    ) -> None:
        super().__init__()
        if not (math.isfinite(relaxation_time_ps) and relaxation_time_ps > 0):
            raise ConfigError(f"relaxation_time_ps must be positive, not {relaxation_time_ps}")
        self.equilibrium, self.dynamic = equilibrium, dynamic
        self.relaxation_time_ps, self.coupling = relaxation_time_ps, coupling

    def encode(
        self,
        batch: GraphBatch,
        condition: Tensor,
        lag_time: Tensor,
        temperature: Tensor | None = None,
    ) -> PriorContext:
        """Both fields' contexts, and the weight of the second; see `VelocityField.encode`."""
        return self.encode_decayed(batch, condition, lag_time, temperature, lag_time)

    def encode_decayed(
        self,
        batch: GraphBatch,
        condition: Tensor,
        lag_time: Tensor,
        temperature: Tensor | None,
        decay_time: Tensor,
    ) -> PriorContext:
        """As `encode`, with a time in e^{−τ/t̂} of its own beside the lag that u_dyn is told."""
        decay = torch.exp(-decay_time / self.relaxation_time_ps)
        return PriorContext(*self._contexts(batch, condition, lag_time, temperature), decay)

    def _contexts(
        self, batch: GraphBatch, condition: Tensor, lag_time: Tensor, temperature: Tensor | None
    ) -> tuple[Any, Any]:
        """Of u_eq and of u_dyn."""
        given = (batch, condition, lag_time, temperature)
        return self.equilibrium.encode(*given), self.dynamic.encode(*given)

    def forward(self, z: Tensor, s: Tensor, context: PriorContext) -> Tensor:
        """Velocity in Å, shape (B, N, 3)."""
        velocity: Tensor = self.equilibrium(z, s, context.equilibrium)
        return velocity + context.decay[:, None, None] * self.dynamic(z, s, context.dynamic)
