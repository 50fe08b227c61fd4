"""Conditional densities in a report: where a side goes from one state, at growing lags."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.correlation import lag_in_frames
from ase_tito.analysis.histograms import Histogram, histogram
from ase_tito.analysis.markov import MarkovModel, markov_model
from ase_tito.analysis.report.basis import Basis
from ase_tito.analysis.report.jumps import SingleJumps
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.report.observe import Coordinates
from ase_tito.analysis.report.result import CountedRelaxation, Relaxation
from ase_tito.analysis.report.states import StateRuns, States
from ase_tito.analysis.report.statistics import LEVEL, SCAN_RESAMPLES, Statistics
from ase_tito.analysis.transients import (
    Transient,
    counted_transient,
    markov_transient,
    sampled_transient,
    transient_agreement,
    transient_intervals,
)
from ase_tito.errors import DataError

MULTIPLES = (1, 2, 5, 10)
"""Lags, in units of the one at which kinetics are compared."""

BINS = 30
"""Of the slowest coordinate."""


def relaxations(
    basis: Basis,
    coordinates: Coordinates,
    states: States,
    block_time_ps: float,
    jumps: SingleJumps | None,
    statistics: Statistics,
    notes: Notes,
) -> tuple[Relaxation, ...]:
    """From the most populated state of each metastable set, and from where jumps were made."""
    model = notes.attempt("Conditional densities", lambda: _markov_model(basis, states))
    if model is None:
        return ()
    first = next(iter(states.sides.values()))
    longest = max(map(len, first.states)) * first.frame_spacing_ps / 3
    lags = [n * basis.lag_time_ps for n in MULTIPLES if n * basis.lag_time_ps <= longest]
    starts: list[tuple[str, int, Sequence[float], SingleJumps | None]] = [
        (f"set {k + 1}", states.most_populated(k), lags, None)
        for k in range(int(states.sets.max()) + 1)
    ]
    if jumps is not None:
        (state,) = states.clusters.assign(basis.project(coordinates, jumps.start[None])).tolist()
        starts.append(("single jumps", state, jumps.lag_times_ps, jumps))
    found = []
    for name, state, lags_ps, made in starts:
        relaxation = notes.attempt(
            f"Conditional densities from {name}",
            lambda name=name, state=state, lags_ps=lags_ps, made=made: _relaxation(  # type: ignore[misc]
                name,
                state,
                lags_ps,
                model,
                states,
                block_time_ps,
                None if made is None else _projected(basis, coordinates, made),
                statistics,
            ),
        )
        found.append(relaxation)
    return tuple(relaxation for relaxation in found if relaxation is not None)


def _relaxation(
    name: str,
    state: int,
    lags_ps: Sequence[float],
    model: MarkovModel,
    states: States,
    block_time_ps: float,
    jumped: Sequence[NDArray[np.float64]] | None,
    statistics: Statistics,
) -> Relaxation:
    first = next(iter(states.sides.values()))
    edge = _edges(first)
    widths = np.diff(edge)
    expected = markov_transient(
        model, _slowest(first), first.states, state, lag_times_ps=lags_ps, edges=[edge]
    )
    sides = {
        side: _counted(side, runs, state, lags_ps, edge, expected, block_time_ps, statistics)
        for side, runs in states.sides.items()
        if side == "reference" or jumped is None
    }
    if jumped is not None:
        sampled = sampled_transient(jumped, lags_ps, [edge])
        sides["jumps"] = _against(sampled, expected, statistics)
    everything = histogram(np.concatenate(_slowest(first)), [edge])
    return Relaxation(
        name,
        states.clusters.centres[state],
        np.array(lags_ps, np.float64),
        (edge[1:] + edge[:-1]) / 2,
        np.stack([_density(h, widths) for h in expected.histograms]),
        _density(everything, widths),
        sides,
    )


def _counted(
    name: str,
    runs: StateRuns,
    state: int,
    lags_ps: Sequence[float],
    edge: NDArray[np.float64],
    expected: Transient,
    block_time_ps: float,
    statistics: Statistics,
) -> CountedRelaxation:
    """From all visits of a side to the state."""
    slowest = _slowest(runs)
    found = _against(
        counted_transient(
            slowest,
            runs.states,
            state,
            frame_spacing_ps=runs.frame_spacing_ps,
            lag_times_ps=lags_ps,
            edges=[edge],
        ),
        expected,
        statistics,
    )
    intervals = [
        transient_intervals(
            slowest,
            runs.states,
            state,
            frame_spacing_ps=runs.frame_spacing_ps,
            lag_times_ps=[lag_ps],
            edges=[edge],
            # cut into equal pieces, so that none is shorter than the lag
            block_time_ps=max(block_time_ps, 1.5 * lag_ps + runs.frame_spacing_ps),
            generator=statistics.generator(f"{name} {state} {lag_ps} transient"),
            resamples=SCAN_RESAMPLES,
            level=LEVEL,
        )[0]
        for lag_ps in lags_ps
    ]
    widths = np.diff(edge)
    return CountedRelaxation(
        found.frames,
        found.density,
        np.stack([interval.low[:-1] / widths for interval in intervals]),
        np.stack([interval.high[:-1] / widths for interval in intervals]),
        found.jsd,
        found.floor,
    )


def _against(found: Transient, expected: Transient, statistics: Statistics) -> CountedRelaxation:
    agreements = transient_agreement(
        expected, found, generator=statistics.generator("transient floor")
    )
    (edge,) = found.histograms[0].edges
    return CountedRelaxation(
        np.array([counts.samples for counts in found.histograms]),
        np.stack([_density(counts, np.diff(edge)) for counts in found.histograms]),
        None,
        None,
        np.array([each.divergence.jsd for each in agreements]),
        np.array([[each.floor.mean, each.floor.low, each.floor.high] for each in agreements]),
    )


def _markov_model(basis: Basis, states: States) -> MarkovModel:
    """That of the states, or one whose lag divides the lags that are compared."""
    try:
        lag_in_frames(basis.lag_time_ps, basis.slow_lag_ps)
        return states.model
    except DataError:
        first = next(iter(states.sides.values()))
        return markov_model(
            first.states,
            frame_spacing_ps=first.frame_spacing_ps,
            lag_time_ps=basis.lag_time_ps,
            n_states=len(states.sets),
        )


def _projected(
    basis: Basis, coordinates: Coordinates, jumps: SingleJumps
) -> list[NDArray[np.float64]]:
    """Slowest coordinate of the jumps' ends that are finite."""
    return [
        basis.project(coordinates, part[np.isfinite(part).all((1, 2))])[:, 0]
        for part in jumps.positions
    ]


def _slowest(runs: StateRuns) -> list[NDArray[np.float64]]:
    return [run[:, 0] for run in runs.projections]


def _edges(runs: StateRuns) -> NDArray[np.float64]:
    low, high = np.quantile(np.concatenate(_slowest(runs)), [0.0005, 0.9995])
    return np.linspace(low, high, BINS + 1)


def _density(counts: Histogram, widths: NDArray[np.float64]) -> NDArray[np.float64]:
    total = counts.counts.sum() + counts.outside
    return np.asarray(counts.counts / total / widths)
