"""How far a model's distribution is from a reference's: any figure of two histograms, with its
floor and its interval.

Frames are reduced to numbers of bins once. A figure of counts then costs no pass over the frames,
so that equal counts and block bootstrap are cheap even for millions of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.block_sums import BlockSums
from ase_tito.analysis.blocks import block_slices
from ase_tito.analysis.divergence import jensen_shannon
from ase_tito.analysis.floor import EqualCounts, at_equal_counts
from ase_tito.analysis.histograms import as_samples
from ase_tito.errors import DataError

Counts = NDArray[np.float64]

CountFigure = Callable[[Counts, Counts], float]
"""Figure of two sets of counts (n_bins + 1,), the reference's first; the last is outside."""


@dataclass(frozen=True)
class Agreement:
    """A figure of a model against a reference.

    Attributes
    ----------
    value : float
        All frames of the model against all of the reference.
    low, high : float
        Block-bootstrap interval of it, both sides resampled.
    equal_counts : EqualCounts
        Model and reference each against the same halves of the reference, in the same number.
    level : float
        Of the interval.
    blocks : int
        The smaller number of blocks of the two: of fewer than some 20 think no interval right.
    n_reference, n_model : int
        Frames.
    """

    value: float
    low: float
    high: float
    equal_counts: EqualCounts
    level: float
    blocks: int
    n_reference: int
    n_model: int

    @property
    def excess(self) -> float:
        """What the model adds to the noise of finite data, at equal counts."""
        return self.equal_counts.excess


def bin_numbers(samples: ArrayLike, edges: Sequence[ArrayLike]) -> NDArray[np.int64]:
    """Number of the bin of each sample, row-major, and the number of bins for those outside.

    Parameters
    ----------
    samples : array_like, shape (T, d) or (T,)
    edges : sequence of d arrays
        As in `histogram`.

    Returns
    -------
    array of int, shape (T,)
    """
    values = as_samples(samples)
    axes = [np.asarray(edge, np.float64) for edge in edges]
    if values.shape[1] != len(axes):
        raise DataError(f"samples have {values.shape[1]} columns, the grid {len(axes)} axes")
    numbers = np.zeros(len(values), np.int64)
    inside = np.ones(len(values), bool)
    for column, edge in zip(values.T, axes, strict=True):
        place = np.searchsorted(edge, column, side="right") - 1
        place[column == edge[-1]] = len(edge) - 2
        inside &= (place >= 0) & (place < len(edge) - 1)
        numbers = numbers * (len(edge) - 1) + np.clip(place, 0, len(edge) - 2)
    numbers[~inside] = np.prod([len(edge) - 1 for edge in axes])
    return numbers


def counts_of(numbers: ArrayLike, n_bins: int) -> Counts:
    """Frames in each bin, and last outside, shape (n_bins + 1,); several values a frame, or one."""
    return np.bincount(np.asarray(numbers).ravel().astype(np.int64), minlength=n_bins + 1).astype(
        np.float64
    )


def agreement(
    reference: Sequence[ArrayLike],
    model: Sequence[ArrayLike],
    n_bins: int,
    figure: CountFigure,
    *,
    block_lengths: tuple[int, int],
    generator: np.random.Generator,
    splits: int = 20,
    resamples: int = 200,
    level: float = 0.95,
) -> Agreement:
    """Evaluate a figure, its floor at equal counts, and its block-bootstrap interval.

    Parameters
    ----------
    reference, model : sequence of array_like of int, each of shape (T_i,) or (T_i, m)
        Bin numbers (`bin_numbers`) of independent runs or replicas.
    n_bins : int
    figure : callable
        `jsd_of_counts`, `release_jsd_of_counts`, `coverage_of_counts`, `precision_of_counts`, ...
    block_lengths : (int, int)
        Frames per block of the reference and of the model, long against the slowest correlation.
    generator : numpy.random.Generator
    splits : int
        Random halvings of the reference for the floor.
    resamples : int
    level : float

    Raises
    ------
    DataError
        For fewer than two blocks on either side.

    Notes
    -----
    Resampling blocks repeats frames, which biases divergences upwards like having fewer of them.
    So the bootstrap's spread is taken about its own mean and laid around the value.
    """
    groups = [
        counts_in_blocks(runs, n_bins, length)
        for runs, length in zip((reference, model), block_lengths, strict=True)
    ]
    for group, side in zip(groups, ("reference", "model"), strict=True):
        if len(group.pairs) < 2:
            raise DataError(
                f"{int(group.pairs.sum())} frames of the {side} make one block: no uncertainty can"
                " be had from it; use shorter blocks or more data"
            )
    value = figure(groups[0].total, groups[1].total)
    drawn = np.array(
        [figure(*(_resampled(g, generator) for g in groups)) for _ in range(resamples)]
    )
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]) - drawn.mean() + value
    return Agreement(
        value,
        float(low),
        float(high),
        at_equal_counts(
            reference,
            _by_time(model),
            lambda first, second: figure(counts_of(first, n_bins), counts_of(second, n_bins)),
            block_lengths[0],
            generator=generator,
            splits=splits,
        ),
        level,
        min(len(group.pairs) for group in groups),
        int(groups[0].pairs.sum()),
        int(groups[1].pairs.sum()),
    )


def counts_in_blocks(
    trajectories: Sequence[ArrayLike], n_bins: int, block_length: int
) -> BlockSums:
    """Counts (B, n_bins + 1) of blocks of frames; see `agreement` for the arguments."""
    arrays = [np.asarray(trajectory) for trajectory in trajectories]
    every = np.concatenate(arrays)
    slices = block_slices([len(array) for array in arrays], block_length)
    return BlockSums(
        np.stack([counts_of(every[part], n_bins) for part in slices]),
        np.array([part.stop - part.start for part in slices]),
        1,
    )


def jsd_of_counts(reference: Counts, model: Counts) -> float:
    """JSD in nats, what is outside as one more bin."""
    return jensen_shannon(reference, model)


def release_jsd_of_counts(reference: Counts, model: Counts) -> float:
    """JSD in nats, what is outside dropped; see `Divergence`."""
    return jensen_shannon(reference[:-1], model[:-1]) if model[:-1].any() else float(np.log(2))


def coverage_of_counts(reference: Counts, model: Counts) -> float:
    """Σ p_reference over the bins that both occupy; see `Coverage`."""
    both = (reference[:-1] > 0) & (model[:-1] > 0)
    return float(reference[:-1][both].sum() / reference.sum())


def precision_of_counts(reference: Counts, model: Counts) -> float:
    """Σ p_model over the bins that both occupy; see `Coverage`."""
    both = (reference[:-1] > 0) & (model[:-1] > 0)
    return float(model[:-1][both].sum() / model.sum())


def _resampled(group: BlockSums, generator: np.random.Generator) -> Counts:
    n = len(group.pairs)
    times = np.bincount(generator.integers(n, size=n), minlength=n).astype(np.float64)
    return np.tensordot(times, group.values, 1)


def _by_time(trajectories: Sequence[ArrayLike]) -> NDArray[np.int64]:
    """All frames by time, then replica, so that thinning them evenly takes from every replica."""
    arrays = [np.asarray(trajectory) for trajectory in trajectories]
    shares = np.concatenate([np.arange(len(array)) / len(array) for array in arrays])
    return np.concatenate(arrays)[np.argsort(shares, kind="stable")]
