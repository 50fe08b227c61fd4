"""What one process of a training run holds, and its single steps."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ase_tito.errors import TITOError
from ase_tito.flow.coupling import coupling_named
from ase_tito.train.config import TrainConfig
from ase_tito.train.ema import ExponentialMovingAverage
from ase_tito.train.material import read_material
from ase_tito.train.model import plan_model
from ase_tito.train.objective import FlowMatchingObjective
from ase_tito.train.optimizers import WeightOptimizer
from ase_tito.train.orientation import check_orientation
from ase_tito.train.pairs import training_pairs
from ase_tito.train.parent import read_parent
from ase_tito.train.prior import read_prior
from ase_tito.train.processes import Process
from ase_tito.train.progress import Progress
from ase_tito.train.randomness import TRAINING, draw_step, step_generator
from ase_tito.train.schedule import learning_rate_factor
from ase_tito.train.validation import Validation

_MOST_SKIPPED_IN_A_ROW = 20


class Trainer:
    """Network, average, optimizer and data of one process, and where they are.

    Parameters
    ----------
    config : TrainConfig
    process : Process

    Raises
    ------
    CheckpointError
        If the checkpoint to start from cannot be read.
    ConfigError, DataError
        For impossible settings and unreadable data.
    """

    def __init__(self, config: TrainConfig, process: Process) -> None:
        self.config, self.process = config, process
        o = config.optimizer
        self._shares = process.shares(o.batch_size, config.accumulate)
        self.parent = read_parent(config)
        self.material = read_material(config.data)
        self._pairs = training_pairs(config.data, self.material)
        self._validation = Validation(config, self.material, process)
        prior = read_prior(config, self.parent)
        if prior is not None:
            prior.check(config, (*self.material.training, *self.material.validation))
        self.plan = plan_model(config, self.material.temperatures_K, self.parent, prior)
        check_orientation(self.plan.frame, (*self.material.training, *self.material.validation))
        self.network = self.plan.build(config.seed, self.parent).to(process.device)
        self.average = ExponentialMovingAverage(self.network, o.ema_decay)
        flow = (self.plan.source, self.plan.frame, coupling_named(config.coupling))
        self._average_objective = FlowMatchingObjective(self.average.network, *flow)
        self._objective = FlowMatchingObjective(
            self.network, *flow, compile=config.compile, precision=config.precision
        )
        self.optimizer = WeightOptimizer(self.network, o)
        self.progress = Progress()
        self._best: dict[str, Tensor] | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What must be unchanged for the run to go on as it began."""
        digest = None if self.parent is None else self.parent.digest
        identity = {**self.config.identity(), "material": self.material.identity(), "from": digest}
        if self.plan.prior is not None:
            identity["prior"] = self.plan.prior.digest
        return identity

    @property
    def share_done(self) -> float:
        """Share of the run that is behind, 0 to 1."""
        return self.config.optimizer.share_done(self.progress.step, self.progress.seconds)

    @property
    def learning_rate(self) -> float:
        """That of the last step."""
        return self.optimizer.learning_rate

    def step(self) -> None:
        """One optimizer step, left out if loss or gradient are not finite.

        Raises
        ------
        TITOError
            If that happens in many steps on end.
        """
        o, progress = self.config.optimizer, self.progress
        self.optimizer.zero_grad()
        loss = self._add_gradients()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), o.gradient_clip)
        factor = learning_rate_factor(progress.step, o.warmup_steps, self.share_done, o.decay_share)
        progress.step += 1
        if not bool(norm.isfinite()):
            progress.skipped += 1
            progress.skipped_in_a_row += 1
            if progress.skipped_in_a_row >= _MOST_SKIPPED_IN_A_ROW:
                raise TITOError(
                    f"gradients were not finite in {progress.skipped_in_a_row} steps on end, up to "
                    f"step {progress.step}: lower the learning rate or check the data"
                )
            return
        progress.skipped_in_a_row = 0
        self.optimizer.step(factor)
        self.average.update(self.network)
        progress.loss_sum += loss
        progress.loss_count += 1

    def _add_gradients(self) -> float:
        """Gradients of the mean loss over the whole batch; this process's mean, in Å²."""
        o, device = self.config.optimizer, self.process.device
        rng = step_generator(self.config.seed, TRAINING, self.progress.step)
        pairs, noise, s, draws = draw_step(
            self._pairs,
            o.batch_size,
            rng,
            o.time_location,
            o.time_scale,
            uniform=o.time_distribution == "uniform",
        )
        total = 0.0
        for share in self._shares:
            losses = self._objective(
                pairs.part(share).to(device),
                noise[share].to(device),
                s[share].to(device),
                draws.part(share).to(device),
            )
            loss = losses.mean() / len(self._shares)
            loss.backward()
            total += float(loss.detach())
        self.process.average_gradients(self.network)
        return total

    def validate(self) -> float:
        """Loss of the averaged weights in Å², the same in all processes; keeps the best."""
        progress = self.progress
        progress.validation_loss = self._validation.loss(self._average_objective)
        if progress.validation_loss < progress.best_loss:
            progress.best_loss, progress.best_step = progress.validation_loss, progress.step
            self._best = copy.deepcopy(self.average.network.state_dict())
        return progress.validation_loss

    def take_mean_loss(self) -> float | None:
        """Training loss in Å² since this was last asked for, over all processes; None at first."""
        progress = self.progress
        if not progress.loss_count:
            return None
        mean = self._loss_sum() / progress.loss_count
        progress.loss_sum, progress.loss_count = 0.0, 0
        return mean

    def selected_weights(self) -> Mapping[str, Tensor]:
        """The averaged weights that the checkpoint is to hold."""
        if self.config.select == "best" and self._best is not None:
            return self._best
        return self.average.network.state_dict()

    def state(self) -> dict[str, Any]:
        """All that an exact resume needs; to be asked for by all processes at once."""
        # the mean over the processes, for each to go on from: their mean is then what it would be
        return {
            "settings": self.identity,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self._best,
            "progress": {**vars(self.progress), "loss_sum": self._loss_sum()},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self._best = state["best"]
        self.progress = Progress(**state["progress"])

    def _loss_sum(self) -> float:
        return self.process.sum(self.progress.loss_sum)[0] / self.process.count
