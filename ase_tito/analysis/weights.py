"""Weights of frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.blocks import concatenated
from ase_tito.errors import DataError


def as_weights(
    weights: ArrayLike | None, frames: int, *, normalized: bool = False
) -> NDArray[np.float64]:
    """Non-negative weights of shape (T,), ones where None; else DataError."""
    array = np.ones(frames) if weights is None else np.asarray(weights, np.float64)
    if array.shape != (frames,):
        raise DataError(f"weights have shape {array.shape} where there are {frames} frames")
    if not np.isfinite(array).all() or (array < 0).any() or array.sum() == 0:
        raise DataError("weights must be finite, not negative, and not all zero")
    return array / array.sum() if normalized else array


def weights_of_runs(
    weights: Sequence[ArrayLike] | None, lengths: Sequence[int]
) -> NDArray[np.float64] | None:
    """Weights of the frames of several trajectories, one after another; None where None.

    Parameters
    ----------
    weights : sequence of array_like, each of shape (T_i,), or None
    lengths : sequence of int
        Frames of each trajectory.

    Raises
    ------
    DataError
        Unless each trajectory has a weight for each of its frames.
    """
    if weights is None:
        return None
    every, counted = concatenated(weights)
    if counted != list(lengths):
        raise DataError("weights must be as many as frames, trajectory by trajectory")
    return as_weights(every, sum(lengths))
