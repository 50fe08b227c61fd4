"""Trajectories of different frame spacing, brought to the same physical lag."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, gcd, lcm

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.correlation import lag_in_frames
from ase_tito.errors import DataError

FINEST = 10**6
"""Frame spacings are read as fractions of a picosecond with at most this denominator."""


def shortest_shared_lag_ps(spacings_ps: Sequence[float]) -> float:
    """The shortest lag that is a whole number of frames of every trajectory.

    Parameters
    ----------
    spacings_ps : sequence of float
        Frame spacings; for 5 and 57 ps it is 285 ps.

    Raises
    ------
    DataError
        Unless all are positive.
    """
    if not len(spacings_ps) or not all(0 < spacing < np.inf for spacing in spacings_ps):
        raise DataError(f"frame spacings must be positive times in ps, not {list(spacings_ps)}")
    fractions = [Fraction(spacing).limit_denominator(FINEST) for spacing in spacings_ps]
    if min(fractions) == 0:
        raise DataError(f"frame spacings must be {1 / FINEST:g} ps at least")
    # The smallest common multiple of fractions in lowest terms.
    return lcm(*(f.numerator for f in fractions)) / gcd(*(f.denominator for f in fractions))


def frames_per_lag(lag_time_ps: float, spacings_ps: Sequence[float]) -> list[int]:
    """One physical lag in frames of each of several trajectories.

    Parameters
    ----------
    lag_time_ps : float
    spacings_ps : sequence of float
        Frame spacing of each.

    Raises
    ------
    DataError
        Unless the lag is a whole number of frames of each; it names the lags that are.
    """
    shared = shortest_shared_lag_ps(spacings_ps)
    try:
        return [lag_in_frames(lag_time_ps, spacing) for spacing in spacings_ps]
    except DataError as error:
        multiple = max(1, ceil(lag_time_ps / shared - 1e-9))
        near = sorted({max(1, multiple - 1) * shared, multiple * shared})
        raise DataError(
            f"{error}; possible are multiples of {shared:g} ps, such as"
            f" {' or '.join(f'{time:g}' for time in near)} ps"
        ) from None


def strided(
    trajectories: Sequence[ArrayLike], frame_spacing_ps: float, spacing_ps: float
) -> list[NDArray[np.float64]]:
    """Every n-th frame of each trajectory, so that frames are `spacing_ps` apart.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i, ...)
    frame_spacing_ps : float
        Of the trajectories as they are.
    spacing_ps : float
        For instance the model's jump, before MD is compared with it at equal counts.

    Raises
    ------
    DataError
        Unless `spacing_ps` is a whole number of frames.
    """
    (stride,) = frames_per_lag(spacing_ps, [frame_spacing_ps])
    return [np.asarray(trajectory)[::stride] for trajectory in trajectories]
