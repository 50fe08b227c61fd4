"""Bootstrap and floor of figures that depend on sums over blocks of lagged pairs.

Covariances and transition counts are sums over pairs of frames. Summed per block once, they are
resampled by adding the blocks again, which costs no pass over the frames. A pair belongs to the
block of its first frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.blocks import block_slices
from ase_tito.analysis.bootstrap import Interval, check_resampling
from ase_tito.analysis.floor import EqualCounts, Floor
from ase_tito.analysis.spectrum import Spectrum
from ase_tito.analysis.weights import weights_of_runs
from ase_tito.errors import DataError

Array = NDArray[np.float64]

PairSum = Callable[[NDArray[Any], NDArray[Any], Array | None], ArrayLike]
"""Frames (P, ...), the same a lag later, and the pairs' weights (P,) or None, to a sum of them."""


@dataclass(frozen=True, eq=False)
class BlockSums:
    """Sums over the pairs of each block.

    Attributes
    ----------
    values : array, shape (B, ...)
        One sum for each block.
    pairs : array of int, shape (B,)
        Pairs of frames in each block.
    lag : int
        In frames.
    """

    values: Array
    pairs: NDArray[np.int64]
    lag: int

    @property
    def total(self) -> Array:
        """The sum over all pairs, shape (...)."""
        return np.asarray(self.values.sum(0))

    def of(self, blocks: NDArray[np.int64]) -> Array:
        """The sum over the pairs of some blocks."""
        return np.asarray(self.values[blocks].sum(0))

    def spectrum(self, values: ArrayLike, lag_time_ps: float) -> Spectrum:
        """Singular values or eigenvalues (r,) of the total, with the pairs behind them."""
        return Spectrum(
            np.asarray(values, np.float64), lag_time_ps, int(self.pairs.sum()), self.lag
        )


def sums_over_pairs(
    frames: NDArray[Any],
    lengths: Sequence[int],
    lag: int,
    summed: PairSum,
    *,
    block_length: int,
    weights: Sequence[ArrayLike] | None = None,
) -> BlockSums:
    """Sums over the pairs of frames a lag apart, block by block.

    Parameters
    ----------
    frames : array, shape (T, ...)
        Of all trajectories, one after another.
    lengths : sequence of int
        Frames of each trajectory. Pairs never cross an end.
    lag : int
        In frames.
    summed : callable
        What is added up; see `PairSum`.
    block_length : int
        In pairs.
    weights : sequence of array_like, each of shape (T_i,), optional
        Weights of the frames; a pair has that of its first.

    Raises
    ------
    DataError
        If no trajectory is long enough, or weights do not fit.
    """
    of_frames = weights_of_runs(weights, lengths)
    blocks = pair_blocks(lengths, lag, block_length)
    sums = [
        summed(
            frames[part],
            frames[part.start + lag : part.stop + lag],
            None if of_frames is None else of_frames[part],
        )
        for part in blocks
    ]
    pairs = np.array([part.stop - part.start for part in blocks])
    return BlockSums(np.asarray(np.stack(sums), np.float64), pairs, lag)


def pair_blocks(lengths: Sequence[int], lag: int, block_length: int) -> list[slice]:
    """First frames of all pairs a lag apart, in blocks, as slices of concatenated trajectories.

    Parameters
    ----------
    lengths : sequence of int
        Frames of each trajectory; those without a pair are left out.
    lag : int
        In frames.
    block_length : int
        In pairs.

    Raises
    ------
    DataError
        If no trajectory is long enough.
    """
    if lag < 1:
        raise DataError(f"a lag must be one frame at least, not {lag}")
    if not any(length > lag for length in lengths):
        raise DataError(f"no trajectory has two frames {lag} frames apart; use a shorter lag")
    slices = []
    start = 0
    for length in lengths:
        if length > lag:
            slices += [
                slice(start + part.start, start + part.stop)
                for part in block_slices([length - lag], block_length)
            ]
        start += length
    return slices


def bootstrap_sums(
    groups: Sequence[BlockSums],
    statistic: Callable[..., ArrayLike],
    *,
    generator: np.random.Generator,
    resamples: int = 200,
    level: float = 0.95,
    centred: bool = False,
) -> Interval:
    """Percentile interval of a statistic of one or several independent sets of blocks.

    Parameters
    ----------
    groups : sequence of BlockSums
        For instance the reference's and the model's, which are resampled independently.
    statistic : callable
        The groups' sums, as one argument each, to a number or an array of fixed shape.
        Infinite values count as very large; nan, or a DataError from a resample, is not known and
        counts as larger still.
    generator : numpy.random.Generator
    resamples : int
    level : float
        Probability inside the interval.
    centred : bool
        Lay the resamples' spread about their mean around the estimate, for figures that repeated
        frames bias, as they do scores. They must then be finite.

    Raises
    ------
    DataError
        For a group of fewer than two blocks, or one whose blocks are shorter than the lag:
        neighbours would then share most of their frames.
    """
    for group in groups:
        _check_blocks(group)
    check_resampling(resamples, level)
    estimate = np.asarray(statistic(*(group.total for group in groups)), np.float64)
    values = []
    for _ in range(resamples):
        sums = []
        for group in groups:
            drawn = generator.integers(len(group.pairs), size=len(group.pairs))
            times = np.bincount(drawn, minlength=len(group.pairs)).astype(np.float64)
            sums.append(np.tensordot(times, group.values, 1))
        try:
            values.append(np.asarray(statistic(*sums), np.float64))
        except DataError:
            values.append(np.full(estimate.shape, np.nan))
    # Sorted rather than interpolated: infinite values have no differences.
    ordered = np.sort(np.stack(values), axis=0)
    if centred:
        ordered = ordered - ordered.mean(0) + estimate
    tail = (1 - level) / 2 * (resamples - 1)
    return Interval(
        estimate,
        ordered[int(np.floor(tail))],
        ordered[int(np.ceil(resamples - 1 - tail))],
        level,
        min(len(group.pairs) for group in groups),
    )


def sums_at_equal_counts(
    reference: BlockSums,
    model: BlockSums,
    figure: Callable[[Array, Array], float],
    *,
    generator: np.random.Generator,
    splits: int = 20,
) -> EqualCounts:
    """A model's figure beside that of MD against independent MD, at the same number of pairs.

    Each time a random half of the reference's blocks is the reference, once for the model's
    blocks and once for the other half of the reference's, both cut down to the smaller number of
    pairs of the two, as nearly as whole blocks allow.

    Parameters
    ----------
    reference, model : BlockSums
        The model needs blocks too: it is cut down by leaving some out.
    figure : callable
        (reference's sum, other sum) to a number.
    generator : numpy.random.Generator
    splits : int
        Random halvings to average over.

    Returns
    -------
    EqualCounts
        Its `n_reference` and `n_model` count pairs of frames.
    """
    for group in (reference, model):
        _check_blocks(group)
    of_model, of_md = [], []
    sizes = []
    for _ in range(splits):
        order = generator.permutation(len(reference.pairs))
        first, second = np.split(order, [len(order) // 2])
        others = generator.permutation(len(model.pairs))
        count = min(int(reference.pairs[second].sum()), int(model.pairs.sum()))
        second = _about(reference, second, count)
        others = _about(model, others, count)
        anchor = reference.of(first)
        of_model.append(float(figure(anchor, model.of(others))))
        of_md.append(float(figure(anchor, reference.of(second))))
        sizes.append(
            [
                sums.pairs[part].sum()
                for sums, part in ((reference, first), (model, others), (reference, second))
            ]
        )
    n_reference, n_model, n_floor = np.mean(sizes, axis=0).round().astype(int).tolist()
    return EqualCounts(_floor(of_model, n_reference, n_model), _floor(of_md, n_reference, n_floor))


def _about(sums: BlockSums, blocks: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The first of some blocks, in the number that comes closest to `count` pairs."""
    reached = np.cumsum(sums.pairs[blocks])
    return blocks[: int(np.argmin(np.abs(reached - count))) + 1]


def _check_blocks(sums: BlockSums) -> None:
    if len(sums.pairs) < 2:
        raise DataError(
            f"{int(sums.pairs.sum())} pairs make one block: no uncertainty can be had from it;"
            " use shorter blocks or more data"
        )
    if np.median(sums.pairs) < sums.lag:
        raise DataError(
            f"blocks of {int(np.median(sums.pairs))} frames are shorter than the lag of"
            f" {sums.lag} frames: they are not independent; use longer blocks"
        )


def _floor(values: list[float], n_reference: int, n_model: int) -> Floor:
    # Sorted rather than interpolated: timescales, and so their errors, may be infinite.
    ordered = np.sort(values)
    tail = 0.025 * (len(ordered) - 1)
    low, high = ordered[int(np.floor(tail))], ordered[int(np.ceil(len(ordered) - 1 - tail))]
    return Floor(float(np.mean(values)), float(low), float(high), n_reference, n_model)
