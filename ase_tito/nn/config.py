"""The shape of the network."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from ase_tito.flow.frame import FrameName
from ase_tito.graph import MAX_TOPOLOGICAL_DISTANCE

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
