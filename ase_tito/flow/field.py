"""What the flow asks of a velocity field."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from ase_tito.graph import GraphBatch


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
