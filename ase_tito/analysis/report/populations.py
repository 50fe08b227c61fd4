"""Metastable sets in a report: how populated, and how long from one to another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.blocks import block_slices
from ase_tito.analysis.bootstrap import block_bootstrap
from ase_tito.analysis.correlation import lag_in_frames
from ase_tito.analysis.markov import MarkovModel, markov_interval, transition_counts
from ase_tito.analysis.metastable import mean_first_passage_time
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.report.result import Populations
from ase_tito.analysis.report.states import StateRuns
from ase_tito.analysis.report.statistics import LEVEL, SCAN_RESAMPLES, Statistics


def populations(
    name: str,
    side: StateRuns,
    sets: NDArray[np.int64],
    lag_ps: float,
    block_time_ps: float,
    statistics: Statistics,
    notes: Notes,
) -> Populations | None:
    """Shares of the frames in each set, and mean first-passage times between them."""
    count = int(sets.max()) + 1
    block = max(1, round(block_time_ps / side.frame_spacing_ps))
    indicators = np.concatenate(
        [(sets[run][:, None] == np.arange(count)).astype(np.float64) for run in side.states]
    )
    slices = block_slices([len(run) for run in side.states], block)
    shares = notes.attempt(
        f"Populations of the {name}",
        lambda: block_bootstrap(
            [np.stack([indicators[part].sum(0) for part in slices])],
            lambda part: part.sum(0) / part.sum(),
            1,
            generator=statistics.generator(f"{name} populations"),
            resamples=statistics.settings.resamples,
            level=LEVEL,
        ),
    )
    if shares is None:
        return None
    members = [np.flatnonzero(sets == k) for k in range(count)]

    def passages(model: MarkovModel) -> NDArray[np.float64]:
        times = np.full((count, count), np.nan)
        for a in range(count):
            for b in range(count):
                if a != b and all(np.isin(members[k], model.states).any() for k in (a, b)):
                    times[a, b] = mean_first_passage_time(model, members[a], members[b])
        return times

    interval = notes.attempt(
        f"Passage times of the {name}",
        lambda: markov_interval(
            transition_counts(
                side.states,
                lag_in_frames(lag_ps, side.frame_spacing_ps),
                n_states=len(sets),
                block_length=block,
            ),
            passages,
            lag_time_ps=lag_ps,
            generator=statistics.generator(f"{name} passages"),
            resamples=SCAN_RESAMPLES,
        ),
    )
    return Populations(
        np.column_stack([shares.estimate, shares.low, shares.high]),
        None
        if interval is None
        else np.stack([interval.estimate, interval.low, interval.high], axis=-1),
    )
