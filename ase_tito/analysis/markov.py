"""Markov state models: discrete states, transition counts, and what follows from them.

J.-H. Prinz et al., J. Chem. Phys. 134, 174105 (2011). The estimation is deeptime's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.block_sums import BlockSums, bootstrap_sums, sums_over_pairs
from ase_tito.analysis.blocks import concatenated
from ase_tito.analysis.bootstrap import Interval
from ase_tito.analysis.correlation import lag_in_frames
from ase_tito.analysis.spectrum import Spectrum
from ase_tito.errors import DataError

States = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MarkovModel:
    """A Markov state model on the largest set of states that are connected in both directions.

    Attributes
    ----------
    transition_matrix : array, shape (m, m)
        Rows sum to one.
    stationary : array, shape (m,)
    states : array of int, shape (m,)
        Which of the `n_states` states these are.
    n_states : int
    counted_share : float
        Share of the transitions that lie within those states.
    spectrum : Spectrum
        The eigenvalues but the first, by magnitude.
    """

    transition_matrix: NDArray[np.float64]
    stationary: NDArray[np.float64]
    states: NDArray[np.int64]
    n_states: int
    counted_share: float
    spectrum: Spectrum

    @property
    def lag_time_ps(self) -> float:
        return self.spectrum.lag_time_ps

    def propagated(self, probabilities: ArrayLike, steps: int) -> NDArray[np.float64]:
        """Probabilities (m,) or (k, m) after some steps of the lag: p T^steps."""
        return np.asarray(probabilities) @ np.linalg.matrix_power(self.transition_matrix, steps)

    def positions_of(self, states: ArrayLike) -> NDArray[np.int64]:
        """Rows of the matrix that belong to some of the states.

        Raises
        ------
        DataError
            If none of them is connected to the rest.
        """
        rows = np.flatnonzero(np.isin(self.states, np.atleast_1d(states)))
        if len(rows) == 0:
            raise DataError(
                f"no state of {np.atleast_1d(states).tolist()} is connected to the rest"
            )
        return rows


def transition_counts(
    state_trajectories: Sequence[ArrayLike],
    lag: int,
    *,
    n_states: int | None = None,
    block_length: int | None = None,
    weights: Sequence[ArrayLike] | None = None,
) -> BlockSums:
    """Transitions between states over a lag, counted at every frame.

    Parameters
    ----------
    state_trajectories : sequence of array_like of int, each of shape (T_i,)
        State of each frame, from 0. Pairs never cross a trajectory's end.
    lag : int
        In frames.
    n_states : int, optional
        One more than the highest state if not given.
    block_length : int, optional
        Pairs per block, for a bootstrap.
    weights : sequence of array_like, each of shape (T_i,), optional
        Weights of the frames; a pair has that of its first.

    Returns
    -------
    BlockSums
        With values of shape (B, n_states, n_states).

    Raises
    ------
    DataError
        For states that are negative, not whole, or above `n_states`.
    """
    every, lengths = concatenated(state_trajectories)
    if every.ndim != 1 or not np.array_equal(every, np.round(every)) or every.min(initial=0) < 0:
        raise DataError("states must be whole numbers from 0, one for each frame")
    states = every.astype(np.int64)
    n = int(states.max()) + 1 if n_states is None else n_states
    if states.max() >= n:
        raise DataError(f"state {int(states.max())} is beyond the {n} states there are")

    def counted(before: States, after: States, weight: NDArray[np.float64] | None) -> NDArray:
        return np.bincount(before * n + after, weight, n * n).reshape(n, n)

    return sums_over_pairs(
        states,
        lengths,
        lag,
        counted,
        block_length=len(states) if block_length is None else block_length,
        weights=weights,
    )


def markov_model(
    state_trajectories: Sequence[ArrayLike],
    *,
    frame_spacing_ps: float,
    lag_time_ps: float,
    n_states: int | None = None,
    weights: Sequence[ArrayLike] | None = None,
    reversible: bool = True,
) -> MarkovModel:
    """The Markov state model of greatest likelihood.

    Parameters
    ----------
    state_trajectories, n_states, weights
        As in `transition_counts`.
    frame_spacing_ps, lag_time_ps : float
        The lag must be a whole number of frames.
    reversible : bool
        Impose detailed balance.

    Raises
    ------
    DataError
        For a lag that does not fit, or if no two states are connected in both directions.
    """
    lag = lag_in_frames(lag_time_ps, frame_spacing_ps)
    sums = transition_counts(state_trajectories, lag, n_states=n_states, weights=weights)
    return markov_model_of_counts(
        sums.total, lag_time_ps, lag, int(sums.pairs.sum()), reversible=reversible
    )


def markov_model_of_counts(
    counts: NDArray[np.float64],
    lag_time_ps: float,
    lag: int,
    pairs: int,
    *,
    reversible: bool = True,
) -> MarkovModel:
    """The Markov state model of a matrix of transition counts; see `transition_counts`."""
    from deeptime.markov import TransitionCountModel
    from deeptime.markov.msm import MaximumLikelihoodMSM

    connected = TransitionCountModel(counts).submodel_largest(directed=True)
    if connected.n_states < 2:
        raise DataError(
            f"no two of the states are connected in both directions at {lag_time_ps:g} ps; use"
            " fewer states or more data"
        )
    fitted = MaximumLikelihoodMSM(reversible=reversible).fit(connected).fetch_model()
    matrix = np.asarray(fitted.transition_matrix)
    values = np.linalg.eigvals(matrix)
    values = values[np.argsort(-np.abs(values))][1:]
    return MarkovModel(
        matrix,
        np.asarray(fitted.stationary_distribution),
        np.asarray(connected.state_symbols, np.int64),
        len(counts),
        float(connected.count_matrix.sum() / counts.sum()),
        # The modulus of a complex one decays as |λ|^n as well.
        Spectrum(
            np.where(np.abs(values.imag) > 1e-9, np.abs(values), values.real),
            lag_time_ps,
            pairs,
            lag,
        ),
    )


def eigenvalues_of_counts(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eigenvalues but the first of the reversible model of a count matrix, shape (m − 1,)."""
    return markov_model_of_counts(counts, 1.0, 1, 1).spectrum.singular_values


def markov_interval(
    counts: BlockSums,
    statistic: Callable[[MarkovModel], ArrayLike],
    *,
    lag_time_ps: float,
    generator: np.random.Generator,
    reversible: bool = True,
    resamples: int = 200,
    level: float = 0.95,
) -> Interval:
    """Block-bootstrap interval of anything that follows from a Markov state model.

    Parameters
    ----------
    counts : BlockSums
        From `transition_counts` with blocks long against the slowest timescale.
    statistic : callable
        `MarkovModel` to a number or an array of fixed shape. States may be missing in a resampled
        model: address them by `positions_of`.
    lag_time_ps : float
    generator : numpy.random.Generator
    reversible : bool
    resamples, level
        As in `bootstrap_sums`.

    Notes
    -----
    Where a resampled model lacks the states that the statistic needs, its value counts as not
    known, above all others: the upper end of the interval is nan if that happens often.
    """
    pairs = int(counts.pairs.sum())

    def value(total: NDArray[np.float64]) -> NDArray[np.float64]:
        model = markov_model_of_counts(total, lag_time_ps, counts.lag, pairs, reversible=reversible)
        return np.asarray(statistic(model), np.float64)

    return bootstrap_sums([counts], value, generator=generator, resamples=resamples, level=level)
