"""What Metropolis-Hastings proposes: jumps of a model, or moves in its prior's source space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ase_tito.dynamics.metropolis import MetropolisHastings
from ase_tito.dynamics.systems import Systems
from ase_tito.flow.density import Quadrature
from ase_tito.graph import GraphBatch
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.metropolis import (
    Proposal,
    ProposalRatio,
    in_double_precision,
    proposal_ratio,
    proposal_ratio_again,
    propose,
)
from ase_tito.transfer.prior import prior_of
from ase_tito.transfer.source_moves import prior_log_density, propose_in_source, source_ratio


class Moves(Protocol):
    """Proposals and their density ratios."""

    @property
    def frame(self) -> str:
        """Name of the frame of their densities."""

    @property
    def extra_evaluations(self) -> int:
        """Velocities that all proposals from one state in one batch cost together."""

    def propose(self, batch: GraphBatch, x: Tensor, origin: Tensor, noise: Tensor) -> Proposal:
        """Proposals (B', N, 3) from the states x (B, N, 3) that `origin` (B',) names."""

    def ratio(self, proposal: Proposal, rows: Tensor, log_density: Tensor) -> ProposalRatio:
        """The density ratio of some proposals, given `log_density` of their origins."""

    def ratio_again(self, batch: GraphBatch, y: Tensor, x: Tensor) -> ProposalRatio:
        """The same for moves from x to y, ten times tighter."""

    def log_density(self, batch: GraphBatch, x: Tensor) -> Tensor | None:
        """What a chain has to know of its states' density, shape (B,); None if nothing."""


@dataclass(frozen=True, eq=False)
class JumpMoves:
    """Proposals from the transition density q(y | x).

    Attributes
    ----------
    operator : ImplicitTransferOperator
        In double precision.
    lag_time_ps, temperature_K : float
    quadrature : Quadrature
    """

    operator: ImplicitTransferOperator
    lag_time_ps: float
    temperature_K: float
    quadrature: Quadrature
    extra_evaluations: int = 0

    @property
    def frame(self) -> str:
        return self.operator.frame.name

    def propose(self, batch: GraphBatch, x: Tensor, origin: Tensor, noise: Tensor) -> Proposal:
        return propose(
            self.operator,
            batch.select(origin),
            x[origin],
            self.lag_time_ps,
            noise,
            self.quadrature,
            temperature_K=self.temperature_K,
        )

    def ratio(self, proposal: Proposal, rows: Tensor, log_density: Tensor) -> ProposalRatio:
        given = (self.operator, proposal, rows, self.lag_time_ps, self.quadrature)
        return proposal_ratio(*given, temperature_K=self.temperature_K)

    def ratio_again(self, batch: GraphBatch, y: Tensor, x: Tensor) -> ProposalRatio:
        given = (self.operator, batch, y, x, self.lag_time_ps, self.quadrature.tighter())
        return proposal_ratio_again(*given, temperature_K=self.temperature_K)

    def log_density(self, batch: GraphBatch, x: Tensor) -> None:
        return None


@dataclass(frozen=True, eq=False)
class SourceMoves:
    """Preconditioned Crank-Nicolson moves in the source space of the prior.

    Here a chain keeps the log-density log p_eq of its state.

    Attributes
    ----------
    transition : ImplicitTransferOperator
        `BoltzmannPrior.transition`, in double precision.
    step, temperature_K : float
    quadrature : Quadrature
    """

    transition: ImplicitTransferOperator
    step: float
    temperature_K: float
    quadrature: Quadrature
    frame: str = "free"

    @property
    def extra_evaluations(self) -> int:
        """Turning the state back into the source space."""
        return self.quadrature.evaluations

    def propose(self, batch: GraphBatch, x: Tensor, origin: Tensor, noise: Tensor) -> Proposal:
        return propose_in_source(
            self.transition,
            batch,
            x,
            self.step,
            noise,
            self.quadrature,
            origin=origin,
            temperature_K=self.temperature_K,
        )

    def ratio(self, proposal: Proposal, rows: Tensor, log_density: Tensor) -> ProposalRatio:
        given = (self.transition, proposal, rows, log_density, self.quadrature)
        return source_ratio(*given, temperature_K=self.temperature_K)

    def ratio_again(self, batch: GraphBatch, y: Tensor, x: Tensor) -> ProposalRatio:
        tight = self.quadrature.tighter()
        after, before = (
            prior_log_density(self.transition, batch, at, tight, temperature_K=self.temperature_K)
            for at in (y, x)
        )
        cost = 2 * tight.evaluations, 2 * tight.nodes
        return ProposalRatio(after, before, torch.zeros_like(after), *cost)

    def log_density(self, batch: GraphBatch, x: Tensor) -> Tensor:
        given = (self.transition, batch, x, self.quadrature)
        return prior_log_density(*given, temperature_K=self.temperature_K)


def moves_of(
    correction: MetropolisHastings, operator: ImplicitTransferOperator, systems: Systems
) -> Moves:
    """The moves that a correction asks for.

    Raises
    ------
    ConfigError
        For moves in the source space of a model without a prior.
    """
    settings = systems.temperature_K, correction.quadrature
    if correction.source_step is None:
        return JumpMoves(in_double_precision(operator), systems.lag_time_ps, *settings)
    transition = prior_of(operator).in_float64().transition
    return SourceMoves(transition, correction.source_step, *settings)
