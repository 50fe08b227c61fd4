"""The condition turned onto the current positions: its vectors, in the frame 'free'."""

from __future__ import annotations

import torch
from torch import Tensor

from ase_tito.geometry import kabsch


def superposition(condition: Tensor, current: Tensor) -> Tensor:
    """Proper rotations R (B, 3, 3) that minimize Σᵢ ‖conditionᵢ R − currentᵢ‖², differentiable.

    Their derivative is that of one Newton step from the solution, which is exact to first order
    and, unlike that of a singular value decomposition, finite wherever the rotation is unique.

    Parameters
    ----------
    condition, current : Tensor, shape (B, N, 3)
        One of them centred.
    """
    products = condition.mT @ current
    rotation, values, axes = kabsch(products.detach())
    gaps = values.sum(-1, keepdim=True) - values  # of each axis: how firmly it is held
    held = gaps > _LOOSE * values[:, :1]  # about its own axis a linear molecule turns freely
    inverse = torch.where(held, 1 / gaps.where(held, torch.ones_like(gaps)), 0.0)
    turned = rotation.mT @ products
    skew = turned - turned.mT  # zero, but for its derivative
    torque = torch.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], -1)
    turn = axes @ (inverse * (torque[:, None] @ axes).squeeze(1))[..., None]
    return rotation + torch.linalg.cross(rotation, turn.mT.expand_as(rotation))


_LOOSE = 1e-6
