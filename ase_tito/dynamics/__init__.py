"""Atoms in, Atoms out: the transfer operator behind ASE's interface."""

from ase_tito.dynamics.ensemble import EnsembleJump, TITOEnsemble
from ase_tito.dynamics.tito import TITODynamics

__all__ = ["EnsembleJump", "TITODynamics", "TITOEnsemble"]
