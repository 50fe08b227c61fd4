"""A few frames of long trajectories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ase_tito.analysis.files.source import Chunk, TrajectorySource
from ase_tito.errors import DataError


def spread_frames(sources: Sequence[TrajectorySource], count: int, skip_ps: float = 0.0) -> Chunk:
    """Finite frames spread evenly over trajectories of one molecule, shape (at most count, n, 3).

    Parameters
    ----------
    sources : sequence of TrajectorySource
    count : int
    skip_ps : float
        Leave out the beginning of each trajectory.

    Raises
    ------
    DataError
        If no frame is left.
    """
    lengths = [
        sum(map(len, source.chunks())) if source.n_frames is None else source.n_frames
        for source in sources
    ]
    skipped = [round(skip_ps / source.frame_spacing_ps) for source in sources]
    left = sum(max(length - skip, 0) for length, skip in zip(lengths, skipped, strict=True))
    stride = max(1, -(-left // count))
    parts = [
        chunk
        for source, skip in zip(sources, skipped, strict=True)
        for chunk in source.chunks(stride=stride, skip=skip)
    ]
    every = np.concatenate(parts) if parts else np.empty((0, 0, 3), np.float32)
    every = every[np.isfinite(every).all((1, 2))]
    if not len(every):
        raise DataError(f"{sources[0].path}: no finite frame is left to start from")
    return every
