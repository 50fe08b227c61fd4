"""Jumps of a model that were made for a report; a trajectory alone does not hold them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_tito.errors import DataError

Positions = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class DoubledJumps:
    """One jump of 2τ and two of τ, from the same frames.

    First proposals, whether valid or not; those that are not finite are left out later.

    Parameters
    ----------
    lag_time_ps : float
        τ.
    starts, one_jump, two_jumps : array, shape (P, n, 3)
        In Å. Starts should be spread as in equilibrium.

    Raises
    ------
    DataError
        For shapes that differ.
    """

    lag_time_ps: float
    starts: Positions
    one_jump: Positions
    two_jumps: Positions

    def __post_init__(self) -> None:
        shapes = [part.shape for part in (self.starts, self.one_jump, self.two_jumps)]
        if len(set(shapes)) != 1 or len(shapes[0]) != 3 or not len(self.starts):
            raise DataError(
                f"starts, single and double jumps must all have shape (P, n, 3), not {shapes}"
            )

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Which of them ended in finite positions, shape (P,)."""
        return np.asarray(np.isfinite(self.one_jump + self.two_jumps).all((1, 2)))


@dataclass(frozen=True, eq=False)
class SingleJumps:
    """Jumps of several lags from one frame.

    Parameters
    ----------
    start : array, shape (n, 3)
        In Å.
    lag_times_ps : tuple of float, length L
    positions : tuple of L arrays, each of shape (P_l, n, 3)
        Where the jumps of each lag ended.

    Raises
    ------
    DataError
        For shapes that do not fit, or no jump of a lag.
    """

    start: Positions
    lag_times_ps: tuple[float, ...]
    positions: tuple[Positions, ...]

    def __post_init__(self) -> None:
        if len(self.positions) != len(self.lag_times_ps) or not self.positions:
            raise DataError(
                f"{len(self.positions)} sets of jumps do not fit {len(self.lag_times_ps)} lags"
            )
        for lag_ps, part in zip(self.lag_times_ps, self.positions, strict=True):
            if part.ndim != 3 or part.shape[1:] != self.start.shape or not len(part):
                raise DataError(
                    f"jumps of {lag_ps:g} ps have shape {part.shape}, expected"
                    f" (jumps, {len(self.start)}, 3)"
                )
