"""One writer per output: a lock file that dies with its process."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from ase_tito.errors import OutputError


class OutputLock:
    """Exclusive right to write one file, held from construction to `release`.

    The operating system keeps the lock (on ``NAME.lock`` beside the file) and drops it when the
    process ends in whatever way, so that no stale lock is left after a crash.

    Parameters
    ----------
    path : path
        The file to be written.

    Raises
    ------
    OutputError
        If another process, or another lock of this one, holds it, or if its directory is missing
        or not writable.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        # absolute: whoever has changed directories must not remove another's
        self._file = Path(os.path.abspath(self.path.with_name(self.path.name + ".lock")))
        if not self.path.parent.is_dir():
            raise OutputError(f"cannot write {path}: there is no directory {self.path.parent}")
        self._lock = FileLock(self._file, timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            if not self._file.exists():  # a folder in which nobody can make files looks locked too
                raise OutputError(
                    f"cannot write {path}: no file can be made in {self.path.parent}"
                ) from None
            raise OutputError(
                f"{path} is being written by {self._holder()}; wait for it, end it, or choose "
                "another output"
            ) from None
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
        with suppress(OSError):  # for messages only; some systems let nobody write a locked file
            self._file.write_text(f"{os.getpid()}\n")

    def release(self) -> None:
        """Let others write; the second call does nothing."""
        if self._lock.is_locked:
            with suppress(OSError):  # while it is still held: nobody else can have it open as owner
                self._file.unlink()
            self._lock.release()

    def __enter__(self) -> OutputLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _holder(self) -> str:
        try:
            pid = int(self._file.read_text())
        except (OSError, ValueError):
            return "another process"
        return "this process" if pid == os.getpid() else f"process {pid}"
