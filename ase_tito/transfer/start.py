"""Where the flow of a jump starts: a sample of the source, in the frame's subspace."""

from __future__ import annotations

from torch import Tensor

from ase_tito.flow.source import Source
from ase_tito.transfer.jump import PreparedJump


def draw_start(source: Source, jump: PreparedJump, noise: Tensor) -> Tensor:
    """z_0 in Å, shape (B, N, 3), from standard normal noise of that shape."""
    return jump.project(source.sample(jump.batch, noise)) + source.mean(jump.x)


def start_log_prob(source: Source, jump: PreparedJump, z: Tensor, basis: Tensor) -> Tensor:
    """The source's log-density (B,) at z_0; see `ase_tito.flow.source.Source.log_prob`."""
    return source.log_prob(jump.batch, z - source.mean(jump.x), basis)
