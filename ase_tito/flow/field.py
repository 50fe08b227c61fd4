"""What the flow asks of a velocity field."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ase_tito.graph import GraphBatch

Velocity = Callable[[Tensor, Tensor], Tensor]
"""u(z, s) of one jump: positions (B, N, 3) and flow times (B,) to velocities (B, N, 3)."""


class VelocityField(Protocol):
    """The velocity u(z, s | x, τ, T, G) of a conditional continuous normalizing flow.

    A deterministic function: two calls with equal arguments give equal results.
    Positions in Å, centred, shape (B, N, 3), zero where padded.
    """

    def encode(
        self, batch: GraphBatch, condition: Tensor, lag_time: Tensor, temperature: Tensor | None
    ) -> Any:
        """All that does not depend on z and s, computed once per jump.

        Parameters
        ----------
        batch : GraphBatch
            The graphs G of B systems.
        condition : Tensor, shape (B, N, 3)
            The positions x in Å, centred.
        lag_time : Tensor, shape (B,)
            τ in ps.
        temperature : Tensor, shape (B,), or None
            T in K.
        """

    def __call__(self, z: Tensor, s: Tensor, context: Any) -> Tensor:
        """Velocity at positions z, shape (B, N, 3), and flow times s, shape (B,): Å, (B, N, 3)."""


def in_float64(field: VelocityField) -> VelocityField:
    """A copy of a network in double precision, whose parameters need no gradients.

    A field that is no network is returned as it is.
    """
    return _copied(field, torch.float64)


def in_float32(field: VelocityField) -> VelocityField:
    """A copy of a network in single precision, as `in_float64` makes one in double."""
    return _copied(field, torch.float32)


def precision_of(field: VelocityField, default: torch.dtype) -> torch.dtype:
    """Of a network's parameters; the default for a field without any."""
    parameter = _a_parameter(field)
    return default if parameter is None else parameter.dtype


def device_of(field: VelocityField) -> torch.device:
    """Where a network is; the CPU for a field without parameters."""
    parameter = _a_parameter(field)
    return torch.device("cpu") if parameter is None else parameter.device


def _copied(field: VelocityField, dtype: torch.dtype) -> VelocityField:
    if not isinstance(field, nn.Module):
        return field
    return copy.deepcopy(field).to(dtype).requires_grad_(False)


def _a_parameter(field: VelocityField) -> Tensor | None:
    return next(field.parameters(), None) if isinstance(field, nn.Module) else None
