"""A velocity field compiled for sampling many batches of one size."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ase_tito.graph import GraphBatch
from ase_tito.nn.velocity import EquivariantVelocity


class CompiledVelocity(nn.Module):
    """Evaluates batches of one size by `torch.compile`, and all others as the network does.

    Compiling takes a minute and a C++ compiler. On CPUs the network then ran 1.1 times (small
    molecules, a busy machine) to 1.6 times (alanine dipeptide) as fast; results agree with its own
    to rounding. Implements `ase_tito.flow.field.VelocityField`.

    Parameters
    ----------
    network : EquivariantVelocity
    batch_size : int
        The size that pays: of every batch but the last, or the retried.
    """

    def __init__(self, network: EquivariantVelocity, batch_size: int) -> None:
        super().__init__()
        self.network, self.batch_size = network, batch_size
        self._compiled = torch.compile(network.forward, dynamic=False)

    def encode(
        self,
        batch: GraphBatch,
        condition: Tensor,
        lag_time: Tensor,
        temperature: Tensor | None = None,
    ) -> Any:
        """As the network's."""
        return self.network.encode(batch, condition, lag_time, temperature)

    def forward(self, z: Tensor, s: Tensor, context: Any) -> Tensor:
        """As the network's."""
        evaluate = self._compiled if len(z) == self.batch_size else self.network
        velocity: Tensor = evaluate(z, s, context)
        return velocity
