"""Atoms in, Atoms out: the transfer operator behind ASE's interface."""

from ase_tito.dynamics.after_jump import Minimize, ShortMD
from ase_tito.dynamics.ensemble import TITOEnsemble
from ase_tito.dynamics.jump import EnsembleJump
from ase_tito.dynamics.metropolis import MetropolisHastings
from ase_tito.dynamics.tito import TITODynamics

__all__ = [
    "EnsembleJump",
    "MetropolisHastings",
    "Minimize",
    "ShortMD",
    "TITODynamics",
    "TITOEnsemble",
]
