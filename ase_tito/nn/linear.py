"""e3nn's equivariant linear map, evaluated with the channels last."""

from __future__ import annotations

import math

import torch
from e3nn import o3
from torch import Tensor, nn


class EquivariantLinear(nn.Module):
    """`e3nn.o3.Linear` between multiples of one irrep, in the layout (..., 2l + 1, channels).

    With channels last an equivariant linear map is one plain matrix product, which on CPUs runs
    three times faster than e3nn's layout (channels, 2l + 1). Weights are those of `o3.Linear`
    times its path normalization, so that learning rates compare with `torch.nn.Linear`.

    Parameters
    ----------
    irreps_in, irreps_out : o3.Irreps or str
        Such as ``'64x1o'``: one irrep each, the same in both.

    Raises
    ------
    ValueError
        If the irreps differ (no equivariant linear map joins them) or are more than one kind.
    """

    def __init__(self, irreps_in: o3.Irreps | str, irreps_out: o3.Irreps | str) -> None:
        super().__init__()
        self.irreps_in, self.irreps_out = o3.Irreps(irreps_in), o3.Irreps(irreps_out)
        if len(self.irreps_in) != 1 or [ir for _, ir in self.irreps_in] != [
            ir for _, ir in self.irreps_out
        ]:
            raise ValueError(f"no single equivariant map from {irreps_in} to {irreps_out}")
        (multiplicity, self.irrep), (channels, _) = self.irreps_in[0], self.irreps_out[0]
        reference = o3.Linear(self.irreps_in, self.irreps_out)
        weight = reference.weight.detach().view(multiplicity, channels)
        self.weight = nn.Parameter(weight / math.sqrt(multiplicity))

    def forward(self, features: Tensor) -> Tensor:
        """Map (..., channels_in) to (..., channels_out), whatever components come before."""
        return features @ self.weight

    def to_e3nn(self) -> o3.Linear:
        """The same map in e3nn's own layout and normalization."""
        linear = o3.Linear(self.irreps_in, self.irreps_out)
        with torch.no_grad():
            linear.weight.copy_((self.weight * math.sqrt(self.weight.shape[0])).flatten())
        return linear


def of_order_one(vectors: Tensor) -> Tensor:
    """Vectors (B, N, 3, F) by the root mean square length of their atom's, where that is large."""
    mean_square = vectors.square().sum((2, 3), keepdim=True) / vectors.shape[-1]
    return vectors * (mean_square + 1).rsqrt()
