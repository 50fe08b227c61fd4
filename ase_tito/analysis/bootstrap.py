"""Block bootstrap: intervals for figures of correlated frames.

H. R. Künsch, Ann. Statist. 17, 1217 (1989). The blocks here do not overlap, so that every frame
weighs the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.blocks import block_slices, concatenated
from ase_tito.errors import DataError


@dataclass(frozen=True, eq=False)
class Interval:
    """A figure with its bootstrap interval.

    Attributes
    ----------
    estimate, low, high : float or array
        From all frames; the interval's ends. Arrays where the statistic is one.
    level : float
        For instance 0.95.
    blocks : int
        Number of blocks: of few (below some 20) think no interval right.
    """

    estimate: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    level: float
    blocks: int

    def contains(self, value: ArrayLike) -> NDArray[np.bool_]:
        """Whether a value lies within the interval, ends included."""
        value = np.asarray(value)
        return (self.low <= value) & (value <= self.high)


def block_bootstrap(
    trajectories: Sequence[ArrayLike],
    statistic: Callable[[NDArray[np.float64]], ArrayLike],
    block_length: int,
    *,
    generator: np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of a statistic of several trajectories' frames.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i, ...)
        Independent runs, or replicas. Blocks never cross their ends.
    statistic : callable
        Frames (T, ...) to a number or an array of fixed shape, blind to the frames' order.
    block_length : int
        Frames per block. It must be long against the slowest correlation: compare
        `statistical_inefficiency`. Too short a block makes the interval too narrow.
    generator : numpy.random.Generator
    resamples : int
        Bootstrap samples.
    level : float
        Probability inside the interval.

    Raises
    ------
    DataError
        For fewer than two blocks, from which no interval can be had.
    """
    frames, lengths = concatenated(trajectories)
    blocks = [np.arange(part.start, part.stop) for part in block_slices(lengths, block_length)]
    if len(blocks) < 2:
        raise DataError(
            f"{len(frames)} frames make one block of {block_length}: no interval can be had from"
            " it; use shorter blocks or more data"
        )
    check_resampling(resamples, level)
    values = []
    for _ in range(resamples):
        drawn = generator.integers(len(blocks), size=len(blocks))
        values.append(np.asarray(statistic(frames[np.concatenate([blocks[k] for k in drawn])])))
    low, high = np.quantile(np.stack(values), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Interval(np.asarray(statistic(frames), np.float64), low, high, level, len(blocks))


def check_resampling(resamples: int, level: float) -> None:
    """DataError for a number of resamples or a level that no interval can be had from."""
    if resamples < 2:
        raise DataError(f"a bootstrap needs at least two resamples, not {resamples}")
    if not 0 < level < 1:
        raise DataError(f"the level of an interval must be between 0 and 1, not {level}")
