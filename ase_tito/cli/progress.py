"""Progress of simulations: a bar on terminals, and a line a minute in logs."""

from __future__ import annotations

import sys
import time
from types import TracebackType

LINE_EVERY_S = 60.0


class SimulationProgress:
    """Shows picoseconds done of those to do, and when it will be over.

    Parameters
    ----------
    quiet : bool
        Show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        from tqdm import tqdm

        self._quiet = quiet
        self._lines = not quiet and not sys.stderr.isatty()
        self._bar = tqdm(
            desc="simulated",
            disable=quiet or self._lines,
            bar_format="{desc} {n:.2f} of {total:.2f} ns |{bar}| {remaining} left",
        )
        self._begun = self._last = time.monotonic()
        self._initial: float | None = None

    def __enter__(self) -> SimulationProgress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def __call__(self, done_ps: float, total_ps: float, message: str) -> None:
        """Show how far it is, and a message on a line of its own."""
        if self._quiet:
            return
        if message:
            self._bar.write(message, file=sys.stderr)
        if self._initial is None:  # a continued campaign starts in the middle
            self._initial = done_ps
            self._bar.total, self._bar.initial, self._bar.n = (
                total_ps / 1000,
                done_ps / 1000,
                done_ps / 1000,
            )
        self._bar.update(done_ps / 1000 - self._bar.n)
        now = time.monotonic()
        if self._lines and now - self._last >= LINE_EVERY_S and done_ps > self._initial:
            self._last = now
            left = (total_ps - done_ps) * (now - self._begun) / (done_ps - self._initial)
            print(
                f"simulated {done_ps / 1000:.2f} of {total_ps / 1000:.2f} ns, "
                f"{left / 60:.0f} min left",
                file=sys.stderr,
                flush=True,
            )
