"""The training loop: from a configuration to a checkpoint."""

from __future__ import annotations

import os
from pathlib import Path

from ase_tito.checkpoint import SUFFIX, CheckpointHeader, save_checkpoint
from ase_tito.errors import OutputError, TITOError
from ase_tito.lock import OutputLock
from ase_tito.train.bar import ProgressBar
from ase_tito.train.clock import Clock
from ase_tito.train.config import TrainConfig
from ase_tito.train.export import header_of, source_commit
from ase_tito.train.log import TrainingLog, check_tensorboard
from ase_tito.train.processes import process_group
from ase_tito.train.signals import noted_signals
from ase_tito.train.state import load_state, save_state
from ase_tito.train.trainer import Trainer


class TrainingStopped(TITOError):
    """A signal ended the run before its last step; the state was saved."""


def fit(
    config: TrainConfig,
    *,
    resume: bool = False,
    show_progress: bool = True,
    command: str = "ase_tito.train.fit(...) in Python",
) -> Path:
    """Train a model and write its checkpoint and model card.

    Started by ``torchrun``, the processes share each batch. Every random number is keyed by seed
    and step, so a resumed run equals an uninterrupted one; where the run is planned in minutes,
    it goes on from the same state, and the machine decides how many steps fit into the rest.

    The checkpoint is there from the first saved state on, with the weights selected so far.

    Parameters
    ----------
    config : TrainConfig
    resume : bool
        Continue from the state in the output directory.
    show_progress : bool
        A progress bar with losses and remaining time.
    command : str
        What was run, for the checkpoint's header.

    Returns
    -------
    Path
        The checkpoint: averaged weights, those of the lowest validation loss or the last.

    Raises
    ------
    OutputError
        If the output directory holds a run already and `resume` is False, cannot be one, is in use
        by another process, or cannot be written.
    CheckpointError
        If the checkpoint to start from, or the state to resume from, cannot be read.
    ConfigError, DataError
        For impossible settings and unreadable data, before any file is written.
    TrainingStopped
        After SIGTERM or SIGINT; resuming continues exactly.
    TITOError
        If the loss is not finite in many steps on end.
    """
    _check_output(config.output)
    if config.tensorboard:
        check_tensorboard()
    with process_group(config.device) as process:
        trainer = Trainer(config, process)
        with _Loop(trainer, command) as loop:
            loop.hold_output()
            if resume:
                trainer.load_state(load_state(loop.state_path, trainer.identity))
            else:
                loop.check_unused()
            return loop.run(resume, show_progress)


def _check_output(path: Path) -> None:
    """Refuse what cannot be made a directory, before anything is computed."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise OutputError(f"output is {path}, and {there} is a file: choose another directory")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"output is {path}, and nothing may be written in {there}")


class _Loop:
    """The files of a run, and when they are written."""

    def __init__(self, trainer: Trainer, command: str) -> None:
        self.trainer, self.command = trainer, command
        self.config, self.is_first = trainer.config, trainer.process.is_first
        self.state_path = self.config.output / "state.pt"
        self.checkpoint_path = self.config.output / f"{self.config.name}{SUFFIX}"
        self.log: TrainingLog | None = None
        self._lock: OutputLock | None = None

    def __enter__(self) -> _Loop:
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()

    def hold_output(self) -> None:
        """Lock the output as soon as it is there; OutputError if another process writes it."""
        if self.is_first and self._lock is None and self.config.output.is_dir():
            self._lock = OutputLock(self.state_path)

    def check_unused(self) -> None:
        """OutputError if the output holds a run."""
        if self.state_path.exists() or self.checkpoint_path.exists():
            raise OutputError(
                f"{self.config.output} holds a training run already: resume it, or choose another "
                "output"
            )

    def run(self, resumed: bool, show_progress: bool) -> Path:
        """Train to the end, or until a signal comes."""
        config, trainer, progress = self.config, self.trainer, self.trainer.progress
        commit = source_commit()
        if trainer.share_done < 1 and commit not in progress.commits[-1:]:
            progress.commits.append(commit)
        # before any file is written: settings that cannot work fail here
        self._header()
        if progress.step == 0:
            trainer.validate()
        try:
            config.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{config.output} cannot be made: {error.strerror}") from error
        self.hold_output()
        if not resumed and self.is_first:
            self.check_unused()  # by now, somebody else may have finished a run here
        if self.is_first:
            # lines of a run that was killed before its first state are nobody's
            last = progress.step if resumed else -1
            self.log = TrainingLog(config.output, tensorboard=config.tensorboard, step=last)
        shown = show_progress and self.is_first
        with ProgressBar(config.name, config.optimizer, progress, shown) as bar:
            if progress.step == 0:
                self._write_line(bar)
            self._steps(bar)
        self._save()
        if self.log is not None:
            self.log.close()
        return self.checkpoint_path

    def _steps(self, bar: ProgressBar) -> None:
        config, trainer, progress = self.config, self.trainer, self.trainer.progress
        clock = Clock(trainer.process, progress.seconds)
        saved = progress.seconds
        with noted_signals() as received:
            while trainer.share_done < 1:
                trainer.step()
                stop = clock.agree(progress.step, bool(received))
                progress.seconds = clock.seconds
                if progress.step % config.validation_steps == 0 or trainer.share_done == 1:
                    trainer.validate()
                    self._write_line(bar)
                bar.move(progress)
                if stop:
                    self._save()
                    raise TrainingStopped(
                        f"stopped by a signal after step {progress.step}; state saved in "
                        f"{self.state_path}: resume to continue"
                    )
                # only then do all processes see the same time, and save together
                if stop is not None and progress.seconds - saved > 60 * config.checkpoint_minutes:
                    self._save()
                    saved = progress.seconds

    def _write_line(self, bar: ProgressBar) -> None:
        trainer, progress = self.trainer, self.trainer.progress
        loss = trainer.take_mean_loss()
        bar.show_losses(loss, progress)
        if self.log is not None:
            started = progress.step > 0
            self.log.add(
                {
                    "step": progress.step,
                    "pairs": progress.step * self.config.optimizer.batch_size,
                    "seconds": f"{progress.seconds:.1f}",
                    "remaining_s": (
                        f"{progress.remaining_s(trainer.share_done):.0f}" if started else None
                    ),
                    "learning_rate": f"{trainer.learning_rate:.3e}" if started else None,
                    "loss": None if loss is None else f"{loss:.6f}",
                    "validation_loss": f"{progress.validation_loss:.6f}",
                    "best_loss": f"{progress.best_loss:.6f}",
                    "best_step": progress.best_step,
                    "skipped": progress.skipped,
                }
            )

    def _save(self) -> None:
        state = self.trainer.state()
        if self.is_first:
            save_state(self.state_path, state)
            save_checkpoint(self.checkpoint_path, self._header(), self.trainer.selected_weights())

    def _header(self) -> CheckpointHeader:
        trainer = self.trainer
        return header_of(
            self.config,
            trainer.plan,
            trainer.material,
            trainer.parent,
            trainer.progress,
            self.command,
        )
