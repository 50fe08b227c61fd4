"""Does a set of trajectories mix: how often does its slowest coordinate cross?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.blocks import concatenated
from ase_tito.analysis.correlation import statistical_inefficiency
from ase_tito.analysis.histograms import as_samples
from ase_tito.errors import DataError

CORE = 0.25
"""A frame is in a core if it is on the outer side of this share of the way between the two
centres; between the cores it counts to the one it came from, so that recrossings do not count."""

ENOUGH_CROSSINGS = 20
"""Below this a population ratio is not known within about a third: its relative error is at
least √(2/crossings)."""


@dataclass(frozen=True)
class Mixing:
    """How well one slow coordinate is sampled.

    Attributes
    ----------
    crossings : int
        Changes from core to core, summed over the trajectories.
    centres : (float, float)
        Of the two sides of the coordinate.
    rarer_share : float
        Share of the frames on the side of fewer.
    both_sides : int
        Trajectories that have been in both cores.
    trajectories : int
    independent_frames : float
        Frames over their statistical inefficiency; too many if crossings are few.
    """

    crossings: int
    centres: tuple[float, float]
    rarer_share: float
    both_sides: int
    trajectories: int
    independent_frames: float

    @property
    def mixes(self) -> bool:
        """Whether there are `ENOUGH_CROSSINGS`."""
        return self.crossings >= ENOUGH_CROSSINGS

    def describe(self) -> str:
        """One sentence with the numbers."""
        seen = (
            f"its slowest coordinate crosses {self.crossings} times between two sides, the rarer"
            f" with {self.rarer_share:.2%} of the frames; {self.both_sides} of"
            f" {self.trajectories} trajectories see both"
        )
        if self.mixes:
            return f"mixes: {seen}"
        return (
            f"does not mix: {seen}. At least {ENOUGH_CROSSINGS} crossings are needed before"
            " populations and slow timescales can be judged by it"
        )


def mixing(coordinates: Sequence[ArrayLike]) -> Mixing:
    """Count the crossings of one slow coordinate.

    Parameters
    ----------
    coordinates : sequence of array_like, each of shape (T_i,)
        The slowest there is: the first TICA component of each trajectory, at equal frame spacing.
        A fast one crosses often whatever the slow ones do.

    Raises
    ------
    DataError
        If the coordinate never changes.

    Notes
    -----
    The coordinate is cut in two where that leaves the least variance within the sides (N. Otsu,
    IEEE Trans. Syst. Man Cybern. 9, 62 (1979)). Most of the variance of a TICA component is that
    of its slow process, so that the cut finds rare states as well; those of a torsion it may not.
    """
    every, _ = concatenated(coordinates)
    if every.ndim != 1:
        raise DataError(f"mixing takes one coordinate, not frames of {every.shape[1:]}")
    every = as_samples(every)[:, 0]
    centres = two_centres(every)
    cut = sum(centres) / 2
    rarer = min(np.mean(every < cut), np.mean(every >= cut))
    visits = [core_sequence(run, centres) for run in coordinates]
    return Mixing(
        sum(max(len(visit) - 1, 0) for visit in visits),
        centres,
        float(rarer),
        sum(len(visit) > 1 for visit in visits),
        len(visits),
        len(every) / statistical_inefficiency(coordinates),
    )


def two_centres(values: NDArray[np.float64]) -> tuple[float, float]:
    """Means of the two parts, below and above, of least variance within; values (T,)."""
    ordered = np.sort(values)
    n = np.arange(1, len(ordered))
    # Shifted by the mean, so that sums of squares lose no digits.
    below = np.cumsum(ordered - ordered.mean())[:-1]
    between = below**2 * (1 / n + 1 / (len(ordered) - n))
    if len(between) == 0 or ordered[0] == ordered[-1]:
        raise DataError("the coordinate never changes: nothing crosses")
    split = int(np.argmax(between)) + 1
    return float(ordered[:split].mean()), float(ordered[split:].mean())


def core_sequence(values: ArrayLike, centres: tuple[float, float]) -> NDArray[np.int64]:
    """The cores that a coordinate (T,) visits in turn: zeros and ones, never two alike."""
    low, high = centres
    place = (np.asarray(values, np.float64) - low) / (high - low)
    cores = np.where(place <= CORE, 0, np.where(place >= 1 - CORE, 1, -1))
    cores = cores[cores >= 0]
    return cores[np.flatnonzero(np.diff(cores, prepend=-1))].astype(np.int64)
