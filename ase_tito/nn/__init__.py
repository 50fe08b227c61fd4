"""The network: an E(3)-equivariant velocity field on e3nn's irreps."""

from ase_tito.nn.config import VelocityConfig
from ase_tito.nn.prior import GuidedPriorVelocity
from ase_tito.nn.velocity import EquivariantVelocity

__all__ = ["EquivariantVelocity", "GuidedPriorVelocity", "VelocityConfig"]
