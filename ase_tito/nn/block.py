"""One interaction block: messages over all atom pairs as matrix products, then an update per atom.

Features are a scalar part (B, N, F), irreps F x 0e, and a vector part (B, N, 3, F), irreps F x 1o.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ase_tito.nn.linear import EquivariantLinear, of_order_one


class InteractionBlock(nn.Module):
    """Mix the features of all atoms with weights per pair and head, then update every atom.

    A head h weighs the pair (i, j) with one number A_hij. Pair directions need no tensor over
    pairs and features: Σ_j A_ij (r_i − r_j) p_j = r_i (A p)_i − (A (r p))_i, the addition theorem
    of the l = 1 solid harmonics, so all messages are one batched product A @ values.

    Parameters
    ----------
    features : int
        F, scalar and vector channels.
    heads : int
        H, divides F.
    axial : int
        Channels of the axial vectors (1e) and pseudoscalars (0o) of the update, by which
        stereochemistry labels act on polar vectors.
    directions : int
        How many sets of positions give directions: 1 (the condition alone, or the current
        positions alone) or 2 (both).
    """

    def __init__(self, features: int, heads: int, axial: int, directions: int) -> None:
        super().__init__()
        self.features, self.heads, self.directions = features, heads, directions
        self.axial = axial
        self.norm = nn.LayerNorm(features, elementwise_affine=False)
        self.values = nn.Linear(features, (2 + directions) * features)
        self.mix_scalars = nn.Linear(features, features, bias=False)
        vectors = f"{features}x1o"
        self.mix_vectors = EquivariantLinear(vectors, vectors)
        self.pair = EquivariantLinear(vectors, f"{2 * features + 3 * axial}x1o")
        self.update = nn.Sequential(
            nn.Linear(2 * features + axial, 2 * features),
            nn.SiLU(),
            nn.Linear(2 * features, 3 * features + 2 * axial),
        )
        self.from_axial = EquivariantLinear(f"{axial}x1o", vectors)

    def forward(
        self,
        scalars: Tensor,
        vectors: Tensor,
        weights: Tensor,
        positions: tuple[Tensor, ...],
        modulation: tuple[Tensor, Tensor],
        handedness: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Features after the block.

        Parameters
        ----------
        scalars : Tensor, shape (B, N, F)
        vectors : Tensor, shape (B, N, 3, F)
        weights : Tensor, shape (H, B, N, N)
            Zero for padded atoms.
        positions : tuple of Tensor, each (B, N, 3, 1)
            Whose directions enter.
        modulation : tuple of Tensor, each (B, 1, F)
            Scale and shift of the normalized scalars, from lag, flow time and temperature.
        handedness : Tensor, shape (B, N, axial)
            Pseudoscalars (0o) from the stereochemistry labels.
        """
        b, n, f = scalars.shape
        scale, shift = modulation
        values = self.values(torch.addcmul(shift, self.norm(scalars), scale))
        parts = values.view(b, n, 2 + self.directions, 1, f).unbind(2)
        message, gate, moments = parts[0], parts[1], parts[2:]
        carried = vectors * gate
        for r, p in zip(positions, moments, strict=True):
            carried = torch.addcmul(carried, r, p, value=-1)
        mixed = self._mix(weights, torch.cat([message, *moments, carried], 2))
        received, moments, carried = mixed.split([1, self.directions, 3], 2)
        for r, p in zip(positions, moments.split(1, 2), strict=True):
            carried = torch.addcmul(carried, r, p)
        scalars = scalars + self.mix_scalars(received.squeeze(2))
        vectors = vectors + self.mix_vectors(carried)
        return self._update(scalars, vectors, handedness)

    def _mix(self, weights: Tensor, values: Tensor) -> Tensor:
        """Σ_j A_hij values_j for values (B, N, C, F), each head on its own F/H channels."""
        b, n, c, f = values.shape
        h, d = self.heads, f // self.heads
        columns = values.view(b, n, c, h, d).permute(3, 0, 1, 2, 4).reshape(h * b, n, c * d)
        mixed = torch.bmm(weights.reshape(h * b, n, n), columns)
        return mixed.view(h, b, n, c, d).permute(1, 2, 3, 0, 4).reshape(b, n, c, f)

    def _update(
        self, scalars: Tensor, vectors: Tensor, handedness: Tensor
    ) -> tuple[Tensor, Tensor]:
        f, k = self.features, self.axial
        pairs = self.pair(of_order_one(vectors))
        left, right, first, second, third = pairs.split([f, f, k, k, k], -1)
        dot = (left * right).sum(2)
        axial = torch.linalg.cross(first, second, dim=2)  # 1o x 1o -> 1e
        triple = (axial * third).sum(2)  # 1e x 1o -> 0o
        size = (1 + axial.square().sum(2)).sqrt()
        norm = (right.square().sum(2) + 1e-6).sqrt()
        # even in the pseudoscalars, so that a mirror image has the same scalars
        chiral = handedness * triple / size
        gates = self.update(torch.cat([self.norm(scalars), norm, chiral], -1))
        g_vector, g_scalar, g_dot, g_triple, g_label = gates.split([f, f, f, k, k], -1)
        # 0o x 1e -> 1o: the only way by which a label turns axial vectors into polar ones
        pseudo = (g_triple * triple / (size + triple.abs()) + g_label * handedness) / size
        polar = self.from_axial(axial * pseudo[:, :, None])
        vectors = vectors + left * g_vector[:, :, None] + polar
        return scalars + g_scalar + g_dot * dot, vectors
