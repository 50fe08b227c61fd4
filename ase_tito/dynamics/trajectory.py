"""The trajectory of one replica: locked, written through one open file, and whole after any end."""

from __future__ import annotations

import json
import os
import re
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from ase import Atoms
from ase.io.trajectory import Trajectory, TrajectoryWriter
from ase.parallel import world

from ase_tito.dynamics.ulm import first_item, is_trajectory, read_frames, repair, truncate
from ase_tito.errors import OutputError
from ase_tito.lock import OutputLock

COUNTERS = "counters"
"""Entry of the header's description whose integers are kept up to date in the file."""

_OTHER_FORMATS = re.compile(
    r"\.(xyz|extxyz|pdb|xtc|trr|dcd|nc|h5|gro|sdf|mol|cif|json|db|npz|toml|txt)", re.IGNORECASE
)
"""Suffixes that promise something else than a trajectory of ASE."""

_LARGEST_COUNT = 10**15  # reserves the room in the header
_COUNTERS_TEXT = re.compile(rf'"{COUNTERS}": (\{{[^{{}}]*\}})'.encode())

_writers: weakref.WeakValueDictionary[str, TrajectoryFile] = weakref.WeakValueDictionary()


class TrajectoryFile:
    """Writes one ``.traj`` file that stays open, is locked, and can be continued after a crash.

    Every frame is handed to the operating system before `write` returns. Another process cannot
    write the same file meanwhile. Within one process the later writer takes the file over and the
    earlier one refuses to write: scripts and notebooks make a second dynamics object for a file
    while the first one still exists.

    Parameters
    ----------
    path : path
    append : bool
        Continue an existing file after its last whole frame; what a killed process left behind it
        is removed. Else an existing trajectory is replaced.
    same_run : bool
        Whether the header of a file that is continued is of the run that will write: then its
        counters are kept up to date.
    master : bool, optional
        Whether this process writes; by default rank 0 does.
    comm : communicator

    Raises
    ------
    OutputError
        If the path is locked or cannot be written, or is a file other than an ASE trajectory.
        Nothing is changed then.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        append: bool = False,
        same_run: bool = True,
        master: bool | None = None,
        comm: Any = world,
    ) -> None:
        self.path = Path(path)
        self._absolute = os.path.abspath(path)  # where it is, wherever the process goes meanwhile
        self._master = comm.rank == 0 if master is None else master
        self._description: dict[str, Any] = {}
        self._comm = comm
        self._counters_at = self._counters_room = 0
        self._lock: OutputLock | None = None
        self._taken_over = False
        if self._master:
            key = os.path.realpath(self.path)
            earlier = _writers.get(key)
            check_output(self.path)
            if earlier is not None:
                earlier._hand_over()
            self._lock = OutputLock(self.path)
            _writers[key] = self
        try:
            if self._lock is not None and append and self.path.exists():
                repair(self._absolute)
            self._writer = self._opened("a" if append else "w")
            if same_run:
                self._find_counters()
        except OSError as error:
            self._unlock()
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error
        except BaseException:
            self._unlock()
            raise

    def __len__(self) -> int:
        """Frames in the file."""
        return len(self._writer)

    @property
    def closed(self) -> bool:
        """Whether nothing can be written any more."""
        return self._lock is None

    def set_description(self, description: Mapping[str, Any]) -> None:
        """What the header will say; without effect once there is a frame."""
        self._description.update(description)

    def write(self, atoms: Any) -> None:
        """Append a frame; where that fails, the file is left as it was.

        Raises
        ------
        OutputError
            If the file is closed, if a later run of this process took it over, or if the frame
            cannot be written (a full disk).
        """
        if self._taken_over:
            raise OutputError(
                f"{self.path} was opened again by a later run, so this one can no longer write it"
            )
        if self.closed and self._master:
            raise OutputError(f"{self.path} is closed: make a new dynamics object to go on")
        counters = self._description.get(COUNTERS)
        first = not len(self)
        if first and self._description:
            room = {COUNTERS: dict.fromkeys(counters, _LARGEST_COUNT)} if counters else {}
            self._writer.set_description(self._description | room)
        try:
            self._writer.write(atoms)
        except OSError as error:
            self._undo()
            raise OutputError(f"cannot write {self.path}: {error.strerror or error}") from error
        except BaseException:
            self._undo()
            raise
        if first:
            self._find_counters()
        if counters:
            self.update_counters(counters)

    def update_counters(self, counters: Mapping[str, int]) -> None:
        """Overwrite the integers of the header's counters; no effect where the header has none."""
        if self._counters_at and not self.closed:
            text = json.dumps(dict(counters)).encode()
            # a file of its own: an interrupt must not leave the writer at the wrong place
            with open(self._absolute, "r+b", buffering=0) as header:
                header.seek(self._counters_at)
                header.write(text[:-1].ljust(self._counters_room - 1) + b"}")  # blanks are JSON

    def truncate(self, count: int) -> None:
        """Keep the first `count` frames only."""
        if self._master and count < len(self):
            self._writer.close()
            truncate(self._absolute, count)
            self._writer = self._opened("a")
            if not count:
                self._counters_at = 0

    def close(self) -> None:
        """Close the file and let others write it; the second call does nothing."""
        if not self.closed:
            try:
                self._writer.close()
            finally:
                self._unlock()

    def __enter__(self) -> TrajectoryFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _opened(self, mode: str) -> TrajectoryWriter:
        return TrajectoryWriter(self._absolute, mode, master=self._master, comm=self._comm)

    def _hand_over(self) -> None:
        self._taken_over = True
        self.close()

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _undo(self) -> None:
        """Forget a frame that is only half written."""
        if self._master:
            self._writer.backend.data = {}  # closing would complete it with what is there
            with suppress(OSError):
                self._writer.backend.fd.close()
            repair(self._absolute)
            self._writer = self._opened("a")

    def _find_counters(self) -> None:
        """Where the header's counters are in the file, once there is a header."""
        if len(self) and self._master:
            offset, content = first_item(self._absolute)
            match = _COUNTERS_TEXT.search(content)
            if match:
                self._counters_at = offset + match.start(1)
                self._counters_room = len(match[1])


def check_output(path: str | os.PathLike[str]) -> None:
    """Refuse to write a trajectory where that would destroy something else.

    Raises
    ------
    OutputError
        For a directory, a missing directory, no permission, an existing file that is not empty
        and no ASE trajectory, and a name that promises another format.
    """
    check_writable(path)
    if os.path.exists(path) and not is_trajectory(path):
        raise OutputError(f"{path} exists and is not an ASE trajectory; choose another name")
    if _OTHER_FORMATS.fullmatch(Path(path).suffix):
        raise OutputError(
            f"cannot write {path}: jumps are written to .traj files of ASE; 'ase convert "
            f"{Path(path).stem}.traj {Path(path).name}' makes another format of one"
        )


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise OutputError unless a file can be created or written at `path`."""
    path = Path(path)
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a directory")
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: there is no directory {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise OutputError(f"cannot write {path}: permission denied")


def check_same_molecule(path: str | os.PathLike[str], atoms: Atoms) -> None:
    """OutputError unless a trajectory holds the same atoms, in the same order."""
    if read_frames(path).offsets and not np.array_equal(read_ends(path)[1].numbers, atoms.numbers):
        raise OutputError(f"cannot append to {path}: it holds other atoms")


def read_ends(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Atoms, Atoms]:
    """A trajectory's description, its first frame and its last.

    Raises
    ------
    OutputError
        If there is no whole frame, or the file is no trajectory.
    """
    if not read_frames(path).offsets:
        raise OutputError(f"{path} holds no whole frame to continue from; start the run anew")
    with Trajectory(path) as trajectory:
        return dict(trajectory.description or {}), trajectory[0], trajectory[-1]
