"""How lags are distributed, in physical time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ase_tito.errors import DataError

LagKind = Literal["log-uniform", "uniform", "fixed"]

_ROUNDING = 1e-6
"""Relative; lags and spacings come from decimal numbers."""


@dataclass(frozen=True)
class LagDistribution:
    """Lags between a shortest and a longest one, or a list of lags.

    Parameters
    ----------
    kind : {'log-uniform', 'uniform', 'fixed'}
    lags_ps : tuple of float
        The shortest and the longest lag, or all lags of a list, each drawn equally often; rising.

    Raises
    ------
    DataError
        For an unknown kind, and lags that are not positive or do not rise.
    """

    kind: LagKind
    lags_ps: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.kind not in ("log-uniform", "uniform", "fixed"):
            raise DataError(
                f"lags are drawn 'log-uniform', 'uniform' or 'fixed', not {self.kind!r}"
            )
        lags = tuple(float(lag) for lag in self.lags_ps)
        rising = all(a < b for a, b in pairwise(lags))
        if self.kind == "fixed":
            if not lags or not rising:
                raise DataError(f"fixed lags must be a rising list of times in ps, not {lags}")
        elif len(lags) != 2 or lags[0] > lags[1]:
            raise DataError(f"lags lie between two rising times in ps, not {lags}")
        if not np.isfinite(lags).all() or lags[0] <= 0:
            raise DataError(f"lags must be positive times in ps, not {lags}")
        object.__setattr__(self, "lags_ps", lags)

    @property
    def range_ps(self) -> tuple[float, float]:
        """The shortest and the longest lag."""
        return self.lags_ps[0], self.lags_ps[-1]

    def check_spacing(self, name: str, frame_spacing_ps: float) -> None:
        """Refuse frames between which these lags do not fit.

        Raises
        ------
        DataError
            If frames are farther apart than the shortest lag, or a fixed lag is no multiple of
            their spacing.
        """
        if self.lags_ps[0] < frame_spacing_ps * (1 - _ROUNDING):
            raise DataError(
                f"{name}: frames are {frame_spacing_ps:g} ps apart, "
                f"too far for lags from {self.lags_ps[0]:g} ps"
            )
        if self.kind == "fixed":
            for lag in self.lags_ps:
                ratio = lag / frame_spacing_ps
                if abs(ratio - round(ratio)) > _ROUNDING * ratio:
                    raise DataError(
                        f"{name}: frames are {frame_spacing_ps:g} ps apart, and a lag of "
                        f"{lag:g} ps is no multiple of that"
                    )

    def draw(
        self,
        uniform: NDArray[np.float64],
        longest_ps: NDArray[np.float64],
        frame_spacing_ps: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Lags made of random numbers, none above its own longest one.

        Parameters
        ----------
        uniform : ndarray, shape (B,)
            In [0, 1).
        longest_ps : ndarray, shape (B,)
            At least the shortest lag.
        frame_spacing_ps : ndarray, shape (B,)
            Uniform lags are uniform over whole frames of this spacing.

        Returns
        -------
        ndarray, shape (B,)
            In ps; if not uniform, to be rounded down to whole frames (`whole_frames`).
        """
        low, high = self.range_ps
        top = np.minimum(high, longest_ps)
        if self.kind == "log-uniform":
            return np.asarray(low * (top / low) ** uniform)
        if self.kind == "uniform":
            first = np.ceil(low / frame_spacing_ps * (1 - _ROUNDING))
            last = np.floor(top / frame_spacing_ps * (1 + _ROUNDING))
            return (first + np.floor(uniform * (last - first + 1))) * frame_spacing_ps
        lags = np.array(self.lags_ps)
        fitting = np.searchsorted(lags, top * (1 + _ROUNDING), side="right")
        return lags[(uniform * fitting).astype(np.int64)]


def lag_distribution(
    lag_range_ps: Sequence[float] | None, kind: str, lags_ps: Sequence[float] | None
) -> LagDistribution:
    """A range and the kind of its distribution, or a list of lags; not both."""
    if lags_ps is not None:
        if lag_range_ps is not None:
            raise DataError("give a range of lags, or a list of fixed lags, not both")
        return LagDistribution("fixed", tuple(lags_ps))
    if lag_range_ps is None:
        raise DataError("give a range of lags, or a list of fixed lags")
    if kind == "fixed":
        raise DataError("fixed lags need their list")
    return LagDistribution(kind, tuple(lag_range_ps))  # type: ignore[arg-type]


def whole_frames(
    lag_ps: NDArray[np.float64] | float, frame_spacing_ps: NDArray[np.float64] | float
) -> NDArray[np.int64]:
    """Whole frames in a lag, rounded down, but at least one."""
    frames = np.floor(np.asarray(lag_ps) / frame_spacing_ps * (1 + _ROUNDING))
    return np.maximum(1, frames.astype(np.int64))
