"""Training time, on which all processes agree."""

from __future__ import annotations

import time

from ase_tito.train.processes import Process

_INTERVAL_S = 0.5
"""About how often several processes agree; at every step it would cost them time."""


class Clock:
    """Counts training time, and notices signals that any process received.

    The first process's time is everybody's: learning rates that follow it must not differ.

    Parameters
    ----------
    process : Process
    before_s : float
        Time spent in earlier parts of the run.
    """

    def __init__(self, process: Process, before_s: float) -> None:
        self._process = process
        self._start = time.monotonic() - before_s
        self._last_step: int | None = None
        self._next_step = 0
        self.seconds = before_s

    def agree(self, step: int, stopping: bool) -> bool | None:
        """Whether any process is to stop, or None between two agreements.

        Each process calls this after every step; `seconds` moves on with agreements.
        """
        if step < self._next_step:
            return None
        now = time.monotonic() - self._start
        first = self._process.is_first
        agreed, stops = self._process.sum(now if first else 0.0, float(stopping))
        if self._process.count > 1 and self._last_step is not None:
            taken = max(1e-6, (agreed - self.seconds) / max(1, step - self._last_step))
            self._next_step = step + max(1, min(100, int(_INTERVAL_S / taken)))
        self._last_step = step
        self.seconds = agreed
        return stops > 0
