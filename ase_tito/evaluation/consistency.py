"""Jumps that a report on trajectories cannot find in them: made anew, from frames they hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.report import DoubledJumps, SingleJumps
from ase_tito.evaluation.samples import BATCH_SIZE, sample_jumps
from ase_tito.graph import MolecularGraph
from ase_tito.transfer.implicit import ImplicitTransferOperator

Progress = Callable[[int], object]

PART = 2 * BATCH_SIZE
"""Jumps between two calls of `Progress`."""


def doubling_lag(operator: ImplicitTransferOperator, lag_time_ps: float) -> float:
    """The lag τ in ps next to a given one for which both τ and 2τ are in the model's range."""
    low, high = operator.domain.lag_range_ps
    return float(max(low, min(lag_time_ps, high / 2)))


def make_doubled_jumps(
    operator: ImplicitTransferOperator,
    graph: MolecularGraph,
    starts: ArrayLike,
    lag_time_ps: float,
    *,
    temperature_K: float,
    seed: int,
    progress: Progress = lambda _: None,
) -> DoubledJumps:
    """One jump of 2τ and two of τ, from each of some frames; first proposals, valid or not.

    Parameters
    ----------
    operator : ImplicitTransferOperator
    graph : MolecularGraph
    starts : array_like, shape (P, n, 3)
        Frames in Å, spread as in equilibrium.
    lag_time_ps : float
        τ; see `doubling_lag`.
    temperature_K : float
    seed : int
        The three jumps from a frame have seeds of their own, and so independent noise.
    progress : callable
        Called with the number of jumps made since the last call.

    Raises
    ------
    DomainError
        For a molecule, temperature or lag the model was not trained on.
    """
    frames = np.asarray(starts)
    one, first, second = (np.random.SeedSequence([seed, k]).generate_state(1)[0] for k in range(3))

    def jumped(begin: NDArray, lag_ps: float, key: np.uint32) -> NDArray[np.float32]:
        return _jumps(operator, graph, begin, lag_ps, temperature_K, int(key), progress)

    return DoubledJumps(
        lag_time_ps,
        frames,
        jumped(frames, 2 * lag_time_ps, one),
        jumped(jumped(frames, lag_time_ps, first), lag_time_ps, second),
    )


def make_single_jumps(
    operator: ImplicitTransferOperator,
    graph: MolecularGraph,
    start: ArrayLike,
    lag_times_ps: Sequence[float],
    count: int,
    *,
    temperature_K: float,
    seed: int,
    progress: Progress = lambda _: None,
) -> SingleJumps:
    """Jumps of several lags from one frame; first proposals, valid or not.

    Parameters
    ----------
    operator, graph, temperature_K, seed, progress
        As for `make_doubled_jumps`.
    start : array_like, shape (n, 3)
        In Å.
    lag_times_ps : sequence of float
    count : int
        Jumps of each lag.
    """
    frame = np.asarray(start)
    repeated = np.repeat(frame[None], count, axis=0)
    return SingleJumps(
        frame,
        tuple(map(float, lag_times_ps)),
        tuple(
            _jumps(operator, graph, repeated, lag_ps, temperature_K, seed, progress)
            for lag_ps in lag_times_ps
        ),
    )


def _jumps(
    operator: ImplicitTransferOperator,
    graph: MolecularGraph,
    starts: NDArray,
    lag_time_ps: float,
    temperature_K: float,
    seed: int,
    progress: Progress,
) -> NDArray[np.float32]:
    """Where jumps end (P, n, 3); a jump from a frame that is not finite ends nowhere."""
    ends = np.full(starts.shape, np.nan, np.float32)
    possible = np.flatnonzero(np.isfinite(starts).all((1, 2)))
    for k in range(0, len(possible), PART):
        part = possible[k : k + PART]
        ends[part] = sample_jumps(
            operator,
            graph,
            starts[part],
            lag_time_ps,
            temperature_K=temperature_K,
            seed=seed,
            first_replica=k,
        ).positions[0]
        progress(len(part))
    return ends
