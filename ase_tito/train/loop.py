"""The training loop: from a configuration to a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ase_tito.checkpoint import SUFFIX
from ase_tito.data.pairs import LaggedPairs
from ase_tito.data.trajectory import MolecularTrajectory, read_npz
from ase_tito.errors import ConfigError, OutputError, TITOError
from ase_tito.flow.coupling import coupling_named
from ase_tito.flow.frame import frame_named
from ase_tito.header import source_from_dict
from ase_tito.nn import EquivariantVelocity
from ase_tito.train.config import TrainConfig
from ase_tito.train.ema import ExponentialMovingAverage
from ase_tito.train.export import export_checkpoint, source_commit
from ase_tito.train.log import append_line, cut_log
from ase_tito.train.objective import FlowMatchingObjective
from ase_tito.train.processes import Process, process_group
from ase_tito.train.randomness import TRAINING, VALIDATION, draw_step, step_generator
from ase_tito.train.schedule import learning_rate_factor
from ase_tito.train.signals import noted_signals
from ase_tito.train.state import load_state, save_state

_MOST_SKIPPED_IN_A_ROW = 20


class TrainingStopped(TITOError):
    """A signal ended the run before its last step; the state was saved."""


@dataclass
class Progress:
    """Where a run is."""

    step: int = 0
    seconds: float = 0.0
    skipped: int = 0
    skipped_in_a_row: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    commit: str = ""


def fit(config: TrainConfig, *, resume: bool = False, show_progress: bool = True) -> Path:
    """Train a model and write its checkpoint and model card.

    Started by ``torchrun``, the processes share each batch. Every random number is keyed by seed
    and step, so a resumed run equals an uninterrupted one.

    Parameters
    ----------
    config : TrainConfig
    resume : bool
        Continue from the state in the output directory.
    show_progress : bool
        A progress bar with loss and remaining time.

    Returns
    -------
    Path
        The checkpoint: averaged weights after the last step.

    Raises
    ------
    OutputError
        If the output directory holds a run already and `resume` is False.
    ConfigError, DataError
        For impossible settings and unreadable data, before any file is written.
    TrainingStopped
        After SIGTERM or SIGINT; resuming continues exactly.
    TITOError
        If the loss is not finite in many steps on end.
    """
    with process_group(config.device) as process:
        run = _Run(config, process)
        if resume:
            run.load()
        elif run.state_path.exists() or run.checkpoint_path.exists():
            raise OutputError(
                f"{config.output} holds a training run already: resume it, or choose another output"
            )
        return run.train(show_progress)


class _Run:
    """One process's part of a training run."""

    def __init__(self, config: TrainConfig, process: Process) -> None:
        self.config, self.process = config, process
        o = config.optimizer
        self.share = process.share(o.batch_size)
        self.trajectories = [read_npz(path) for path in config.data.trajectories]
        parts = [t.split(config.data.validation_fraction) for t in self.trajectories]
        self.training = LaggedPairs([first for first, _ in parts], config.data.lag_range_ps)
        self.validation = _draw_validation(config, [last for _, last in parts])
        torch.manual_seed(config.seed)  # initial weights
        network = EquivariantVelocity(_network_config(config, self.trajectories))
        self.network = network.to(process.device)
        self.ema = ExponentialMovingAverage(self.network, o.ema_decay)
        frame, coupling = frame_named(config.frame), coupling_named(config.coupling)
        source = source_from_dict(config.source)
        objective = FlowMatchingObjective(
            self.network, source, frame, coupling, compile=config.compile
        )
        self.average_objective = FlowMatchingObjective(self.ema.network, source, frame, coupling)
        self.objective: Callable[..., Tensor] = process.parallel(objective)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), o.learning_rate, o.betas, weight_decay=o.weight_decay
        )
        self.progress = Progress()
        self.state_path = config.output / "state.pt"
        self.checkpoint_path = config.output / f"{config.name}{SUFFIX}"
        self.log_path = config.output / "log.csv"

    def load(self) -> None:
        state = load_state(self.state_path, self.config.identity())
        self.network.load_state_dict(state["network"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])
        if self.process.is_first:
            cut_log(self.log_path, self.progress.step)

    def save(self) -> None:
        if self.process.is_first:
            save_state(
                self.state_path,
                {
                    "settings": self.config.identity(),
                    "network": self.network.state_dict(),
                    "ema": self.ema.state_dict(),
                    "optimizer": self.optimizer.state_dict(),
                    "progress": vars(self.progress),
                },
            )

    def train(self, show_progress: bool) -> Path:
        config, progress = self.config, self.progress
        steps = config.optimizer.steps
        progress.commit = progress.commit or source_commit()
        validation = self.validate()  # before any file is written: settings that cannot work fail
        config.output.mkdir(parents=True, exist_ok=True)
        saved = started = time.monotonic()
        before = progress.seconds
        bar = tqdm(
            total=steps,
            initial=progress.step,
            desc=config.name,
            unit="step",
            disable=not (show_progress and self.process.is_first),
        )
        with bar, noted_signals() as stop:
            while progress.step < steps:
                self.step()
                bar.update()
                now = time.monotonic()
                progress.seconds = before + now - started
                if progress.step % config.validation_steps == 0 or progress.step == steps:
                    validation = self.validate()
                    bar.set_postfix(
                        loss=f"{self._log(validation):.4f}", validation=f"{validation:.4f}"
                    )
                # the processes stop and save together; agreeing at every step would cost time
                if progress.step % 20 == 0 or progress.step == steps:
                    if self.process.any(bool(stop)):
                        self.save()
                        raise TrainingStopped(
                            f"stopped by a signal after step {progress.step}; state saved in "
                            f"{self.state_path}: resume to continue"
                        )
                    if self.process.any(now - saved > 60 * config.checkpoint_minutes):
                        self.save()
                        saved = time.monotonic()
        self.save()
        if self.process.is_first:
            export_checkpoint(
                self.checkpoint_path,
                config,
                self.ema.network,
                self.trajectories,
                training_time_s=progress.seconds,
                validation_loss=validation,
                skipped_steps=progress.skipped,
                commit=progress.commit,
            )
        return self.checkpoint_path

    def step(self) -> None:
        """One optimizer step, left out if loss or gradient are not finite."""
        o, progress = self.config.optimizer, self.progress
        rng = step_generator(self.config.seed, TRAINING, progress.step)
        pairs, noise, s, generator = draw_step(
            self.training, o.batch_size, rng, o.time_location, o.time_scale
        )
        device = self.process.device
        mine = pairs.part(self.share).to(device)
        losses = self.objective(
            mine, noise[self.share].to(device), s[self.share].to(device), generator
        )
        loss = losses.mean()
        self.optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), o.gradient_clip)
        factor = learning_rate_factor(progress.step, o.warmup_steps, o.steps)
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
        for group in self.optimizer.param_groups:
            group["lr"] = o.learning_rate * factor
        self.optimizer.step()
        self.ema.update(self.network)
        progress.loss_sum += float(loss.detach())
        progress.loss_count += 1

    @torch.no_grad()
    def validate(self) -> float:
        """Loss of the averaged weights on pairs, noise and times that never change, in Å²."""
        device = self.process.device
        total, count = 0.0, 0
        for pairs, noise, s, generator in self.validation:
            state = generator.get_state()
            losses = self.average_objective(
                pairs.to(device), noise.to(device), s.to(device), generator
            )
            generator.set_state(state)
            total, count = total + float(losses.sum()), count + len(losses)
        return total / count

    def _log(self, validation: float) -> float:
        """Append a line to the log; the mean training loss since the last one."""
        progress, o = self.progress, self.config.optimizer
        loss = torch.tensor(progress.loss_sum / max(1, progress.loss_count))
        mean = float(self.process.mean(loss.to(self.process.device)))
        progress.loss_sum, progress.loss_count = 0.0, 0
        if self.process.is_first:
            append_line(
                self.log_path,
                {
                    "step": progress.step,
                    "pairs": progress.step * o.batch_size,
                    "seconds": f"{progress.seconds:.1f}",
                    "learning_rate": f"{self.optimizer.param_groups[0]['lr']:.3e}",
                    "loss": f"{mean:.6f}",
                    "validation_loss": f"{validation:.6f}",
                    "skipped": progress.skipped,
                },
            )
        return mean


Step = tuple[Any, Tensor, Tensor, torch.Generator]


def _draw_validation(config: TrainConfig, parts: list[MolecularTrajectory]) -> list[Step]:
    o = config.optimizer
    low, high = config.data.lag_range_ps
    spans = [part.frame_spacing_ps * (len(part) - 1) for part in parts]
    if min(spans) <= low:
        raise ConfigError(
            f"data.validation_fraction leaves a trajectory of {min(spans):g} ps, too short for "
            f"lags from {low:g} ps: enlarge it"
        )
    pairs = LaggedPairs(parts, (low, min(high, 0.5 * min(spans))))
    batches = -(-config.data.validation_pairs // o.batch_size)
    return [
        draw_step(
            pairs,
            o.batch_size,
            step_generator(config.seed, VALIDATION, k),
            o.time_location,
            o.time_scale,
        )
        for k in range(batches)
    ]


def _network_config(config: TrainConfig, trajectories: list[MolecularTrajectory]) -> Any:
    temperatures = [t.temperature_K for t in trajectories]
    if min(temperatures) == max(temperatures):
        return config.network
    return replace(config.network, temperature_range_K=(min(temperatures), max(temperatures)))
