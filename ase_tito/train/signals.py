"""Clean stops: signals are noted, and the loop ends where its state can be saved."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def noted_signals() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT instead of dying of them; the second one kills."""
    received: list[int] = []

    def note(number: int, _: Any) -> None:
        received.append(number)
        signal.signal(number, signal.default_int_handler)

    numbers = (signal.SIGTERM, signal.SIGINT)
    try:
        before = [signal.signal(number, note) for number in numbers]
    except ValueError:  # not in the main thread: signals are another's business
        yield received
        return
    try:
        yield received
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
