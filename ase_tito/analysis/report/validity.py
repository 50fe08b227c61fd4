"""The geometry part of a report: bad frames, and frames where the reference never is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.floor import EqualCounts, at_equal_counts
from ase_tito.analysis.geometry import FrameGeometry
from ase_tito.analysis.report.observe import Observed
from ase_tito.analysis.report.result import GeometryCounts
from ase_tito.analysis.report.statistics import Statistics

FIRST_FRAMES = 10
"""Bad frames of each kind that are listed."""

RANGE_FRAMES = 50_000
"""Frames of either side whose range is compared."""


def geometry_counts(geometry: FrameGeometry) -> GeometryCounts:
    """Bad frames of one side, counted, and the first of them."""
    return GeometryCounts(
        len(geometry),
        geometry.counts,
        int(geometry.invalid.sum()),
        {
            kind: tuple(frames[:FIRST_FRAMES].tolist())
            for kind, frames in geometry.frames.items()
            if len(frames)
        },
    )


def range_shares(reference: Observed, model: Observed, statistics: Statistics) -> EqualCounts:
    """Share of frames outside the range of bonds, angles and size that half the reference covers.

    The floor is that of the other half, thinned to as many frames.
    """
    stride = max(1, -(-max(reference.frames, model.frames) // RANGE_FRAMES))
    values = [
        [
            np.column_stack([kind[::stride] for kind in run])
            for run in zip(side.bonds, side.angles, side.gyration, strict=True)
        ]
        for side in (reference, model)
    ]

    def outside(first: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        return float(((other < first.min(0)) | (other > first.max(0))).any(1).mean())

    return at_equal_counts(
        values[0],
        np.concatenate(values[1]),
        outside,
        statistics.thinned(stride).reference_block,
        generator=statistics.generator("ranges"),
        splits=statistics.settings.splits,
    )
