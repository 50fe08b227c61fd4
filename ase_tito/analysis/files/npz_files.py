"""Arrays in ``.npz`` files, the format that models are trained on."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ase_tito.analysis.files.source import Chunk, TrajectorySource
from ase_tito.analysis.files.spacing import frame_spacing
from ase_tito.errors import DataError
from ase_tito.npzfile import opened_npz


def open_npz(path: Path, frame_spacing_ps: float | None) -> TrajectorySource:
    """An archive of ``positions`` (T, n, 3) in Å and ``atomic_numbers``.

    ``bonds``, ``frame_spacing_ps`` and ``temperature_K`` are read if they are there. The format
    cannot be read in parts: the positions are in memory while chunks are taken. ``weights`` are
    refused: frames of unequal weight are no trajectory.
    """

    def damaged(error: Exception) -> DataError:
        return DataError(f"{path}: not a readable .npz trajectory ({error})")

    with opened_npz(path, damaged) as archive:
        missing = [k for k in ("positions", "atomic_numbers") if k not in archive]
        if missing:
            raise DataError(f"{path}: lacks {', '.join(missing)}")
        if "weights" in archive:
            raise DataError(
                f"{path}: frames of unequal weight are no trajectory; train on them with "
                "data.equilibrium = true, or resample them by their weights"
            )
        numbers = archive["atomic_numbers"].astype(np.int64)
        bonds = archive["bonds"].astype(np.int64) if "bonds" in archive else None
        found = float(archive["frame_spacing_ps"]) if "frame_spacing_ps" in archive else None
        description = (
            {"temperature_K": float(archive["temperature_K"])} if "temperature_K" in archive else {}
        )
        shape = _shape(path, "positions")
    if len(shape) != 3 or shape[1:] != (len(numbers), 3) or not shape[0]:
        raise DataError(
            f"{path}: positions have shape {shape}, expected (frames, {len(numbers)}, 3)"
        )

    def read(size: int) -> Iterator[Chunk]:
        with opened_npz(path, damaged) as archive:
            positions = archive["positions"].astype(np.float32)
        for start in range(0, len(positions), size):
            yield positions[start : start + size]

    return TrajectorySource(
        path,
        numbers,
        shape[0],
        frame_spacing(path, found, frame_spacing_ps),
        bonds,
        None,
        description,
        read,
    )


def _shape(path: Path, name: str) -> tuple[int, ...]:
    """Shape of an array in an archive, from its header alone."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        return tuple(header(file)[0])
