"""Two sides of a slow coordinate: how fast they interchange, from crossings however few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import gamma

from ase_tito.analysis.mixing import CORE
from ase_tito.errors import DataError


@dataclass(frozen=True)
class Relaxation:
    """The relaxation time of two states.

    Attributes
    ----------
    time_ps : float
        1 / (k₀₁ + k₁₀); infinite where nothing crosses, zero where one step forgets all.
    low_ps, high_ps : float
        95 % interval for independent crossings; without any there is a lower end only.
    crossings : int
    """

    time_ps: float
    low_ps: float
    high_ps: float
    crossings: int


def core_states(values: ArrayLike, centres: tuple[float, float]) -> NDArray[np.int64]:
    """The core that each frame was last in, 0 or 1, shape (T,); −1 before there was any.

    Parameters
    ----------
    values : array_like, shape (T,)
        A slow coordinate.
    centres : (float, float)
        Of its two sides; cores are those of `ase_tito.analysis.mixing`.
    """
    low, high = centres
    place = (np.asarray(values, np.float64) - low) / (high - low)
    core = np.where(place <= CORE, 0, np.where(place >= 1 - CORE, 1, -1))
    last = np.maximum.accumulate(np.where(core >= 0, np.arange(len(core)), -1))
    return np.where(last >= 0, core[last], -1).astype(np.int64)


def state_steps(trajectories: Sequence[ArrayLike]) -> NDArray[np.int64]:
    """Steps from each of two states to each, shape (2, 2), of trajectories (T_i,) of `core_states`.

    Steps from frames before the first core are left out.
    """
    counts = np.zeros((2, 2), np.int64)
    for trajectory in trajectories:
        states = np.asarray(trajectory)
        origin, target = states[:-1], states[1:]
        known = origin >= 0
        np.add.at(counts, (origin[known], target[known]), 1)
    return counts


def two_state_relaxation(
    steps: ArrayLike, step_ps: float, populations: tuple[float, float] | None = None
) -> Relaxation:
    """Relaxation time from counted steps, with populations that are known from elsewhere.

    A step crosses from i to j with probability π_j (1 − e^{−κτ}), so that crossings both ways say
    one number, κ. Where MD crosses a few times, or never, it still has an interval.

    Parameters
    ----------
    steps : array_like of int, shape (2, 2)
        Of `state_steps`.
    step_ps : float
        τ.
    populations : (float, float), optional
        π, for instance of replica exchange. By default what balances the steps themselves, which
        takes crossings both ways.

    Raises
    ------
    DataError
        For no steps, populations that are not positive, or none where the steps have no balance.
    """
    counts = np.asarray(steps, np.float64)
    of_state = counts.sum(1)
    if populations is None:
        if not (counts[0, 1] and counts[1, 0]):
            raise DataError("steps cross one way at most: give the populations of the two states")
        rates = counts[0, 1] / of_state[0], counts[1, 0] / of_state[1]
        populations = rates[1] / sum(rates), rates[0] / sum(rates)
    first, second = populations
    if min(first, second) <= 0 or not math.isclose(first + second, 1, abs_tol=1e-6):
        raise DataError(
            f"populations must be positive and sum to one, not {first:g} and {second:g}"
        )
    exposure = float(of_state @ [second, first])
    if not exposure:
        raise DataError("no steps between the two states")
    crossings = int(counts[0, 1] + counts[1, 0])
    fewest = float(gamma.ppf(0.025, crossings)) if crossings else 0.0
    most = float(gamma.ppf(0.975, crossings + 1))

    def time(expected: float) -> float:
        share = expected / exposure
        if share <= 0:
            return math.inf
        return -step_ps / math.log1p(-share) if share < 1 else 0.0

    return Relaxation(time(crossings), time(most), time(fewest), crossings)
