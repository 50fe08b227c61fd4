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
from ase_tito.analysis.weights import weights_of_runs
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


def counts_of(numbers: ArrayLike, n_bins: int, weights: ArrayLike | None = None) -> Counts:
    """Frames in each bin, and last those outside, shape (n_bins + 1,).

    Parameters
    ----------
    numbers : array_like of int, shape (T,) or (T, m)
        One or several bins for each frame.
    n_bins : int
    weights : array_like, shape (T,), optional
        Of the frames; then it is the sum of their weights.
    """
    array = np.asarray(numbers)
    if weights is not None:
        weights = np.repeat(np.asarray(weights, np.float64), array.size // max(len(array), 1))
    flat = array.ravel().astype(np.int64)
    return np.bincount(flat, weights, n_bins + 1).astype(np.float64)


def agreement(
    reference: Sequence[ArrayLike],
    model: Sequence[ArrayLike],
    n_bins: int,
    figure: CountFigure,
    *,
    block_lengths: tuple[int, int],
    generator: np.random.Generator,
    reference_weights: Sequence[ArrayLike] | None = None,
    model_weights: Sequence[ArrayLike] | None = None,
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
    reference_weights, model_weights : sequence of array_like, each of shape (T_i,), optional
        Weights of the frames.
    splits : int
        Random halvings of the reference for the floor.
    resamples : int
    level : float

    Raises
    ------
    DataError
        For fewer than two blocks on either side, or weights that do not fit.

    Notes
    -----
    Resampling blocks repeats frames, which biases divergences upwards like having fewer of them.
    So the bootstrap's spread is taken about its own mean and laid around the value.
    """
    weights = (reference_weights, model_weights)
    groups = [
        counts_in_blocks(runs, n_bins, length, weight)
        for runs, length, weight in zip((reference, model), block_lengths, weights, strict=True)
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
            _with_weights(reference, reference_weights),
            _by_time(_with_weights(model, model_weights)),
            lambda *sides: figure(
                *(counts_of(side[:, :-1], n_bins, side[:, -1]) for side in sides)
            ),
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
    trajectories: Sequence[ArrayLike],
    n_bins: int,
    block_length: int,
    weights: Sequence[ArrayLike] | None = None,
) -> BlockSums:
    """Counts (B, n_bins + 1) of blocks of frames; see `agreement` for the arguments."""
    arrays = [np.asarray(trajectory) for trajectory in trajectories]
    every = np.concatenate(arrays)
    lengths = [len(array) for array in arrays]
    of_frames = weights_of_runs(weights, lengths)
    slices = block_slices(lengths, block_length)
    return BlockSums(
        np.stack(
            [
                counts_of(every[part], n_bins, None if of_frames is None else of_frames[part])
                for part in slices
            ]
        ),
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


def _with_weights(
    numbers: Sequence[ArrayLike], weights: Sequence[ArrayLike] | None
) -> list[NDArray[np.float64]]:
    """Bins (T_i, m) of each frame, and its weight as a last column."""
    arrays = [np.asarray(run, np.float64).reshape(len(np.asarray(run)), -1) for run in numbers]
    each = [np.ones(len(run)) for run in arrays] if weights is None else weights
    return [np.column_stack([run, weight]) for run, weight in zip(arrays, each, strict=True)]


def _by_time(trajectories: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """All frames by time, then replica, so that thinning them evenly takes from every replica."""
    arrays = [np.asarray(trajectory) for trajectory in trajectories]
    shares = np.concatenate([np.arange(len(array)) / len(array) for array in arrays])
    return np.concatenate(arrays)[np.argsort(shares, kind="stable")]
