"""What a training run is: read from TOML, validated before anything is computed."""

from ase_tito.train.config.data import DataConfig
from ase_tito.train.config.optimizer import OptimizerConfig
from ase_tito.train.config.prior import PriorConfig
from ase_tito.train.config.run import TrainConfig

__all__ = ["DataConfig", "OptimizerConfig", "PriorConfig", "TrainConfig"]
