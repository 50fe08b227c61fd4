"""Which frames to keep, so that they are evenly spaced in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.errors import DataError

_TOLERANCE = 1e-4
"""Of the spacing; times are multiples of time steps, in floating point."""


def stride_for(where: str, frame_spacing_ps: float, keep_ps: float | None) -> int:
    """Keep every so many-th frame.

    Raises
    ------
    DataError
        If the wanted spacing is no multiple of that of the frames.
    """
    if keep_ps is None:
        return 1
    ratio = keep_ps / frame_spacing_ps
    stride = round(ratio)
    if stride < 1 or abs(ratio - stride) > _TOLERANCE * ratio:
        raise DataError(
            f"{where}: frames are {frame_spacing_ps:g} ps apart; of these none can be kept each "
            f"{keep_ps:g} ps, which is no multiple"
        )
    return stride


def regular_frames(where: str, times_ps: ArrayLike, keep_ps: float) -> NDArray[np.int64]:
    """Frames a constant time apart, of frames that are not.

    Parameters
    ----------
    where : str
        For messages.
    times_ps : array_like, shape (T,)
        Rising.
    keep_ps : float
        Spacing of what is kept.

    Returns
    -------
    ndarray of int64
        From one of the frames in the first interval up to the end, none missing; of several such
        choices the longest, and of equally long ones the earliest.

    Raises
    ------
    DataError
        For times that do not rise, and if a frame is missing whichever way one begins.
    """
    times = np.asarray(times_ps, np.float64)
    if times.ndim != 1 or len(times) < 2 or not np.isfinite(times).all():
        raise DataError(f"{where}: the times of the frames are no list of numbers")
    backwards = np.flatnonzero(np.diff(times) <= 0)
    if len(backwards):
        k = int(backwards[0])
        raise DataError(
            f"{where}: time does not rise: frame {k + 1} is at {times[k + 1]:g} ps, after one at "
            f"{times[k]:g} ps"
        )
    best: NDArray[np.int64] = np.zeros(0, np.int64)
    gap = np.inf
    for start in np.flatnonzero(times < times[0] + keep_ps * (1 - _TOLERANCE)):
        count = int((times[-1] - times[start]) / keep_ps + _TOLERANCE) + 1
        wanted = times[start] + keep_ps * np.arange(count)
        after = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
        nearest = np.where(wanted - times[after - 1] < times[after] - wanted, after - 1, after)
        missing = np.abs(times[nearest] - wanted) > _TOLERANCE * keep_ps
        if missing.any():
            first = float(wanted[np.argmax(missing)])
            gap = first if not np.isfinite(gap) else max(gap, first)
        elif count > max(1, len(best)):
            best = nearest
    if not len(best):
        lack = f" (there is none at {gap:g} ps)" if np.isfinite(gap) else ""
        raise DataError(f"{where}: no frames are evenly {keep_ps:g} ps apart{lack}")
    return best
