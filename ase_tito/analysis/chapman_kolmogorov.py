"""The Chapman–Kolmogorov test: does a Markov model predict what happens over longer lags?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.block_sums import BlockSums, bootstrap_sums
from ase_tito.analysis.correlation import lag_in_frames
from ase_tito.analysis.markov import markov_model_of_counts, transition_counts
from ase_tito.errors import DataError


@dataclass(frozen=True, eq=False)
class ChapmanKolmogorov:
    """Probabilities of going from set to set, predicted and counted.

    Attributes
    ----------
    lag_times_ps : array, shape (L,)
        Multiples of the model's lag.
    predicted, counted : array, shape (L, k, k)
        P(in set j a lag later | in set i), from powers of the transition matrix and from the
        transitions over that lag; within a set, states weigh as in the model's equilibrium.
        nan where a set has no transitions over a lag.
    low, high : array, shape (L, k, k)
        Block-bootstrap interval of counted − predicted.
    level : float
    blocks : int
    """

    lag_times_ps: NDArray[np.float64]
    predicted: NDArray[np.float64]
    counted: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    level: float
    blocks: int

    @property
    def largest_deviation(self) -> float:
        """The largest of abs(counted − predicted); nan if nothing was counted."""
        deviations = np.abs(self.counted - self.predicted)
        known = deviations[np.isfinite(deviations)]
        return float(known.max()) if len(known) else np.nan

    @property
    def share_within(self) -> float:
        """Share of the deviations whose interval holds zero; about `level` for Markov data.

        Nan if no interval is known.
        """
        known = np.isfinite(self.low) & np.isfinite(self.high)
        holds = (self.low[known] <= 0) & (self.high[known] >= 0)
        return float(holds.mean()) if len(holds) else np.nan


def chapman_kolmogorov(
    state_trajectories: Sequence[ArrayLike],
    sets: ArrayLike,
    *,
    frame_spacing_ps: float,
    lag_time_ps: float,
    block_time_ps: float,
    generator: np.random.Generator,
    multiples: Sequence[int] = (2, 3, 4, 5),
    reversible: bool = True,
    resamples: int = 100,
    level: float = 0.95,
) -> ChapmanKolmogorov:
    """Compare T(τ)^n with T(nτ), between sets of states.

    Parameters
    ----------
    state_trajectories : sequence of array_like of int, each of shape (T_i,)
    sets : array_like of int, shape (n_states,)
        Set of each state, for instance from `metastable_sets`; −1 for none.
    frame_spacing_ps, lag_time_ps : float
    block_time_ps : float
        Length of the bootstrap's blocks, long against the slowest timescale.
    generator : numpy.random.Generator
    multiples : sequence of int
        n, each at least 1.
    reversible : bool
        As in `markov_model`.
    resamples, level
        As in `bootstrap_sums`.

    References
    ----------
    J.-H. Prinz et al., J. Chem. Phys. 134, 174105 (2011), section IV.F.
    """
    labels = np.asarray(sets, np.int64)
    if labels.ndim != 1 or labels.max(initial=-1) < 1:
        raise DataError("sets must give each state a number, and be two at least")
    if not len(multiples) or min(multiples) < 1:
        raise DataError("multiples of the lag must be whole numbers from 1")
    lag = lag_in_frames(lag_time_ps, frame_spacing_ps)
    # One set of blocks for all lags, that of the longest, so that they are resampled together.
    longest = lag * max(multiples)
    length = max(1, round(block_time_ps / frame_spacing_ps))
    runs = _long_enough(state_trajectories, longest)
    counts = [
        transition_counts(
            [states[: len(states) - longest + lag * n] for states in runs],
            lag * n,
            n_states=len(labels),
            block_length=length,
        )
        for n in (1, *multiples)
    ]
    joint = BlockSums(np.stack([c.values for c in counts], axis=1), counts[0].pairs, longest)
    indicator = (labels[:, None] == np.arange(labels.max() + 1)).astype(float)
    pairs = int(counts[0].pairs.sum())

    def both(total: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        model = markov_model_of_counts(total[0], lag_time_ps, lag, pairs, reversible=reversible)
        members = indicator[model.states]
        start = model.stationary[:, None] * members
        with np.errstate(invalid="ignore", divide="ignore"):
            conditional = (start / start.sum(0)).T
            predicted = [model.propagated(conditional, n) @ members for n in multiples]
            within = total[1:, model.states][:, :, model.states]
            leaving = within.sum(2)
            # States that nothing left over the longer lag say nothing of it.
            weights = start * (leaving > 0)[..., None]
            rows = np.nan_to_num(within / leaving[..., None])
            counted = np.einsum("lia,lij,jb->lab", weights, rows, members)
            counted = counted / weights.sum(1)[..., None]
        return np.stack(predicted), counted

    def deviation(total: NDArray[np.float64]) -> NDArray[np.float64]:
        predicted, counted = both(total)
        return counted - predicted

    predicted, counted = both(joint.total)
    interval = bootstrap_sums(
        [joint], deviation, generator=generator, resamples=resamples, level=level
    )
    return ChapmanKolmogorov(
        lag_time_ps * np.array(multiples, np.float64),
        predicted,
        counted,
        interval.low,
        interval.high,
        level,
        interval.blocks,
    )


def _long_enough(trajectories: Sequence[ArrayLike], frames: int) -> list[NDArray[np.int64]]:
    kept = [np.asarray(states) for states in trajectories if len(np.asarray(states)) > frames]
    if not kept:
        raise DataError(
            f"no trajectory is longer than {frames} frames, the longest lag of the test"
        )
    return kept
