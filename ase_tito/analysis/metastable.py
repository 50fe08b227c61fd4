"""Metastable sets of states, and how long it takes from one to another; both are deeptime's."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.markov import MarkovModel
from ase_tito.errors import DataError


def mean_first_passage_time(model: MarkovModel, origin: ArrayLike, target: ArrayLike) -> float:
    """Mean time in ps from one set of states to first being in another.

    Parameters
    ----------
    model : MarkovModel
    origin, target : int or array_like of int
        States; those that are not connected are left out. The start is drawn from the stationary
        distribution within `origin`.

    Raises
    ------
    DataError
        If a set has no connected state, or they overlap.

    Notes
    -----
    The process is seen once per lag: a visit to the target that begins and ends within one is
    missed, and passages take a whole number of lags. Both matter for times of a few lags only.
    """
    from deeptime.markov.tools.analysis import mfpt

    first, last = model.positions_of(origin), model.positions_of(target)
    if np.intersect1d(first, last).size:
        raise DataError("the origin and the target have a state in common")
    times = np.asarray(mfpt(model.transition_matrix, last))
    weights = model.stationary[first]
    return float(weights @ times[first] / weights.sum() * model.lag_time_ps)


def metastable_sets(model: MarkovModel, count: int) -> NDArray[np.int64]:
    """Sets of states that interchange slowly, by PCCA+.

    Parameters
    ----------
    model : MarkovModel
        A reversible one.
    count : int
        Number of sets.

    Returns
    -------
    array of int, shape (n_states,)
        Set of each state, the most populated first; −1 for states outside the model.

    Raises
    ------
    DataError
        For more sets than states, or eigenvectors that make no sets.

    References
    ----------
    S. Röblitz, M. Weber, Adv. Data Anal. Classif. 7, 147 (2013).
    """
    from deeptime.markov import pcca

    if not 1 <= count <= len(model.states):
        raise DataError(f"{len(model.states)} states cannot make {count} sets")
    try:
        memberships = pcca(model.transition_matrix, count, model.stationary).memberships
    except (AssertionError, ValueError) as error:
        # its eigenvectors are degenerate where few transitions are known
        raise DataError(
            f"the {len(model.states)} states cannot be told into {count} sets; use fewer states or"
            " more data"
        ) from error
    assigned = np.argmax(np.asarray(memberships), axis=1)
    populations = np.bincount(assigned, model.stationary, count)
    rank = np.empty(count, np.int64)
    rank[np.argsort(-populations)] = np.arange(count)
    sets = np.full(model.n_states, -1, np.int64)
    sets[model.states] = rank[assigned]
    return sets
