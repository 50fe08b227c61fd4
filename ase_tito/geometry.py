"""Rigid motions of batches of padded molecules, one by one: centring, superposition, rotations.

Positions have shape (B, N, 3) and are zero where the mask (B, N) is False.
"""

from __future__ import annotations

import torch
from torch import Tensor


def centroid(positions: Tensor, mask: Tensor) -> Tensor:
    """Mean position of each system's atoms, shape (B, 1, 3)."""
    weights = mask.to(positions.dtype)[..., None]
    return (positions * weights).sum(1, keepdim=True) / weights.sum(1, keepdim=True)


def centre(positions: Tensor, mask: Tensor) -> Tensor:
    """Positions with each system's centroid at the origin; padding stays zero."""
    return (positions - centroid(positions, mask)) * mask.to(positions.dtype)[..., None]


def superposing_rotation(mobile: Tensor, fixed: Tensor) -> Tensor:
    """Proper rotations R, shape (B, 3, 3), that minimize Σᵢ ‖mobileᵢ R − fixedᵢ‖².

    Both centred.
    """
    return kabsch(mobile.transpose(1, 2) @ fixed)[0]


def kabsch(products: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The proper rotation R that maximizes tr(Rᵀ P), and what holds it there.

    Kabsch, Acta Cryst. A32, 922 (1976).

    Parameters
    ----------
    products : Tensor, shape (B, 3, 3)
        P.

    Returns
    -------
    rotation : Tensor, shape (B, 3, 3)
    values : Tensor, shape (B, 3)
        Falling; the last one is negative where a reflection would do better.
    axes : Tensor, shape (B, 3, 3)
        Columns: Rᵀ P = axes diag(values) axesᵀ.
    """
    u, values, vt = torch.linalg.svd(products)
    sign = torch.sign(torch.linalg.det(u @ vt))
    ones = torch.ones_like(sign)
    proper = torch.stack([ones, ones, sign], -1)
    return u @ (proper[..., None] * vt), proper * values, vt.mT


def superpose(mobile: Tensor, fixed: Tensor) -> Tensor:
    """Centred positions rotated onto other centred positions, each system by itself."""
    return mobile @ superposing_rotation(mobile, fixed)


def random_rotations(count: int, generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Uniformly distributed rotations (count, 3, 3), from normalized Gaussian quaternions."""
    return rotations_of(torch.randn(count, 4, generator=generator, dtype=torch.float64)).to(dtype)


def rotations_of(quaternions: Tensor) -> Tensor:
    """The rotations (B, 3, 3) of quaternions (B, 4) of any length but zero."""
    w, x, y, z = (quaternions / quaternions.norm(dim=1, keepdim=True)).unbind(1)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def inertia(x: Tensor, y: Tensor) -> Tensor:
    """The symmetric part of Σᵢ (xᵢ·yᵢ 1 − xᵢ yᵢᵀ), shape (B, 3, 3).

    For x = y it is the tensor of inertia with unit masses.
    """
    products = x.transpose(1, 2) @ y
    trace = products.diagonal(dim1=1, dim2=2).sum(1)[:, None, None]
    eye = torch.eye(3, dtype=products.dtype, device=products.device)
    return trace * eye - (products + products.transpose(1, 2)) / 2
