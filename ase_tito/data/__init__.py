"""MD trajectories in, time-lagged pairs out."""

from ase_tito.data.pairs import LaggedPairs, PairBatch
from ase_tito.data.trajectory import MolecularTrajectory, read_npz

__all__ = ["LaggedPairs", "MolecularTrajectory", "PairBatch", "read_npz"]
