"""The condition turned onto the current positions: its vectors, in the frame 'free'."""

from __future__ import annotations

import torch
from torch import Tensor

from ase_tito.geometry import kabsch

_LOOSE = 1e-6
"""Of the largest singular value: held by less, as about the axis of a linear molecule, a rotation
has no derivative."""


def superposition(condition: Tensor, current: Tensor) -> Tensor:
    """Proper rotations R (B, 3, 3) that minimize Σᵢ ‖conditionᵢ R − currentᵢ‖².

    Their first derivative is exact: that of one Newton step from the solution, finite wherever the
    rotation is unique, as that of a singular value decomposition is not. Higher ones are zero.

    Parameters
    ----------
    condition, current : Tensor, shape (B, N, 3)
        One of them centred. A system that is not finite gets some rotation, and stops no other.
    """
    products = condition.mT @ current
    usable = products.detach().isfinite().all(-1).all(-1)[:, None, None]
    eye = torch.eye(3, dtype=products.dtype, device=products.device)
    rotation, values, axes = kabsch(torch.where(usable, products.detach(), eye))
    gaps = values.sum(-1, keepdim=True) - values  # of each axis: how firmly it is held
    held = gaps > _LOOSE * values[:, :1]
    inverse = torch.where(held, 1 / gaps.where(held, torch.ones_like(gaps)), 0.0)
    turned = rotation.mT @ products
    skew = turned - turned.mT
    skew = skew - skew.detach()  # zero at the solution; here without the rounding
    torque = torch.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], -1)
    turn = axes @ (inverse * (torque[:, None] @ axes).squeeze(1))[..., None]
    return rotation + torch.linalg.cross(rotation, turn.mT.expand_as(rotation))


def turned_onto(current: Tensor, condition: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Condition (B, N, 3, 1) and vectors beside it (B, N, 3, F), turned onto current positions.

    Never in a reduced precision, which would round positions.
    """
    with torch.autocast(current.device.type, enabled=False):
        turn = superposition(condition.squeeze(-1), current)[:, None].mT
        return turn @ condition, turn @ vectors.to(turn.dtype)
