"""The velocity field u(z, s | x, τ, T, G): an E(3)-equivariant network on all atom pairs."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ase_tito.graph import MAX_TOPOLOGICAL_DISTANCE, GraphBatch
from ase_tito.nn.block import InteractionBlock
from ase_tito.nn.config import VelocityConfig
from ase_tito.nn.embedding import RadialBasis, WaveEmbedding
from ase_tito.nn.guide import Features, Guide
from ase_tito.nn.linear import EquivariantLinear
from ase_tito.nn.precision import single_precision
from ase_tito.nn.superposition import turned_onto

MAX_ATOMIC_NUMBER = 86
N_STEREO_LABELS = 3


class Context(NamedTuple):
    """What `EquivariantVelocity.encode` keeps for the evaluations of one jump."""

    atom_mask: Tensor  # (B, N, 1)
    pair_mask: Tensor | None  # (B, N, N), None where nothing is padded
    pairs: Tensor  # (R, B·N·N): channels first, so that the pair network is two matrix products
    scalars: Tensor  # (B, N, F)
    vectors: Tensor  # (B, N, 3, F)
    condition: Tensor  # (B, N, 3, 1), dimensionless; zero-width where it is seen as invariants only
    handedness: Tensor  # (B, N, axial)
    environment: Tensor  # (B, F)


class EquivariantVelocity(nn.Module):
    """Velocity field on e3nn irreps, equivariant under E(3) and under permutations of atoms.

    In the frame 'condition', rotating or mirroring z and x together rotates or mirrors the
    velocity; in the frame 'free' rotating z alone does, and mirroring both. A mirror flips the
    graph's tetrahedral labels, which enter as pseudoscalars (0o); double-bond labels (0e) stay.
    Atoms carry no index: the same weights serve any molecule. Implements
    `ase_tito.flow.field.VelocityField`.

    Parameters
    ----------
    config : VelocityConfig

    Notes
    -----
    New weights are float32, drawn from PyTorch's global generator.
    """

    @single_precision()
    def __init__(self, config: VelocityConfig) -> None:
        super().__init__()
        self.config = c = config
        f, r = c.features, c.pair_features
        self.radial = RadialBasis(c.radial_functions)
        self.wave = WaveEmbedding(c.wave_features)
        self.element = nn.Embedding(MAX_ATOMIC_NUMBER + 1, f)
        self.element_pair = nn.Linear(f, 2 * r, bias=False)
        self.bond_distance = nn.Embedding(MAX_TOPOLOGICAL_DISTANCE + 1, r)
        self.pair_stereo = nn.Embedding(N_STEREO_LABELS, r)
        self.chirality = nn.Parameter(torch.randn(c.axial_features))
        if c.chirality_reach:
            self.distant_chirality = nn.Parameter(torch.zeros(c.chirality_reach, c.axial_features))
        if c.conditional:
            self.condition_radial = nn.Linear(c.radial_functions, r, bias=False)
        self.current_radial = nn.Linear(c.radial_functions, r, bias=False)
        heads = c.heads
        self.pair_weights = _pair_head(r, c.blocks * heads)
        if c.conditional:
            self.condition_pair_weights = _pair_head(r, c.condition_blocks * heads)
        inputs = 2 * c.wave_features * (1 if c.temperature_range_K is None else 2)
        self.environment = nn.Linear(inputs, f)
        self.flow_time = nn.Linear(4 * c.wave_features, f)
        self.modulate = nn.Sequential(nn.SiLU(), nn.Linear(f, 2 * f * c.blocks + f))
        self.pair_modulate = nn.Sequential(nn.SiLU(), nn.Linear(f, r))
        if c.conditional:
            self.modulate_condition = nn.Sequential(
                nn.SiLU(), nn.Linear(f, 2 * f * c.condition_blocks)
            )
        directions = 2 if c.sees_vectors else 1
        self.condition_blocks = nn.ModuleList(
            InteractionBlock(f, heads, c.axial_features, 1) for _ in range(c.condition_blocks)
        )
        self.blocks = nn.ModuleList(
            InteractionBlock(f, heads, c.axial_features, directions) for _ in range(c.blocks)
        )
        if c.guide_features:
            self.condition_guide = Guide(c.guide_features, f)
            self.guide = Guide(c.guide_features, f)
            self.guide_skip = nn.Linear(f, 1)
            nn.init.zeros_(self.guide_skip.weight)
            nn.init.zeros_(self.guide_skip.bias)
        self.gate = nn.Sequential(nn.Linear(f, f), nn.SiLU(), nn.Linear(f, f))
        self.readout = EquivariantLinear(f"{f}x1o", "1x1o")
        self.skip = nn.Linear(f, 2)
        nn.init.zeros_(self.skip.weight)
        nn.init.zeros_(self.skip.bias)

    def encode(
        self,
        batch: GraphBatch,
        condition: Tensor,
        lag_time: Tensor,
        temperature: Tensor | None = None,
        guide: Features | None = None,
    ) -> Context:
        """Everything that does not depend on z and s; see `VelocityField.encode`.

        `guide` is what the other network has found of the condition, for one with guide_features.

        Raises
        ------
        ValueError
            If the network takes a temperature and none is given.
        TypeError
            If it has guide_features, and no guide is given.
        """
        c = self.config
        x = condition / c.length_scale
        positions = x[..., None] / _DIRECTION_SCALE
        real = batch.mask.to(x.dtype)
        pair_mask = real[:, :, None] * real[:, None] if batch.padded else None
        elements = self.element(batch.atomic_numbers)
        first, second = self.element_pair(elements).chunk(2, -1)
        tables = self.bond_distance(batch.topological_distances)
        tables = tables + self.pair_stereo(batch.pair_stereo)
        tables = tables + first[:, :, None] + second[:, None]
        pairs = tables.permute(3, 0, 1, 2)[:, batch.index].flatten(1)
        handedness = self._handedness(batch)[batch.index]
        environment = self.environment(self._environment_waves(lag_time, temperature).to(x.dtype))
        scalars = elements[batch.index] + environment[:, None]
        vectors = x.new_zeros(*x.shape, c.features)
        if c.guide_features:
            found = self.condition_guide(_given(guide))
            scalars, vectors = scalars + found[0], vectors + found[1]
        if c.conditional:
            pairs = torch.addmm(pairs, self.condition_radial.weight, self.radial(_distances(x)))
            modulation = self.modulate_condition(environment).chunk(2 * c.condition_blocks, -1)
            weights = self._weights(self.condition_pair_weights, pairs, batch.mask, pair_mask)
            for k, block in enumerate(self.condition_blocks):
                scalars, vectors = block(
                    scalars,
                    vectors,
                    weights[k],
                    (positions,),
                    (modulation[2 * k][:, None], modulation[2 * k + 1][:, None]),
                    handedness,
                )
        if not c.sees_vectors:  # invariants alone know the condition
            vectors, positions = torch.zeros_like(vectors), positions[:, :0]
        return Context(
            real[..., None], pair_mask, pairs, scalars, vectors, positions, handedness, environment
        )

    def forward(
        self, z: Tensor, s: Tensor, context: Context, guide: Features | None = None
    ) -> Tensor:
        """Velocity in Å, shape (B, N, 3), centred; z in Å, s of shape (B,)."""
        return self.evaluate(z, s, context, guide).velocity

    def evaluate(
        self, z: Tensor, s: Tensor, context: Context, guide: Features | None = None
    ) -> Features:
        """The velocity with the features that it is read from.

        `guide` is what the other network has found of z and s, for one with guide_features.
        """
        c = self.config
        z = z / c.length_scale
        late = -torch.log1p(-s * (1 - _LATEST)) / -math.log(_LATEST)  # resolves s near 1
        time = self.flow_time(torch.cat([self.wave(s), self.wave(late)], -1))
        environment = context.environment + time
        pairs = torch.addmm(context.pairs, self.current_radial.weight, self.radial(_distances(z)))
        pairs = pairs.view(c.pair_features, len(z), -1)
        pairs = (pairs + self.pair_modulate(environment).t()[..., None]).flatten(1)
        weights = self._weights(self.pair_weights, pairs, context.atom_mask, context.pair_mask)
        offset, *shifts = self.modulate(environment).split(
            [c.features] + [c.features] * (2 * c.blocks), -1
        )
        positions: tuple[Tensor, ...] = (z[..., None] / _DIRECTION_SCALE,)
        condition, vectors = context.condition, context.vectors
        if c.superposed:
            condition, vectors = turned_onto(z, condition, vectors)
        if c.sees_vectors:
            positions = (*positions, condition)
        scalars = context.scalars + offset[:, None]
        if c.guide_features:
            found = self.guide(_given(guide))
            scalars, vectors = scalars + found[0], vectors + found[1]
        for k, block in enumerate(self.blocks):
            scalars, vectors = block(
                scalars,
                vectors,
                weights[k],
                positions,
                (shifts[2 * k][:, None], shifts[2 * k + 1][:, None]),
                context.handedness,
            )
        velocity = self.readout(vectors * self.gate(scalars)[:, :, None]).squeeze(-1)
        skips = self.skip(scalars)
        for k, r in enumerate(positions):
            velocity = torch.addcmul(velocity, skips[..., k : k + 1], r.squeeze(-1))
        if c.guide_features:
            skip = self.guide_skip(scalars)
            velocity = torch.addcmul(velocity, skip, _given(guide).velocity / c.length_scale)
        velocity = velocity * context.atom_mask
        mean = velocity.sum(1, keepdim=True) / context.atom_mask.sum(1, keepdim=True)
        velocity = (velocity - mean) * context.atom_mask * c.length_scale
        return Features(velocity, scalars, vectors)

    def _handedness(self, batch: GraphBatch) -> Tensor:
        """Pseudoscalars of the atoms from the labels of stereocentres, shape (G, N, axial)."""
        here = batch.tetrahedral[..., None] * self.chirality
        if not self.config.chirality_reach:
            return here
        labels = [
            ((batch.topological_distances == bonds) * batch.tetrahedral[:, None]).sum(-1)
            for bonds in range(1, self.config.chirality_reach + 1)
        ]
        return here + torch.stack(labels, -1).to(here) @ self.distant_chirality

    def _weights(
        self, head: nn.Linear, pairs: Tensor, atoms: Tensor, pair_mask: Tensor | None
    ) -> Tensor:
        """Numbers per pair of every block and head, shape (blocks, H, B, N, N)."""
        values = torch.addmm(head.bias[:, None], head.weight, nn.functional.silu(pairs))
        values = values.view(-1, self.config.heads, len(atoms), atoms.shape[1], atoms.shape[1])
        return values if pair_mask is None else values * pair_mask

    def _environment_waves(self, lag_time: Tensor, temperature: Tensor | None) -> Tensor:
        low, high = self.config.lag_range_ps
        if not self.config.conditional:  # equilibrium is the limit of long lags
            lag_time = torch.full_like(lag_time, high)
        span = math.log(high / low) or 1.0
        waves = self.wave(torch.log(lag_time / low) / span)
        if self.config.temperature_range_K is None:
            return waves
        if temperature is None:
            raise ValueError("this model takes a temperature: pass temperature in K")
        low, high = self.config.temperature_range_K
        return torch.cat([waves, self.wave((temperature - low) / ((high - low) or 1.0))], -1)


_DIRECTION_SCALE = 4.0
_LATEST = 0.01


def _given(guide: Features | None) -> Features:
    if guide is None:
        raise TypeError("this network has guide_features: pass what the other has found as guide")
    return guide


def _distances(positions: Tensor) -> Tensor:
    """Pair distances (B, N, N), smooth at zero; r = |Y_1| / √3 for e3nn's solid harmonics Y_1."""
    differences = positions[:, :, None] - positions[:, None]
    return (differences.square().sum(-1) + 1e-6).sqrt()


def _pair_head(pair_features: int, heads: int) -> nn.Linear:
    """The last layer of the pair network, started small: sums over atoms stay of order one."""
    head = nn.Linear(pair_features, heads)
    with torch.no_grad():
        head.weight.div_(3.0)
        head.bias.div_(3.0)
    return head
