"""Discrete states that both sides of a report share, and the metastable sets they form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.clusters import Clusters, k_means
from ase_tito.analysis.markov import MarkovModel, markov_model
from ase_tito.analysis.metastable import metastable_sets
from ase_tito.analysis.report.basis import Basis, Runs, stride_for
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.report.observe import Observed
from ase_tito.analysis.report.statistics import Statistics

MOST_SETS = 4
"""Metastable sets."""


@dataclass(frozen=True, eq=False)
class StateRuns:
    """One side's frames, thinned, as states.

    Attributes
    ----------
    states : list of array of int, each (T_i,)
    projections : list of array, each (T_i, d)
        TICA components of the same frames.
    frame_spacing_ps : float
    """

    states: list[NDArray[np.int64]]
    projections: Runs
    frame_spacing_ps: float


@dataclass(frozen=True, eq=False)
class States:
    """Cells in the TICA components, and what the side that TICA was fitted to says of them.

    Attributes
    ----------
    clusters : Clusters
    model : MarkovModel
        At the lag of TICA, of the reference if there is one.
    sets : array of int, shape (n_states,)
        Metastable set of each state, the most populated first.
    sides : dict of str to StateRuns
        ``'reference'``, if there is one, and ``'model'``.
    """

    clusters: Clusters
    model: MarkovModel
    sets: NDArray[np.int64]
    sides: dict[str, StateRuns]

    @property
    def set_centres(self) -> NDArray[np.float64]:
        """Mean of each set's cell centres, each weighed by its population, shape (k, d)."""
        weights = np.full(len(self.sets), 1e-12)
        weights[self.model.states] += self.model.stationary
        return np.stack(
            [
                np.average(self.clusters.centres[members], axis=0, weights=weights[members])
                for members in (self.sets == k for k in range(int(self.sets.max()) + 1))
            ]
        )

    def most_populated(self, members: int) -> int:
        """The state of a set in which equilibrium is most often."""
        inside = self.sets[self.model.states] == members
        return int(self.model.states[inside][np.argmax(self.model.stationary[inside])])


def find_states(
    basis: Basis,
    reference: Observed | None,
    model: Observed,
    statistics: Statistics,
    notes: Notes,
) -> States | None:
    """Cluster the reference (or the model alone), and assign the frames of both sides."""
    settings = statistics.settings
    clusters = notes.attempt(
        "Markov model", lambda: k_means(basis.fitted_to, settings.states, seed=settings.seed)
    )
    if clusters is None:
        return None
    sides = {}
    for name, side, runs in (
        ("reference", reference, basis.reference),
        ("model", model, basis.model),
    ):
        if side is not None and runs is not None:
            fitted_lag = [basis.slow_lag_ps] if runs is basis.fitted_to else []
            stride = stride_for(side, basis.lag_time_ps, *fitted_lag)
            thin = [run[::stride] for run in runs]
            sides[name] = StateRuns(
                [clusters.assign(run) for run in thin], thin, stride * side.frame_spacing_ps
            )
    first = next(iter(sides.values()))
    fitted = notes.attempt(
        "Markov model",
        lambda: markov_model(
            first.states,
            frame_spacing_ps=first.frame_spacing_ps,
            lag_time_ps=basis.slow_lag_ps,
            n_states=len(clusters.centres),
        ),
    )
    if fitted is None:
        return None
    count = int(np.sum(fitted.spectrum.resolved)) + 1
    sets = notes.attempt(
        "Metastable sets",
        lambda: metastable_sets(fitted, min(max(count, 2), MOST_SETS, len(fitted.states))),
    )
    if sets is None:
        return None
    # States the fitted model does not reach belong to the set of the nearest that it does.
    known = np.flatnonzero(sets >= 0)
    offsets = clusters.centres[:, None] - clusters.centres[known]
    sets = np.asarray(sets[known][np.argmin((offsets**2).sum(-1), axis=1)])
    return States(clusters, fitted, sets, sides)
