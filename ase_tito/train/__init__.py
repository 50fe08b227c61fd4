"""Training: from MD data to a checkpoint."""

from ase_tito.train.config import DataConfig, OptimizerConfig, PriorConfig, TrainConfig
from ase_tito.train.loop import TrainingStopped, fit

__all__ = [
    "DataConfig",
    "OptimizerConfig",
    "PriorConfig",
    "TrainConfig",
    "TrainingStopped",
    "fit",
]
