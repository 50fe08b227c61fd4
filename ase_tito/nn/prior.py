"""The velocity with a Boltzmann prior whose network of dynamics sees what the prior's has found."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ase_tito.errors import ConfigError
from ase_tito.flow.prior import BoltzmannPriorVelocity, PriorContext
from ase_tito.graph import GraphBatch
from ase_tito.nn.velocity import Context, EquivariantVelocity

_ALMOST_THERE = 0.95
"""The flow time at which the prior's network looks at the condition: samples then have its bonds,
and a field that was trained on noisy positions still tells conformations apart. Checkpoints rely on
it."""


_LARGEST = 30.0
"""Å, root mean square over the atoms: what u_dyn never exceeds. Unbounded, it grows as fast as
e^{−τ/t̂} falls, and the limit of long lags is lost. Several times what it needs; checkpoints rely
on it."""

_SHARPNESS = 8  # below half of the bound a velocity is changed by less than 0.1 %


class GuidedPriorVelocity(BoltzmannPriorVelocity):
    """u_eq + e^{−τ/t̂} u_dyn, where u_dyn is bounded, and given velocity and features of u_eq.

    What the prior has learnt from single frames, which conformation z and x are in among it, the
    network of dynamics need not learn again from pairs. u_eq stays what it is, and so does the
    limit of long lags.

    Parameters
    ----------
    equilibrium : EquivariantVelocity
        u_eq, a network without condition.
    dynamic : EquivariantVelocity
        u_dyn, with `VelocityConfig.guide_features` those of u_eq.
    relaxation_time_ps : float
    coupling : str, optional
        As for `BoltzmannPriorVelocity`.

    Raises
    ------
    ConfigError
        If u_dyn expects other features than u_eq has.
    """

    equilibrium: EquivariantVelocity
    dynamic: EquivariantVelocity

    def __init__(
        self,
        equilibrium: EquivariantVelocity,
        dynamic: EquivariantVelocity,
        relaxation_time_ps: float,
        coupling: str | None = None,
    ) -> None:
        expected, found = dynamic.config.guide_features, equilibrium.config.features
        if expected != found:
            raise ConfigError(f"guide_features is {expected}, and the prior has {found} features")
        super().__init__(equilibrium, dynamic, relaxation_time_ps, coupling)

    def _contexts(
        self, batch: GraphBatch, condition: Tensor, lag_time: Tensor, temperature: Tensor | None
    ) -> tuple[Context, Context]:
        """Of u_eq, and of u_dyn with what u_eq makes of the condition."""
        given = (batch, condition, lag_time, temperature)
        equilibrium = self.equilibrium.encode(*given)
        late = torch.full_like(lag_time, _ALMOST_THERE, dtype=condition.dtype)
        guide = self.equilibrium.evaluate(condition, late, equilibrium)
        return equilibrium, self.dynamic.encode(*given, guide)

    def forward(self, z: Tensor, s: Tensor, context: PriorContext) -> Tensor:
        """Velocity in Å, shape (B, N, 3)."""
        guide = self.equilibrium.evaluate(z, s, context.equilibrium)
        dynamic = bounded(
            self.dynamic(z, s, context.dynamic, guide), context.dynamic.atom_mask.sum(1)
        )
        return guide.velocity + context.decay[:, None, None] * dynamic


def bounded(velocity: Tensor, atoms: Tensor) -> Tensor:
    """Velocities (B, N, 3) of no more than 30 Å, root mean square over the atoms (B, 1)."""
    mean_square = velocity.square().sum((1, 2)) / atoms.squeeze(1)
    excess = 0.5 * torch.log(mean_square + 1e-12) - math.log(_LARGEST)
    factor = torch.exp(-nn.functional.softplus(_SHARPNESS * excess) / _SHARPNESS)
    return velocity * factor[:, None, None]
