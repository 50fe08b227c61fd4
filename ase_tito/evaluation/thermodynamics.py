"""A model's stationary distribution beside MD's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis import (
    EqualCounts,
    Floor,
    at_equal_counts,
    block_bootstrap,
    half_against_half,
    multinomial_floor,
    torsion_divergence,
    torsion_histogram,
)


@dataclass(frozen=True)
class TorsionAgreement:
    """JSD of torsions (nats) beside its floors.

    Attributes
    ----------
    jsd : float
        All frames of the model against all of the MD.
    n_reference, n_model : int
        Frames.
    halves : Floor
        MD against MD, all frames of either half.
    equal_counts : EqualCounts
        Model and MD, each in the same number, against the same halves of the MD.
    independent : Floor
        What uncorrelated frames would give at the counts of `jsd`; a lower bound.
    """

    jsd: float
    n_reference: int
    n_model: int
    halves: Floor
    equal_counts: EqualCounts
    independent: Floor


def torsion_agreement(
    runs: Sequence[NDArray[np.float64]],
    model: NDArray[np.float64],
    *,
    block_length: int,
    generator: np.random.Generator,
    bins: int = 36,
) -> TorsionAgreement:
    """Compare torsions (T, k) of a model with those of several MD runs; see `TorsionAgreement`."""

    def jsd(reference: NDArray[np.float64], other: NDArray[np.float64]) -> float:
        return torsion_divergence(reference, other, bins=bins).jsd

    every = np.concatenate(list(runs))
    return TorsionAgreement(
        jsd(every, model),
        len(every),
        len(model),
        half_against_half(runs, jsd, block_length, generator=generator),
        at_equal_counts(runs, model, jsd, block_length, generator=generator),
        multinomial_floor(
            torsion_histogram(every, bins).counts, len(every), len(model), generator=generator
        ),
    )


@dataclass(frozen=True)
class Population:
    """Share of frames in a region, with its block-bootstrap interval."""

    share: float
    low: float
    high: float
    level: float
    blocks: int


def population(
    trajectories: Sequence[ArrayLike],
    region: Callable[[NDArray[np.float64]], NDArray[np.bool_]],
    block_length: int,
    *,
    generator: np.random.Generator,
    level: float = 0.95,
) -> Population:
    """Share of the frames of several trajectories in a region.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i, ...)
    region : callable
        Frames (T, ...) to booleans (T,).
    block_length : int
        In frames; see `block_bootstrap`.
    generator : numpy.random.Generator
    level : float
    """
    interval = block_bootstrap(
        [region(np.asarray(trajectory)).astype(float) for trajectory in trajectories],
        np.mean,
        block_length,
        generator=generator,
        level=level,
    )
    return Population(
        float(interval.estimate), float(interval.low), float(interval.high), level, interval.blocks
    )


@dataclass(frozen=True)
class Spread:
    """Where a distribution lies: its quartiles, mean and standard deviation."""

    quartile_1: float
    median: float
    quartile_3: float
    mean: float
    std: float
    samples: int


def spread(values: ArrayLike) -> Spread:
    """The spread of one quantity, shape (T,)."""
    array = np.asarray(values, np.float64).ravel()
    low, median, high = np.quantile(array, [0.25, 0.5, 0.75])
    return Spread(
        float(low), float(median), float(high), float(array.mean()), float(array.std()), len(array)
    )
