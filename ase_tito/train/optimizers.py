"""What moves the weights: AdamW, or Muon for the matrices with AdamW for all else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ase_tito.train.config import OptimizerConfig


class WeightOptimizer:
    """The optimizers of a network under one schedule.

    Muon (K. Jordan et al., 2024; J. Liu et al., arXiv 2502.16982) makes the update of a matrix
    orthogonal, with the size that AdamW's would have, so that both share a learning rate.
    Embeddings, biases and other parameters that are no linear maps are AdamW's in any case.

    Parameters
    ----------
    network : nn.Module
    config : OptimizerConfig
    """

    def __init__(self, network: nn.Module, config: OptimizerConfig) -> None:
        self._peak = config.learning_rate
        matrices = linear_maps(network) if config.method == "muon" else []
        taken = {id(matrix) for matrix in matrices}
        others = [
            weight
            for weight in network.parameters()
            if weight.requires_grad and id(weight) not in taken
        ]
        decay = config.weight_decay
        self._parts: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(others, self._peak, config.betas, weight_decay=decay)
        ]
        if matrices:
            self._parts.append(
                torch.optim.Muon(
                    matrices, self._peak, weight_decay=decay, adjust_lr_fn="match_rms_adamw"
                )
            )

    @property
    def learning_rate(self) -> float:
        """That of the last step."""
        rate: float = self._parts[0].param_groups[0]["lr"]
        return rate

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self._parts:
            part.zero_grad()

    def step(self, factor: float) -> None:
        """Move the weights, with this share of the peak learning rate."""
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = self._peak * factor
            part.step()

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for part, saved in zip(self._parts, state["parts"], strict=True):
            part.load_state_dict(saved)


def linear_maps(network: nn.Module) -> list[nn.Parameter]:
    """The weights of linear maps that are not frozen: all matrices but tables of embeddings."""
    tables = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding)}
    return [
        weight
        for weight in network.parameters()
        if weight.requires_grad and weight.ndim == 2 and id(weight) not in tables
    ]
