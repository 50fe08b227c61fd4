"""MD trajectories in, datasets and time-lagged pairs out.

The names are loaded when they are first used: only drawing pairs needs PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase_tito.data.dataset import Dataset
    from ase_tito.data.frames import EquilibriumFrames
    from ase_tito.data.pairs import LaggedPairs, PairBatch
    from ase_tito.data.records import MoleculeRecord, Run
    from ase_tito.data.trajectory import MolecularTrajectory, read_npz
    from ase_tito.data.writer import DatasetWriter

__all__ = [
    "Dataset",
    "DatasetWriter",
    "EquilibriumFrames",
    "LaggedPairs",
    "MolecularTrajectory",
    "MoleculeRecord",
    "PairBatch",
    "Run",
    "read_npz",
]

_HOME = {
    "Dataset": "dataset",
    "DatasetWriter": "writer",
    "EquilibriumFrames": "frames",
    "LaggedPairs": "pairs",
    "MolecularTrajectory": "trajectory",
    "MoleculeRecord": "records",
    "PairBatch": "pairs",
    "Run": "records",
    "read_npz": "trajectory",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"ase_tito.data.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
