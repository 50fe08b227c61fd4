"""What the dynamics ask of a transition kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ase_tito.graph import GraphBatch, MolecularGraph


@dataclass(frozen=True)
class TransitionInfo:
    """What a jump cost and how it ended.

    Attributes
    ----------
    evaluations : int
        Evaluations of the velocity field, on the whole batch.
    wall_time_s : float
    finite : Tensor of bool, shape (B,)
        False where the integration diverged.
    """

    evaluations: int
    wall_time_s: float
    finite: Tensor


@dataclass(frozen=True)
class Transition:
    """Positions a lag time later, in Å and of the condition's shape, and how they came about."""

    positions: Tensor
    info: TransitionInfo


class TransitionKernel(Protocol):
    """Draws from a transition density p(y | x, τ; G, T)."""

    def sample(
        self,
        graph: MolecularGraph | GraphBatch,
        positions: Tensor,
        lag_time_ps: float | Tensor,
        *,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
        temperature_K: float | Tensor | None = None,
    ) -> Transition:
        """Positions a lag time after the given ones; see `ImplicitTransferOperator.sample`."""
