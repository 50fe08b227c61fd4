"""Where a training run is."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Progress:
    """Counters of a run, saved with its state.

    Attributes
    ----------
    step : int
        Optimizer steps taken, those included that were left out for their gradients.
    seconds : float
        Time spent training.
    skipped, skipped_in_a_row : int
        Steps left out.
    loss_sum : float
        Training losses since the last line of the log, in Å².
    loss_count : int
    validation_loss : float
        Last one, in Å².
    best_loss : float
        Lowest validation loss so far, infinite before the first.
    best_step : int
        Where that was.
    commits : list of str
        Source trees that trained, in order.
    """

    step: int = 0
    seconds: float = 0.0
    skipped: int = 0
    skipped_in_a_row: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    validation_loss: float = float("nan")
    best_loss: float = float("inf")
    best_step: int = -1
    commits: list[str] = field(default_factory=list)

    def remaining_s(self, share_done: float) -> float:
        """Estimated time to the end in seconds, from the share of the run that is behind."""
        return self.seconds * (1 - share_done) / share_done if share_done > 0 else float("nan")
