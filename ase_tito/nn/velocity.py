"""The velocity field u(z, s | x, τ, T, G): an E(3)-equivariant network on all atom pairs."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ase_tito.flow.frame import FrameName
from ase_tito.graph import MAX_TOPOLOGICAL_DISTANCE, GraphBatch
from ase_tito.nn.block import InteractionBlock
from ase_tito.nn.embedding import RadialBasis, WaveEmbedding
from ase_tito.nn.guide import Features, Guide
from ase_tito.nn.linear import EquivariantLinear
from ase_tito.nn.precision import single_precision
from ase_tito.nn.superposition import turned_onto

MAX_ATOMIC_NUMBER = 86
N_STEREO_LABELS = 3


_MAY_BE_ZERO = ("condition_blocks", "chirality_reach", "guide_features")


@dataclass(frozen=True)
class VelocityConfig:
    """Shape of an `EquivariantVelocity`.

    Parameters
    ----------
    frame : {'condition', 'free'}
        Whether the condition's own orientation counts, or that of the current positions alone.
    features : int
        Scalar (0e) and vector (1o) channels per atom.
    heads : int
        Numbers per atom pair and block; divides `features`.
    blocks : int
        Interaction blocks that are evaluated at every flow time.
    condition_blocks : int
        Interaction blocks on the condition, evaluated once per jump; 0 for a network that takes
        neither condition nor lag, the field of an equilibrium density in the frame 'free'.
    pair_features, radial_functions, axial_features, wave_features : int
        Widths of the pair network, of the radial basis, of the axial channels and of the
        embeddings of s, lag and temperature.
    chirality_reach : int
        Bonds up to which atoms see the label of a stereocentre, each distance with weights of its
        own; 0 for the centre alone. What tells a chiral molecule's gauche states apart, for the
        label's sign has to meet that of the torsion.
    superposed : bool
        In the frame 'free', with a condition: it is turned onto the current positions (Kabsch) at
        every flow time, and enters as vectors too. Else rotation invariants alone know it. Where no
        stereocentre is labelled these are those of its mirror image: a jump from one of two mirror
        images, such as the gauche states of butane, is then a jump from either. Derivatives of the
        velocity are exact to first order only: enough for log-densities, not for their gradients.
    guide_features : int
        Channels of another network, that of a Boltzmann prior, whose features and velocity enter;
        0 for none.
    length_scale : float
        Å per dimensionless unit of length.
    lag_range_ps : tuple of float
        Lags that the logarithmic lag embedding spans.
    temperature_range_K : tuple of float, optional
        Temperatures spanned; None for a network without temperature as an input.
    """

    frame: FrameName = "condition"
    features: int = 64
    heads: int = 8
    blocks: int = 4
    condition_blocks: int = 1
    pair_features: int = 32
    radial_functions: int = 24
    axial_features: int = 8
    wave_features: int = 8
    chirality_reach: int = 0
    superposed: bool = False
    guide_features: int = 0
    length_scale: float = 1.0
    lag_range_ps: tuple[float, float] = (1.0, 1000.0)
    temperature_range_K: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        for name in ("lag_range_ps", "temperature_range_K"):
            value = getattr(self, name)
            if value is not None:
                if not isinstance(value, list | tuple) or len(value) != 2:
                    raise ValueError(f"{name} must be two numbers, not {value!r}")
                object.__setattr__(self, name, (float(value[0]), float(value[1])))
        for item in fields(self):
            value = getattr(self, item.name)
            least = 0 if item.name in _MAY_BE_ZERO else 1
            whole = isinstance(value, int) and not isinstance(value, bool)
            if item.type == "int" and not (whole and value >= least):
                kind = "a positive integer" if least else "a whole number from 0"
                raise ValueError(f"{item.name} must be {kind}, not {value!r}")
        if self.frame not in ("condition", "free"):
            raise ValueError(f"frame must be 'condition' or 'free', not {self.frame!r}")
        if self.frame == "condition" and not self.conditional:
            raise ValueError("condition_blocks = 0 leaves no condition: frame must be 'free'")
        if not isinstance(self.superposed, bool):
            raise ValueError(f"superposed must be true or false, not {self.superposed!r}")
        if self.superposed and not (self.frame == "free" and self.conditional):
            raise ValueError("superposed = true needs the frame 'free', and a condition")
        if self.guide_features and not self.conditional:
            raise ValueError("guide_features needs a condition")
        if self.chirality_reach >= MAX_TOPOLOGICAL_DISTANCE:  # which stands for all that is farther
            raise ValueError(
                f"chirality_reach must be below {MAX_TOPOLOGICAL_DISTANCE}, not "
                f"{self.chirality_reach}"
            )
        if self.features % self.heads:
            raise ValueError(f"heads = {self.heads} must divide features = {self.features}")
        if not isinstance(self.length_scale, int | float) or not self.length_scale > 0:
            raise ValueError(f"length_scale must be positive, in Å, not {self.length_scale!r}")
        if not 0 < self.lag_range_ps[0] <= self.lag_range_ps[1]:
            raise ValueError(f"lag_range_ps must rise from above zero, not {self.lag_range_ps}")

    @property
    def sees_vectors(self) -> bool:
        """Whether the condition enters as vectors too."""
        return self.frame == "condition" or self.superposed

    @property
    def conditional(self) -> bool:
        """Whether the velocity depends on condition and lag."""
        return self.condition_blocks > 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-able settings, for `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, settings: dict[str, Any]) -> VelocityConfig:
        """Settings from a dictionary; ValueError names unknown keys."""
        unknown = sorted(set(settings) - {item.name for item in fields(cls)})
        if unknown:
            raise ValueError(f"unknown network settings: {', '.join(unknown)}")
        return cls(**settings)


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
