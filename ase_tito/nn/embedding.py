"""Scalar inputs of the network: radial functions of distances, waves of time and lag."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_LARGEST_EXPONENT = 30.0


class RadialBasis(nn.Module):
    """Gaussians of a distance, channels first: (B, N, N) -> (K, B·N·N).

    Centres are dense where covalent bonds and angles are decided (below `dense_until`) and sparse
    beyond; each Gaussian is as wide as the gap to its neighbour. Distances in units of the
    network's length scale.
    """

    centres: Tensor
    inverse_widths: Tensor

    def __init__(self, count: int, dense_until: float = 3.0, maximum: float = 10.0) -> None:
        super().__init__()
        dense = count // 2
        near = torch.linspace(0.5, dense_until, dense)
        far = torch.linspace(dense_until, maximum, count - dense + 1)[1:]
        centres = torch.cat([near, far])
        widths = torch.cat([near.diff()[:1], near.diff(), far.diff()[:1].expand(count - dense)])
        self.register_buffer("centres", centres[:, None], persistent=False)
        self.register_buffer("inverse_widths", 1 / widths[:, None], persistent=False)

    def forward(self, distances: Tensor) -> Tensor:
        scaled = (distances.flatten() - self.centres) * self.inverse_widths
        # far below this the results would be subnormal numbers, which slow a CPU down tenfold
        return torch.exp(-scaled.square().clamp(max=_LARGEST_EXPONENT))


class WaveEmbedding(nn.Module):
    """Sines and cosines of a number in [0, 1]: (B,) -> (B, 2 · count), frequencies doubling-free.

    Half-integer multiples of π up to count/2: no two inputs in [0, 1] share their embedding.
    """

    frequencies: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        frequencies = 0.5 * math.pi * torch.arange(1, count + 1)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, value: Tensor) -> Tensor:
        phase = value[:, None] * self.frequencies
        return torch.cat([torch.sin(phase), torch.cos(phase)], -1)
