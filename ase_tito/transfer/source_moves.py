"""Moves in the source space of a Boltzmann prior: preconditioned Crank-Nicolson proposals (pCN).

Neal, in: Bayesian Statistics 6, 475 (1999); Cotter, Roberts, Stuart, White, Stat. Sci. 28, 424
(2013). The flow of u_eq maps z ~ N(0, C) to x ~ p_eq. A move from x turns it back into its z, takes

    z' = √(1 − b²) z + b ξ,   ξ ~ N(0, C),

and maps that to y. It is reversible with respect to N(0, C), hence to p_eq in the space of x, and
so exp(−U/kT) is left as it is if y is accepted with probability min(1, r),

    log r = −[U(y) − U(x)] / kT + log p_eq(x) − log p_eq(y).

A small step b makes small moves of the whole molecule along what the prior knows; b = 1 draws
independent samples of the prior.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ase_tito.errors import ConfigError
from ase_tito.flow.density import Quadrature, follow
from ase_tito.graph import GraphBatch
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.jump import PreparedJump
from ase_tito.transfer.metropolis import (
    Proposal,
    ProposalRatio,
    forward_log_density,
    log_density,
    proposal_from,
)
from ase_tito.transfer.prior import ANY_LAG_PS
from ase_tito.transfer.start import draw_start


def check_step(step: float) -> None:
    """Refuse a step b outside 0 < b ≤ 1.

    Raises
    ------
    ConfigError
    """
    number = isinstance(step, int | float) and not isinstance(step, bool)
    if not (number and 0 < step <= 1):
        raise ConfigError(
            f"source_step must lie above 0 and at most at 1, which draws independent samples of "
            f"the prior, not {step!r}"
        )


def propose_in_source(
    transition: ImplicitTransferOperator,
    batch: GraphBatch,
    x: Tensor,
    step: float,
    noise: Tensor,
    quadrature: Quadrature,
    *,
    origin: Tensor | None = None,
    temperature_K: float | None = None,
) -> Proposal:
    """Move x in the source space, and keep the path to y for its density.

    Parameters
    ----------
    transition : ImplicitTransferOperator
        `BoltzmannPrior.transition`, in double precision.
    batch : GraphBatch
    x : Tensor, shape (B, N, 3)
        In Å, float64. Of several systems in the same state one is turned back.
    step : float
        b.
    noise : Tensor, shape (B', N, 3)
        Standard normal numbers.
    quadrature : Quadrature
    origin : Tensor of int64, shape (B',), optional
        From which of the B systems each proposal comes; by default one from each.
    temperature_K : float, optional

    Returns
    -------
    Proposal
        Of B' systems; its evaluations are without those that turned x back.
    """
    with torch.no_grad():
        before = _prepare(transition, batch, x, temperature_K)
        back = follow(before.velocity, before.x, quadrature, reverse=True).end
        if origin is None:
            origin = torch.arange(len(x), device=x.device)
        chosen, here, z = batch.select(origin), x[origin], back[origin]
        jump = _prepare(transition, chosen, here, temperature_K)
        noise = noise.to(jump.x).masked_fill(~jump.batch.mask[..., None], 0.0)
        fresh = draw_start(transition.source, jump, noise)
        source = math.sqrt(1 - step**2) * z + step * fresh
        return proposal_from(jump, source, transition.frame.name, quadrature)


def source_ratio(
    transition: ImplicitTransferOperator,
    proposal: Proposal,
    systems: Tensor,
    log_density_before: Tensor,
    quadrature: Quadrature,
    *,
    temperature_K: float | None = None,
) -> ProposalRatio:
    """The part of log r that is no energy: log p_eq(x), which is known, and log p_eq(y).

    Parameters
    ----------
    transition, quadrature, temperature_K
        Those of `propose_in_source`.
    proposal : Proposal
    systems : Tensor of int64, shape (b,)
        The systems that are wanted, all of them reversible.
    log_density_before : Tensor, shape (b,)
        log p_eq(x) in units of 1/Å^(3n − 3).
    """
    with torch.no_grad():
        after = forward_log_density(
            transition, proposal, systems, ANY_LAG_PS, quadrature, temperature_K
        )
        before = log_density_before.to(after)
    return ProposalRatio(after, before, torch.zeros_like(after), 0, quadrature.nodes)


def prior_log_density(
    transition: ImplicitTransferOperator,
    batch: GraphBatch,
    x: Tensor,
    quadrature: Quadrature,
    *,
    temperature_K: float | None = None,
) -> Tensor:
    """The density log p_eq(x), shape (B,), of positions anywhere in space."""
    with torch.no_grad():
        return log_density(transition, batch, x, x, ANY_LAG_PS, quadrature, temperature_K)


def _prepare(
    transition: ImplicitTransferOperator, batch: GraphBatch, x: Tensor, temperature_K: float | None
) -> PreparedJump:
    return transition.prepare(batch, x, ANY_LAG_PS, temperature_K)
