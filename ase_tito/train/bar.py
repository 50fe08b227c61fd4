"""The progress bar of a training run: share done, time left, losses."""

from __future__ import annotations

from types import TracebackType

from tqdm import tqdm

from ase_tito.train.config import OptimizerConfig
from ase_tito.train.progress import Progress


class ProgressBar:
    """A bar over steps, or over seconds where the run is planned by time.

    Parameters
    ----------
    name : str
    plan : OptimizerConfig
    progress : Progress
        Where the run is now.
    shown : bool
    """

    def __init__(self, name: str, plan: OptimizerConfig, progress: Progress, shown: bool) -> None:
        self._by_steps = plan.steps is not None
        self._total = plan.steps if plan.steps is not None else 60 * (plan.minutes or 0.0)
        self._bar = tqdm(
            total=self._total,
            initial=self._position(progress),
            desc=name,
            unit="step" if self._by_steps else "s",
            bar_format=None if self._by_steps else _TIMED,
            disable=not shown,
        )

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def move(self, progress: Progress) -> None:
        """Show where the run is now."""
        self._bar.update(self._position(progress) - self._bar.n)

    def show_losses(self, loss: float | None, progress: Progress) -> None:
        """Show the mean training loss and the validation loss beside the bar, in Å²."""
        self._bar.set_postfix(
            step=progress.step,
            loss="" if loss is None else f"{loss:.4f}",
            validation=f"{progress.validation_loss:.4f}",
            best=f"{progress.best_loss:.4f}",
        )

    def _position(self, progress: Progress) -> float:
        # the last step ends after the time that was planned
        return min(self._total, progress.step if self._by_steps else progress.seconds)


_TIMED = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
