"""What a report could not compute, and what to be careful with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ase_tito.errors import DataError

T = TypeVar("T")


class Notes(list[str]):
    """Sentences for the reader, in the order they came up."""

    def attempt(self, what: str, compute: Callable[[], T]) -> T | None:
        """The result, or None and a note if the data do not suffice."""
        try:
            return compute()
        except DataError as error:
            self.append(f"{what}: not available, for {error}.")
            return None
