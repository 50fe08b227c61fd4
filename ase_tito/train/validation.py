"""The validation loss: the averaged weights on pairs, noise and flow times that never change."""

from __future__ import annotations

import torch
from torch import Tensor

from ase_tito.data.pairs import PairBatch
from ase_tito.flow.coupling import CouplingDraws
from ase_tito.train.config import TrainConfig
from ase_tito.train.material import Material
from ase_tito.train.objective import FlowMatchingObjective
from ase_tito.train.pairs import validation_pairs
from ase_tito.train.processes import Process
from ase_tito.train.randomness import VALIDATION, draw_step, step_generator

Drawn = tuple[PairBatch, Tensor, Tensor, CouplingDraws]


class Validation:
    """Batches drawn once, of which each process evaluates its share.

    Parameters
    ----------
    config : TrainConfig
    material : Material
    process : Process

    Raises
    ------
    ConfigError, DataError
        If the validation trajectories are too short for the lags.
    """

    def __init__(self, config: TrainConfig, material: Material, process: Process) -> None:
        self._process = process
        self._batches = _draw(config, material)[process.rank :: process.count]

    @torch.no_grad()
    def loss(self, objective: FlowMatchingObjective) -> float:
        """Mean loss in Å², the same in all processes."""
        device = self._process.device
        total, count = 0.0, 0
        for drawn in self._batches:
            losses = objective(*(part.to(device) for part in drawn))
            total, count = total + float(losses.sum()), count + len(losses)
        total, pairs_in_all = self._process.sum(total, count)
        return total / pairs_in_all


def _draw(config: TrainConfig, material: Material) -> list[Drawn]:
    o, pairs = config.optimizer, validation_pairs(config.data, material)
    return [
        draw_step(
            pairs,
            o.batch_size,
            step_generator(config.seed, VALIDATION, k),
            o.time_location,
            o.time_scale,
            uniform=o.time_distribution == "uniform",
        )
        for k in range(-(-config.data.validation_pairs // o.batch_size))
    ]
