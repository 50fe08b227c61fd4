"""Files that are there as a whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ase_tito.errors import OutputError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file such that a kill at any moment leaves the old one or the new one.

    What a killed process leaves of the new one is replaced by the next.

    Raises
    ------
    OutputError
        If it cannot be written (a full disk, no permission); the old one is left then.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
        raise
    _sync_directory(path.parent)


def publish(partial: Path, path: Path) -> None:
    """Give a finished file its name: whoever sees that name sees all of the file.

    Raises
    ------
    OutputError
        If that fails; the file then keeps the name it has.
    """
    try:
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    _sync_directory(path.parent)


def _sync_directory(folder: Path) -> None:
    """The new name itself must reach the disk too."""
    if os.name == "posix":
        directory = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
