"""What one network has worked out, as an input of another."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from ase_tito.nn.linear import EquivariantLinear, of_order_one


class Features(NamedTuple):
    """A velocity, and the features that it was read from."""

    velocity: Tensor  # (B, N, 3) in Å
    scalars: Tensor  # (B, N, F)
    vectors: Tensor  # (B, N, 3, F)


class Guide(nn.Module):
    """Scalars and vectors of another network in one's own channels.

    Parameters
    ----------
    width : int
        Channels of the other network.
    features : int
        Channels of one's own.
    """

    def __init__(self, width: int, features: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.scalars = nn.Linear(width, features)
        self.vectors = EquivariantLinear(f"{width}x1o", f"{features}x1o")

    def forward(self, other: Features) -> tuple[Tensor, Tensor]:
        """What to add to scalars (B, N, F) and vectors (B, N, 3, F)."""
        vectors = self.vectors(of_order_one(other.vectors))
        return self.scalars(self.norm(other.scalars)), vectors
