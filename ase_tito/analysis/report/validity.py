"""The geometry part of a report: bad frames, and frames where the reference never is."""

from __future__ import annotations

import numpy as np

from ase_tito.analysis.blocks import block_slices
from ase_tito.analysis.geometry import FrameGeometry
from ase_tito.analysis.report.observe import Observed
from ase_tito.analysis.report.result import GeometryCounts, RangeShares

FIRST_FRAMES = 10
"""Bad frames of each kind that are listed."""


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


def range_shares(reference: Observed, model: Observed, block_length: int) -> RangeShares:
    """Frames outside the range of bonds, angles and size that one half of the reference covers.

    The other half of the reference is the floor; the halves are made of alternating blocks.
    """
    values = [
        np.column_stack([np.concatenate(part) for part in (side.bonds, side.angles, side.gyration)])
        for side in (reference, model)
    ]
    half = np.zeros(len(values[0]), bool)
    for part in block_slices([len(run) for run in reference.gyration], block_length)[::2]:
        half[part] = True
    low, high = values[0][half].min(0), values[0][half].max(0)
    model_share, floor = (
        float(((part < low) | (part > high)).any(1).mean()) if len(part) else 0.0
        for part in (values[1], values[0][~half])
    )
    return RangeShares(model_share, floor, int(half.sum()))
