"""Relaxation from one starting state: conditional densities at growing lags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.agreement import bin_numbers
from ase_tito.analysis.block_sums import bootstrap_sums, sums_over_pairs
from ase_tito.analysis.blocks import concatenated
from ase_tito.analysis.bootstrap import Interval
from ase_tito.analysis.correlation import lag_in_frames, lagged_starts
from ase_tito.analysis.divergence import Divergence, histogram_divergence
from ase_tito.analysis.floor import Floor, multinomial_floor
from ase_tito.analysis.histograms import Histogram, as_samples, histogram
from ase_tito.analysis.markov import MarkovModel
from ase_tito.errors import DataError


@dataclass(frozen=True, eq=False)
class Transient:
    """Densities of a coordinate at growing lags after one start.

    Attributes
    ----------
    lag_times_ps : tuple of float, length L
    histograms : tuple of Histogram, length L
        All on the same grid.
    """

    lag_times_ps: tuple[float, ...]
    histograms: tuple[Histogram, ...]


@dataclass(frozen=True)
class TransientAgreement:
    """A model's conditional density beside a reference's, at one lag.

    Attributes
    ----------
    lag_time_ps : float
    divergence : Divergence
    floor : Floor
        What as many independent samples on either side would give if both came from the
        reference's density; a lower bound, for MD's frames are correlated.
    """

    lag_time_ps: float
    divergence: Divergence
    floor: Floor


def sampled_transient(
    samples: Sequence[ArrayLike], lag_times_ps: Sequence[float], edges: Sequence[ArrayLike]
) -> Transient:
    """Densities of samples that were drawn from one start, for instance by a model's jumps.

    Parameters
    ----------
    samples : sequence of L array_like, each of shape (P_l, d) or (P_l,)
        The coordinate a lag after the start.
    lag_times_ps : sequence of float, length L
    edges : sequence of d arrays
        Of the bins; see `histogram`.
    """
    if len(samples) != len(lag_times_ps):
        raise DataError(f"{len(samples)} sets of samples do not fit {len(lag_times_ps)} lags")
    return Transient(
        tuple(map(float, lag_times_ps)), tuple(histogram(part, edges) for part in samples)
    )


def counted_transient(
    coordinates: Sequence[ArrayLike],
    state_trajectories: Sequence[ArrayLike],
    start_state: int,
    *,
    frame_spacing_ps: float,
    lag_times_ps: Sequence[float],
    edges: Sequence[ArrayLike],
) -> Transient:
    """Where MD goes from all its frames in one state: free of any model, but of few frames.

    Parameters
    ----------
    coordinates : sequence of array_like, each of shape (T_i, d)
    state_trajectories : sequence of array_like of int, each of shape (T_i,)
    start_state : int
    frame_spacing_ps : float
    lag_times_ps : sequence of float
        Whole numbers of frames.
    edges : sequence of d arrays

    Raises
    ------
    DataError
        If no frame of the state has another a lag later.
    """
    values, states, lengths = _together(coordinates, state_trajectories)
    found = []
    for lag_ps in lag_times_ps:
        lag = lag_in_frames(lag_ps, frame_spacing_ps)
        starts = lagged_starts(lengths, lag)
        starts = starts[states[starts] == start_state]
        if len(starts) == 0:
            raise DataError(f"no frame in state {start_state} has another {lag_ps:g} ps later")
        found.append(histogram(values[starts + lag], edges))
    return Transient(tuple(map(float, lag_times_ps)), tuple(found))


def transient_intervals(
    coordinates: Sequence[ArrayLike],
    state_trajectories: Sequence[ArrayLike],
    start_state: int,
    *,
    frame_spacing_ps: float,
    lag_times_ps: Sequence[float],
    edges: Sequence[ArrayLike],
    block_time_ps: float,
    generator: np.random.Generator,
    resamples: int = 200,
    level: float = 0.95,
) -> list[Interval]:
    """Shares of the bins in `counted_transient`, with their block-bootstrap intervals.

    Parameters
    ----------
    coordinates, state_trajectories, start_state, frame_spacing_ps, lag_times_ps, edges
        As in `counted_transient`.
    block_time_ps : float
        Length of the bootstrap's blocks, long against the slowest timescale.
    generator : numpy.random.Generator
    resamples, level
        As in `bootstrap_sums`.

    Returns
    -------
    list of Interval
        One for each lag, of shape (bins + 1,), row-major; the last is outside the grid.

    Raises
    ------
    DataError
        If no frame of the state has another a lag later, or blocks are too few or too short.
    """
    values, states, lengths = _together(coordinates, state_trajectories)
    bins = int(np.prod([len(np.asarray(edge)) - 1 for edge in edges]))
    frames = np.column_stack([states == start_state, bin_numbers(values, edges)])

    def landed(before: NDArray[np.int64], after: NDArray[np.int64], _: object) -> NDArray:
        return np.bincount(after[before[:, 0] == 1, 1], minlength=bins + 1)

    def shares(total: NDArray[np.float64]) -> NDArray[np.float64]:
        if not total.any():
            raise DataError(f"no frame in state {start_state} has another a lag later")
        return np.asarray(total / total.sum())

    found = []
    for lag_ps in lag_times_ps:
        sums = sums_over_pairs(
            frames,
            lengths,
            lag_in_frames(lag_ps, frame_spacing_ps),
            landed,
            block_length=max(1, round(block_time_ps / frame_spacing_ps)),
        )
        found.append(
            bootstrap_sums([sums], shares, generator=generator, resamples=resamples, level=level)
        )
    return found


def markov_transient(
    model: MarkovModel,
    coordinates: Sequence[ArrayLike],
    state_trajectories: Sequence[ArrayLike],
    start_state: int,
    *,
    lag_times_ps: Sequence[float],
    edges: Sequence[ArrayLike],
) -> Transient:
    """What a Markov state model expects: p(bin, nτ) = Σ_j (T^n)_ij p(bin | j).

    Parameters
    ----------
    model : MarkovModel
    coordinates : sequence of array_like, each of shape (T_i, d)
        MD, for the density p(bin | j) within each state.
    state_trajectories : sequence of array_like of int, each of shape (T_i,)
    start_state : int
    lag_times_ps : sequence of float
        Multiples of the model's lag.
    edges : sequence of d arrays

    Returns
    -------
    Transient
        Its histograms sum to one, what lies outside the bins included; `samples` are the MD's
        frames behind them.
    """
    values, states, _ = _together(coordinates, state_trajectories)
    parts = [histogram(values[states == state], edges) for state in model.states]
    inside = np.stack([part.counts / part.samples for part in parts])
    outside = np.array([part.outside / part.samples for part in parts])
    (row,) = model.positions_of(start_state)
    start = np.zeros(len(model.states))
    start[row] = 1.0
    found = []
    for lag_ps in lag_times_ps:
        p = model.propagated(start, lag_in_frames(lag_ps, model.lag_time_ps))
        found.append(
            Histogram(parts[0].edges, np.tensordot(p, inside, 1), float(p @ outside), len(values))
        )
    return Transient(tuple(map(float, lag_times_ps)), tuple(found))


def transient_agreement(
    reference: Transient,
    model: Transient,
    *,
    generator: np.random.Generator,
    repeats: int = 100,
) -> list[TransientAgreement]:
    """Divergence of a model's transient from a reference's, lag by lag, beside its floor.

    Parameters
    ----------
    reference : Transient
        For instance from `markov_transient`.
    model : Transient
        From independent samples, at the same lags and on the same grid.
    generator : numpy.random.Generator
    repeats : int
        Of the floor.

    Raises
    ------
    DataError
        For different lags or grids.
    """
    if not np.allclose(reference.lag_times_ps, model.lag_times_ps):
        raise DataError(
            f"transients at {reference.lag_times_ps} ps and {model.lag_times_ps} ps cannot be"
            " compared"
        )
    return [
        TransientAgreement(
            lag_ps,
            histogram_divergence(expected, found),
            multinomial_floor(
                np.append(expected.counts, expected.outside),
                expected.samples,
                found.samples,
                generator=generator,
                repeats=repeats,
            ),
        )
        for lag_ps, expected, found in zip(
            reference.lag_times_ps, reference.histograms, model.histograms, strict=True
        )
    ]


def _together(
    coordinates: Sequence[ArrayLike], state_trajectories: Sequence[ArrayLike]
) -> tuple[NDArray[np.float64], NDArray[np.int64], list[int]]:
    values, lengths = concatenated(coordinates)
    states, state_lengths = concatenated(state_trajectories)
    if lengths != state_lengths or states.ndim != 1:
        raise DataError("each trajectory needs one state for each of its frames")
    return as_samples(values), states.astype(np.int64), lengths
