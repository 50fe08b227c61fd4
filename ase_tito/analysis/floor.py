"""The floor of a divergence: what MD gives against independent MD at the same sample counts.

Finite samples bias a divergence upwards, so a perfect model does not get zero. What speaks of
the model is the excess over the floor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.blocks import block_slices, concatenated
from ase_tito.analysis.divergence import jensen_shannon
from ase_tito.errors import DataError

Figure = Callable[[NDArray[np.float64], NDArray[np.float64]], float]
"""A figure of two sets of frames (T, ...): reference first."""


@dataclass(frozen=True)
class Floor:
    """A figure of MD against MD, over several ways to halve it.

    Attributes
    ----------
    mean, low, high : float
        Over the halvings: mean, and their 2.5 % and 97.5 % quantiles.
    n_reference, n_model : int
        Frames on either side.
    """

    mean: float
    low: float
    high: float
    n_reference: int
    n_model: int


@dataclass(frozen=True)
class EqualCounts:
    """A model against MD, and MD against MD, at the same sample counts.

    Attributes
    ----------
    model : Floor
        The model's frames, thinned to `n_model`, against one half of the MD.
    floor : Floor
        The other half of the MD, thinned to as many, against the same half.
    excess : float
        Difference of the means: what the model adds to the noise of finite MD.
    """

    model: Floor
    floor: Floor

    @property
    def excess(self) -> float:
        return self.model.mean - self.floor.mean


def half_against_half(
    trajectories: Sequence[ArrayLike],
    figure: Figure,
    block_length: int,
    *,
    generator: np.random.Generator,
    counts: tuple[int, int] | None = None,
    splits: int = 20,
) -> Floor:
    """A figure of one random half of the MD's blocks against the other half.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i, ...)
        Independent MD runs with equally spaced frames.
    figure : callable
        (frames, frames) to a number; for instance
        ``lambda a, b: torsion_divergence(a, b).jsd``.
    block_length : int
        Frames per block. The halves are independent only if blocks are long against the slowest
        correlation: compare `statistical_inefficiency`.
    generator : numpy.random.Generator
    counts : (int, int), optional
        Frames on the reference's and on the model's side; each half is thinned evenly to them.
        All of each half by default.
    splits : int
        Random halvings to average over.

    Raises
    ------
    DataError
        If a half holds fewer frames than asked for: frames are never used twice, for that
        would make the two sides look more alike, or noisier, than independent MD.

    Notes
    -----
    The frames within a half stay as correlated as the MD's are, so the floor holds the sampling
    error that the MD has. Independent frames in the same number would do better:
    see `multinomial_floor`.
    """
    frames, lengths = concatenated(trajectories)
    values = []
    size = (0, 0)
    for first, second in _halvings(frames, lengths, block_length, generator, splits):
        if counts is not None:
            first, second = thinned(first, counts[0]), thinned(second, counts[1])
        size = (len(first), len(second))
        values.append(figure(first, second))
    return _floor(values, size)


def at_equal_counts(
    trajectories: Sequence[ArrayLike],
    model: ArrayLike,
    figure: Figure,
    block_length: int,
    *,
    generator: np.random.Generator,
    splits: int = 20,
) -> EqualCounts:
    """A model's figure beside the floor, like with like.

    Each time a random half of the MD is the reference, once for the model's frames and once for
    the other half of the MD, both thinned to the smaller number of the two.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i, ...)
        Independent MD runs with equally spaced frames.
    model : array_like, shape (T, ...)
        The model's frames; it is thinned evenly, so order them by time, then replica.
    figure, block_length, generator, splits
        As in `half_against_half`.
    """
    frames, lengths = concatenated(trajectories)
    sampled = np.asarray(model, np.float64)
    of_model, of_md = [], []
    size = (0, 0)
    for first, second in _halvings(frames, lengths, block_length, generator, splits):
        count = min(len(second), len(sampled))
        of_model.append(figure(first, thinned(sampled, count)))
        of_md.append(figure(first, thinned(second, count)))
        size = (len(first), count)
    return EqualCounts(_floor(of_model, size), _floor(of_md, size))


def multinomial_floor(
    probabilities: ArrayLike,
    n_reference: int,
    n_model: int,
    *,
    generator: np.random.Generator,
    repeats: int = 100,
) -> Floor:
    """JSD of two independent sets of *uncorrelated* frames from the same distribution.

    Parameters
    ----------
    probabilities : array_like of any shape
        Bins of the distribution, for instance the reference's histogram; normalized here.
    n_reference, n_model : int
        Frames on either side, at any counts.
    generator : numpy.random.Generator
    repeats : int

    Notes
    -----
    A lower bound of the floor: MD's frames are correlated and tell less than their number says.
    The bins a finite reference left empty are missing as well.
    """
    p = np.asarray(probabilities, np.float64).ravel()
    p = p / p.sum()
    values = [
        jensen_shannon(generator.multinomial(n_reference, p), generator.multinomial(n_model, p))
        for _ in range(repeats)
    ]
    return _floor(values, (n_reference, n_model))


def thinned(frames: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """`count` frames, evenly spread over the given ones.

    Raises
    ------
    DataError
        If there are fewer frames.
    """
    if not 1 <= count <= len(frames):
        raise DataError(
            f"{count} frames are asked for where there are {len(frames)}; use fewer of the model's"
            " frames, or multinomial_floor for counts beyond the MD's"
        )
    return frames[(np.arange(count) * len(frames)) // count]


def _halvings(
    frames: NDArray[np.float64],
    lengths: list[int],
    block_length: int,
    generator: np.random.Generator,
    splits: int,
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    blocks = [np.arange(part.start, part.stop) for part in block_slices(lengths, block_length)]
    if len(blocks) < 2:
        raise DataError(f"{len(frames)} frames make one block of {block_length}: it has no halves")
    halves = []
    for _ in range(splits):
        order = generator.permutation(len(blocks))
        middle = len(blocks) // 2
        parts = [np.sort(part) for part in (order[:middle], order[middle:])]
        first, second = (np.concatenate([frames[blocks[k]] for k in part]) for part in parts)
        halves.append((first, second))
    return halves


def _floor(values: list[float], counts: tuple[int, int]) -> Floor:
    low, high = np.quantile(values, [0.025, 0.975])
    return Floor(float(np.mean(values)), float(low), float(high), *counts)
