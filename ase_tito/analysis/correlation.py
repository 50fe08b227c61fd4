"""Time correlation of trajectories; pairs are never counted across a trajectory's end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import correlate

from ase_tito.analysis.blocks import concatenated
from ase_tito.analysis.weights import as_weights
from ase_tito.errors import DataError

WINDOW = 5.0
"""Correlation times after which the sum over an autocorrelation function is cut."""


def lag_in_frames(lag_time_ps: float, frame_spacing_ps: float) -> int:
    """A lag time in frames.

    Raises
    ------
    DataError
        Unless it is a whole number of frames, at least one.
    """
    if not 0 < frame_spacing_ps < np.inf:
        raise DataError(f"a frame spacing must be a positive time in ps, not {frame_spacing_ps}")
    frames = round(lag_time_ps / frame_spacing_ps)
    if frames < 1 or abs(frames * frame_spacing_ps - lag_time_ps) > 1e-6 * lag_time_ps:
        raise DataError(
            f"a lag of {lag_time_ps:g} ps is no whole number of frames, which are"
            f" {frame_spacing_ps:g} ps apart"
        )
    return frames


def lagged_starts(lengths: Sequence[int], lag: int) -> NDArray[np.int64]:
    """Frames of concatenated trajectories that have a frame `lag` later in the same one.

    Parameters
    ----------
    lengths : sequence of int
        Frames of each trajectory.
    lag : int
        In frames.

    Returns
    -------
    array of int, shape (P,)
        Indices i such that (i, i + lag) is a pair.

    Raises
    ------
    DataError
        If no trajectory is that long.
    """
    if lag < 0:
        raise DataError(f"a lag must not be negative, as {lag} frames is")
    ends = np.cumsum(lengths)
    starts = [
        np.arange(end - length, max(end - lag, end - length))
        for end, length in zip(ends, lengths, strict=True)
    ]
    pairs = np.concatenate(starts).astype(np.int64)
    if len(pairs) == 0:
        raise DataError(f"no trajectory has two frames {lag} frames apart; use a shorter lag")
    return pairs


def mean_cosine_change(
    before: ArrayLike, after: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """⟨cos Δθ⟩ of torsions before and after a jump, both (P, k) in radians; shape (k,).

    It falls from 1 at no motion to ``|⟨exp iθ⟩|²`` when all memory is lost.
    """
    start, end = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if start.shape != end.shape:
        raise DataError(f"torsions before and after differ in shape: {start.shape}, {end.shape}")
    return np.asarray(as_weights(weights, len(start), normalized=True) @ np.cos(end - start))


def torsion_correlation(
    trajectories: Sequence[ArrayLike], lags: Sequence[int]
) -> NDArray[np.float64]:
    """⟨cos[θ(t + lag) − θ(t)]⟩ over all pairs of frames, shape (len(lags), k).

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i, k)
        Torsions in radians, equally spaced frames.
    lags : sequence of int
        In frames.
    """
    frames, lengths = concatenated(trajectories)
    return np.stack(
        [
            mean_cosine_change(frames[starts], frames[starts + lag])
            for lag in lags
            for starts in [lagged_starts(lengths, lag)]
        ]
    )


def autocorrelation(trajectories: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Normalized autocorrelation function of one coordinate, shape (longest trajectory,).

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i,)
        Fluctuations are taken about the mean of all trajectories, so that runs which stay in
        different states count as correlated, which they are.

    Raises
    ------
    DataError
        If the coordinate never changes.
    """
    frames, lengths = concatenated(trajectories)
    if frames.ndim != 1:
        raise DataError(f"autocorrelation takes one coordinate, not frames of {frames.shape[1:]}")
    frames = frames - frames.mean()
    variance = np.mean(frames**2)
    if variance == 0:
        raise DataError("the coordinate never changes: it has no autocorrelation")
    total = np.zeros(max(lengths))
    pairs = np.zeros(max(lengths))
    for part in np.split(frames, np.cumsum(lengths)[:-1]):
        total[: len(part)] += correlate(part, part, method="fft")[len(part) - 1 :]
        pairs[: len(part)] += np.arange(len(part), 0, -1)
    return np.asarray(total / pairs / variance)


def statistical_inefficiency(trajectories: Sequence[ArrayLike]) -> float:
    """Correlated frames per independent one, g = 1 + 2 Σ ρ(t) ≥ 1, of one coordinate.

    The sum ends by itself, at the first time beyond `WINDOW` of its own correlation times
    (A. Sokal, Monte Carlo Methods in Statistical Mechanics, 1997). A set of T frames knows a mean
    as well as T/g independent ones do. If a trajectory does not cross between its states often,
    g is not known, and what comes out is too small.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i,)
    """
    rho = autocorrelation(trajectories)
    g = 2 * np.cumsum(rho) - 1
    closed = np.flatnonzero(np.arange(len(g)) >= WINDOW * g / 2)
    return float(max(1.0, g[closed[0] if len(closed) else -1]))
