"""Moments of lagged pairs, and the covariances that TICA and VAMP are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.block_sums import Array, BlockSums, sums_over_pairs
from ase_tito.analysis.blocks import block_slices, concatenated
from ase_tito.analysis.histograms import as_samples
from ase_tito.errors import DataError

CHUNK = 50_000
"""Pairs that are multiplied at once where no blocks are asked for."""

SMALLEST_VARIANCE = 1e-6
"""Directions of less variance than this are left out (in squares of the features' units)."""


def lagged_moments(
    trajectories: Sequence[ArrayLike],
    lag: int,
    *,
    block_length: int | None = None,
    weights: Sequence[ArrayLike] | None = None,
) -> BlockSums:
    """Sums of z zᵀ, z = (1, x_t, x_{t+lag}), over all pairs of frames a lag apart.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i, d)
        Features. Pairs never cross a trajectory's end.
    lag : int
        In frames.
    block_length : int, optional
        Pairs per block, for a bootstrap.
    weights : sequence of array_like, each of shape (T_i,), optional
        Weights of the frames; a pair has that of its first.

    Returns
    -------
    BlockSums
        With values of shape (B, 2 d + 1, 2 d + 1).

    Raises
    ------
    DataError
        For a lag or features that do not fit, and for one trajectory (T, d) that is not in a list:
        each of its frames would be taken for a trajectory.
    """
    if getattr(trajectories, "ndim", 3) == 2:
        raise DataError("trajectories must be a list of arrays, even of one: [x]")
    frames, lengths = concatenated(trajectories)
    return sums_over_pairs(
        as_samples(frames),
        lengths,
        lag,
        _products,
        block_length=CHUNK if block_length is None else block_length,
        weights=weights,
    )


def moments_of_jumps(before: ArrayLike, after: ArrayLike, *, block_length: int) -> BlockSums:
    """The same sums over single jumps, each from a frame of its own.

    Parameters
    ----------
    before, after : array_like, shape (P, d)
        Features of the frames and of what became of them.
    block_length : int
        Jumps per block: of neighbours, if the starts are in order.

    Raises
    ------
    DataError
        For features of different shapes.
    """
    first, second = as_samples(before), as_samples(after)
    if first.shape != second.shape:
        raise DataError(f"jumps from {first.shape} to {second.shape}: the shapes must be equal")
    blocks = block_slices([len(first)], block_length)
    return BlockSums(
        np.stack([_products(first[part], second[part], None) for part in blocks]),
        np.array([part.stop - part.start for part in blocks]),
        1,
    )


def covariance_model(moments: NDArray[np.float64], *, reversible: bool) -> Any:
    """The covariances of lagged pairs, as deeptime's estimators take them.

    Parameters
    ----------
    moments : array, shape (2 d + 1, 2 d + 1)
        A sum over pairs; see `lagged_moments`.
    reversible : bool
        Count each pair in both directions, as TICA does.

    Returns
    -------
    deeptime.covariance.CovarianceModel
        Free of the means.

    Raises
    ------
    DataError
        If no feature ever changes.
    """
    # deeptime imports PyTorch along, so it is imported where it is used.
    from deeptime.covariance import CovarianceModel

    d = (len(moments) - 1) // 2
    mean_0, mean_t = moments[0, 1 : d + 1] / moments[0, 0], moments[0, d + 1 :] / moments[0, 0]
    second = moments[1:, 1:] / moments[0, 0]
    c_00, c_0t, c_tt = second[:d, :d], second[:d, d:], second[d:, d:]
    if reversible:
        mean_0 = mean_t = (mean_0 + mean_t) / 2
        c_00 = c_tt = (c_00 + c_tt) / 2
        c_0t = (c_0t + c_0t.T) / 2
    c_00 = c_00 - np.outer(mean_0, mean_0)
    c_tt = c_tt - np.outer(mean_t, mean_t)
    if min(np.trace(c_00), np.trace(c_tt)) <= SMALLEST_VARIANCE:
        raise DataError("the features never change: there are no kinetics in them")
    return CovarianceModel(
        c_00,
        c_0t - np.outer(mean_0, mean_t),
        c_tt,
        mean_0,
        mean_t,
        bessels_correction=False,
        symmetrized=reversible,
        data_mean_removed=True,
    )


def _products(before: Array, after: Array, weights: Array | None) -> Array:
    z = np.concatenate([np.ones((len(before), 1)), before, after], axis=1)
    weighted = z if weights is None else weights[:, None] * z
    return np.asarray(weighted.T @ z)
