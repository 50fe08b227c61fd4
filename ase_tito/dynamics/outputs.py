"""The files of a run: what they are called, and what may be done to those that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from ase_tito.dynamics.trajectory import check_output
from ase_tito.errors import OutputError
from ase_tito.lock import OutputLock

Existing = Literal["refuse", "replace", "restart", "append"]
_OTHER_OPEN_FILES = 100
"""What else a process may have open: libraries, pipes, a model."""

_REPLICA_FILE = re.compile(r"replica-\d{4}\.traj")


def replica_directory(output: Path) -> Path:
    """The directory of the replicas, which need not exist yet."""
    if output.suffix == ".traj" or (output.exists() and not output.is_dir()):
        raise OutputError(
            f"replicas are written to a directory, and {output} is a file's name: name a "
            "directory, or ask for one file of all (--one-file, one_file=True)"
        )
    if not output.parent.is_dir():
        raise OutputError(f"cannot write {output}: there is no directory {output.parent}")
    return output


def make_directory(directory: Path) -> None:
    """Make a directory, if need be."""
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the directory {directory}: {error.strerror}") from error


def replica_paths(directory: Path, count: int) -> list[Path]:
    """The trajectories of so many replicas."""
    return [directory / f"replica-{k:04d}.traj" for k in range(count)]


def allow_open_files(count: int) -> None:
    """Raise this process's limit of open files where so many more would not fit.

    Raises
    ------
    OutputError
        If the system allows fewer.
    """
    try:
        import resource
    except ImportError:  # not on Windows, where the limit is no matter of processes
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + _OTHER_OPEN_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise OutputError(
            f"the system allows {hard} open files, and {needed} are needed: make fewer replicas, "
            "write them to one file, or raise the limit (ulimit -Hn)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def check_existing(paths: list[Path], others: list[Path], existing: Existing) -> None:
    """Refuse what is there and must not be touched; nothing is opened yet."""
    for path in paths:
        if path.parent.is_dir() or len(paths) == 1:
            check_output(path)
    present = [path for path in paths if path.exists()] + others
    written = [path for path in present if path.stat().st_size]
    if existing == "refuse" and written:
        raise OutputError(exists_already(written[0]))
    if existing in ("restart", "append") and written and len(present) != len(paths):
        raise OutputError(f"{paths[0].parent} holds {len(present)} replicas, not {len(paths)}")


def exists_already(path: Path) -> str:
    """What to say of an output that exists."""
    return f"{path} exists: restart it, append to it, overwrite it, or choose another output"


def other_replicas(directory: Path | None, paths: list[Path]) -> list[Path]:
    """Trajectories of replicas in the directory that are not among these."""
    if directory is None or not directory.is_dir():
        return []
    found = {path for path in directory.iterdir() if _REPLICA_FILE.fullmatch(path.name)}
    return sorted(found - set(paths))


def delete_replica(path: Path) -> None:
    """Remove a replica of an earlier, larger run, which would be taken for one of this run's."""
    with OutputLock(path):
        path.unlink()
