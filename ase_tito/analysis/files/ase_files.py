"""ASE's own trajectory format, and (extended) XYZ."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase.io import ulm
from numpy.typing import NDArray

from ase_tito.analysis.files.source import Chunk, TrajectorySource
from ase_tito.analysis.files.spacing import frame_spacing, spacing_of_description, spacing_of_times
from ase_tito.errors import DataError
from ase_tito.structure import several_replicas
from ase_tito.xyzfile import check_announced_atoms

TIME_KEY = "tito_time_ps"
"""Entry of ``atoms.info`` with the time of a frame, as runs of this package write it."""

_TIMES_READ = 10


def open_traj(path: Path, frame_spacing_ps: float | None) -> TrajectorySource:
    """An ASE ``.traj`` file, whose frames are read one by one straight from their offsets."""
    try:
        with ulm.open(str(path)) as file:
            if file.get_tag() != "ASE-Trajectory" or not len(file):
                raise DataError(f"{path}: there are no frames in this trajectory")
            numbers = np.asarray(file.numbers, np.int64)
            _check_not_periodic(path, file.pbc)
            description: dict[str, Any] = dict(file.get("description") or {})
            times = [
                (file[k].get("info") or {}).get(TIME_KEY)
                for k in range(min(_TIMES_READ, len(file)))
            ]
            n_frames = len(file)
    except DataError:
        raise
    except Exception as error:  # of json, struct, numpy, … whatever byte is damaged
        raise DataError(f"{path}: not a readable ASE trajectory ({error})") from error
    if reason := several_replicas(description):
        raise DataError(f"{path}: {reason}")
    found = spacing_of_description(description)
    if found is None and None not in times:
        found = spacing_of_times(path, times)
    bonds = labels = None
    if all(name in description for name in ("bonds", "tetrahedral", "double_bonds")):
        bonds = np.asarray(description["bonds"], np.int64).reshape(-1, 2)
        labels = (
            np.asarray(description["tetrahedral"], np.int64),
            np.asarray(description["double_bonds"], np.int64).reshape(-1, 5),
        )

    def read(size: int) -> Iterator[Chunk]:
        with ulm.open(str(path)) as file:
            for start in range(0, n_frames, size):
                stop = min(start + size, n_frames)
                yield np.stack([_frame(path, file, k, numbers) for k in range(start, stop)])

    return TrajectorySource(
        path,
        numbers,
        n_frames,
        frame_spacing(path, found, frame_spacing_ps),
        bonds,
        labels,
        description,
        read,
    )


def _check_not_periodic(path: Path, pbc: Any) -> None:
    """Refuse frames in a periodic cell, which may have cut the molecule in two."""
    if np.any(pbc):
        raise DataError(
            f"{path}: the frames are periodic; analysis is of one molecule, whole and without"
            " periodic boundaries"
        )


def _frame(path: Path, file: Any, k: int, numbers: NDArray[np.int64]) -> Chunk:
    """Positions of frame k, which is of the same atoms as the first."""
    try:
        frame = file[k]
        positions = np.asarray(frame.positions, np.float32)
        own = frame.get("numbers", numbers)  # noted where they are not those of the first frame
    except Exception as error:
        raise DataError(f"{path}: frame {k} cannot be read ({error})") from error
    if not np.array_equal(own, numbers) or positions.shape != (len(numbers), 3):
        raise DataError(f"{path}: frame {k} has other atoms than frame 0")
    return positions


def open_xyz(path: Path, frame_spacing_ps: float | None) -> TrajectorySource:
    """An (extended) XYZ file. Frames that this package wrote to XYZ say their time."""
    try:
        check_announced_atoms(path)
        head = []
        for atoms in ase.io.iread(path, index=":", do_not_split_by_at_sign=True):
            head.append(atoms)
            if len(head) == _TIMES_READ:
                break
    except Exception as error:  # ASE's readers raise whatever occurs to them
        raise DataError(f"{path}: not a readable XYZ file ({error})") from error
    if not head:
        raise DataError(f"{path}: there are no frames in this trajectory")
    _check_not_periodic(path, head[0].pbc)
    times = [atoms.info.get(TIME_KEY) for atoms in head]
    found = None if None in times else spacing_of_times(path, times)

    def read(size: int) -> Iterator[Chunk]:
        frames: list[Chunk] = []
        for positions in _xyz_frames(path, head[0].numbers):
            frames.append(positions)
            if len(frames) == size:
                yield np.stack(frames)
                frames = []
        if frames:
            yield np.stack(frames)

    return TrajectorySource(
        path,
        head[0].numbers.astype(np.int64),
        None,
        frame_spacing(path, found, frame_spacing_ps),
        None,
        None,
        {},
        read,
    )


def _xyz_frames(path: Path, numbers: NDArray[np.int64]) -> Iterator[Chunk]:
    """Positions of all frames, which are of the same atoms."""
    frames = ase.io.iread(path, index=":", do_not_split_by_at_sign=True)
    for k in count():
        try:
            atoms = next(frames)
        except StopIteration:
            return
        except Exception as error:
            raise DataError(f"{path}: frame {k} cannot be read ({error})") from error
        if not np.array_equal(atoms.numbers, numbers):
            raise DataError(f"{path}: frame {k} has other atoms than frame 0")
        yield atoms.positions.astype(np.float32)
