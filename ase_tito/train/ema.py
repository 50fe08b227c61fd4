"""Exponential moving average of a network's weights."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


class ExponentialMovingAverage(Generic[Network]):
    """Averaged copy of a network, with a short memory at first: min(decay, (1 + k) / (10 + k)).

    Attributes
    ----------
    network : nn.Module
        The averaged network, in evaluation mode.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network: Network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Move the average towards the network's present weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        averages: list[Tensor] = list(self.network.parameters())
        weights: list[Tensor] = list(network.parameters())
        torch._foreach_lerp_(averages, weights, 1 - decay)
        self.updates += 1

    def state_dict(self) -> dict[str, Tensor | int]:
        return {**self.network.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, Tensor | int]) -> None:
        weights = dict(state)
        self.updates = int(weights.pop("updates"))
        self.network.load_state_dict(weights)
