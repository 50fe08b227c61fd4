"""The part of a report that depends on the order of frames, at equal physical lags."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.blocks import block_slices
from ase_tito.analysis.bootstrap import block_bootstrap
from ase_tito.analysis.chapman_kolmogorov import chapman_kolmogorov
from ase_tito.analysis.clusters import k_means
from ase_tito.analysis.correlation import lag_in_frames, statistical_inefficiency
from ase_tito.analysis.internals import sine_cosine
from ase_tito.analysis.kinetic_floor import kinetics_at_equal_counts
from ase_tito.analysis.lags import frames_per_lag, shortest_shared_lag_ps, strided
from ase_tito.analysis.markov import (
    MarkovModel,
    markov_interval,
    markov_model,
    transition_counts,
)
from ase_tito.analysis.memory import TorsionMemory, torsion_memory
from ase_tito.analysis.metastable import mean_first_passage_time, metastable_sets
from ase_tito.analysis.mixing import mixing
from ase_tito.analysis.report.observe import Coordinates, Observed
from ase_tito.analysis.report.result import Kinetics, Populations
from ase_tito.analysis.report.settings import SHORTEST_LAG_PS, ReportSettings
from ase_tito.analysis.report.statistics import LEVEL, Statistics
from ase_tito.analysis.tica import TicaModel, tica
from ase_tito.analysis.timescales import Method, TimescaleScan, timescale_error, timescale_scan
from ase_tito.analysis.vamp import vamp_gap, vamp_gap_intervals
from ase_tito.errors import DataError

T = TypeVar("T")
Runs = list[NDArray[np.float64]]

MOST_FRAMES = 200_000
"""TICA, VAMP and Markov models see every so many-th frame of longer data."""

PROJECTED = 50_000
"""Frames that are projected at once."""

FEWEST_BLOCKS = 10
"""Blocks are never chosen so long that fewer are left."""

MOST_LAGS = 9
"""In scans of lags."""

CLUSTERED = 3
"""TICA components that states of the Markov model are made of."""

MOST_SETS = 4
"""Metastable sets."""

SCAN_RESAMPLES = 100


class Notes(list[str]):
    """What could not be computed, and why."""

    def attempt(self, what: str, compute: Callable[[], T]) -> T | None:
        """The result, or None and a note if the data do not suffice."""
        try:
            return compute()
        except DataError as error:
            self.append(f"{what}: not available, for {error}.")
            return None


@dataclass(frozen=True, eq=False)
class Basis:
    """What both sides are projected onto.

    Attributes
    ----------
    tica : TicaModel
        Fitted to the reference, or to the model where there is none.
    lag_time_ps : float
    reference, model : list of array, each (T_i, d)
        TICA components, at most `CLUSTERED`.
    """

    tica: TicaModel
    lag_time_ps: float
    reference: Runs | None
    model: Runs


def features(observed: Observed, stride: int = 1) -> Runs:
    """Cosines and sines of the torsions of every so many-th frame; without torsions, of angles."""
    return [sine_cosine(run[::stride]) for run in _angles(observed)]


def choose_lag(settings: ReportSettings, reference: Observed | None, model: Observed) -> float:
    """The lag of TICA, VAMP and the Markov model, a whole number of frames of both sides."""
    spacings = [side.frame_spacing_ps for side in (reference, model) if side is not None]
    if settings.lag_time_ps is not None:
        frames_per_lag(settings.lag_time_ps, spacings)
        return settings.lag_time_ps
    shared = shortest_shared_lag_ps(spacings)
    return shared * ceil(SHORTEST_LAG_PS / shared - 1e-9)


def make_basis(reference: Observed | None, model: Observed, lag_time_ps: float) -> Basis:
    """Fit TICA to the reference (or the model alone), and project both sides."""
    fitted_to = model if reference is None else reference
    stride = _stride(fitted_to, lag_time_ps)
    fitted = tica(
        features(fitted_to, stride),
        frame_spacing_ps=fitted_to.frame_spacing_ps * stride,
        lag_time_ps=lag_time_ps,
    )
    dimensions = min(CLUSTERED, fitted.components.shape[1])

    def projected(side: Observed) -> Runs:
        # features are twice the torsions, in double precision: never of all frames at once
        return [
            np.concatenate(
                [fitted.project(sine_cosine(part), dimensions) for part in _parts(run, PROJECTED)]
            )
            for run in _angles(side)
        ]

    return Basis(
        fitted, lag_time_ps, None if reference is None else projected(reference), projected(model)
    )


def choose_block_time(
    settings: ReportSettings,
    basis: Basis,
    reference: Observed | None,
    model: Observed,
    notes: Notes,
) -> float:
    """Twice the correlation time of the slowest coordinate, as far as the data allow."""
    if settings.block_time_ps is not None:
        return settings.block_time_ps
    # the Chapman–Kolmogorov test looks five lags ahead
    wanted, longest = 5 * basis.lag_time_ps, np.inf
    for side, runs in ((reference, basis.reference), (model, basis.model)):
        if side is None or runs is None:
            continue
        g = statistical_inefficiency([run[:, 0] for run in runs])
        wanted = max(wanted, 2 * g * side.frame_spacing_ps)
        longest = min(longest, side.time_ps / FEWEST_BLOCKS)
    if wanted > longest:
        notes.append(
            f"Blocks of {wanted:,.3g} ps are wanted, twice the slowest correlation time or five"
            f" lags, and the data are too short for them: with blocks of {longest:,.3g} ps"
            " intervals and floors may be too narrow."
        )
    return float(min(wanted, longest))


def analyse_kinetics(
    coordinates: Coordinates,
    basis: Basis,
    block_time_ps: float,
    reference: Observed | None,
    model: Observed,
    statistics: Statistics,
    notes: Notes,
) -> Kinetics:
    """Timescales, scores, memory, Markov models and their tests, of both sides."""
    lag = basis.lag_time_ps
    sides = {"reference": (reference, basis.reference), "model": (model, basis.model)}
    found: dict[str, object] = {}
    thin: dict[str, tuple[Runs, float]] = {}
    shown = coordinates.shown
    for name, (side, projections) in sides.items():
        if side is None or projections is None:
            for what in ("mixing", "tica", "memory"):
                found[f"{name}_{what}"] = None
            continue
        stride = _stride(side, lag)
        runs, spacing = features(side, stride), side.frame_spacing_ps * stride
        thin[name] = runs, spacing
        lags = _scan(side, lag)
        slow = [run[:, 0] for run in projections]
        found[f"{name}_mixing"] = notes.attempt(
            f"Mixing of the {name}",
            lambda slow=slow: mixing(slow),  # type: ignore[misc]
        )
        found[f"{name}_tica"] = _scanned(
            name, runs, spacing, lags, "tica", block_time_ps, statistics, notes
        )
        found[f"{name}_memory"] = _memory(side, shown, block_time_ps, statistics, notes, name)
    markov = _markov(basis, reference, model, block_time_ps, statistics, notes)
    gap = intervals = floor = error = None
    if reference is not None:
        (first, first_ps), (second, second_ps) = thin["reference"], thin["model"]
        spacings: dict[str, Any] = {"reference_spacing_ps": first_ps, "model_spacing_ps": second_ps}
        gap = notes.attempt(
            "VAMP-2 gap", lambda: vamp_gap(first, second, lag_time_ps=lag, **spacings)
        )
        intervals = notes.attempt(
            "Interval of the VAMP-2 gap",
            lambda: vamp_gap_intervals(
                first,
                second,
                lag_time_ps=lag,
                block_time_ps=block_time_ps,
                generator=statistics.generator("vamp"),
                resamples=SCAN_RESAMPLES,
                **spacings,
            ),
        )
        coarse = strided(second, second_ps, lag)
        error = notes.attempt(
            "Timescale error",
            lambda: timescale_error(
                first, coarse, reference_spacing_ps=first_ps, model_spacing_ps=lag
            ),
        )
        floor = notes.attempt(
            "Floor of the kinetic figures",
            lambda: kinetics_at_equal_counts(
                first,
                coarse,
                reference_spacing_ps=first_ps,
                model_spacing_ps=lag,
                block_time_ps=block_time_ps,
                generator=statistics.generator("kinetic floor"),
                splits=statistics.settings.splits,
            ),
        )
    return Kinetics(
        lag_time_ps=lag,
        block_time_ps=block_time_ps,
        vamp_gap=gap,
        vamp_intervals=None
        if intervals is None
        else tuple(zip(intervals.low.tolist(), intervals.high.tolist(), strict=True)),  # type: ignore[arg-type]
        floor=floor,
        timescale_error=None if error is None else error.mean,
        timescale_error_release=None if error is None else error.mean_release,
        resolved=None if error is None else error.resolved,
        memory_names=tuple(coordinates.torsions[k].name for k in shown),
        **found,  # type: ignore[arg-type]
        **markov,  # type: ignore[arg-type]
    )


def _angles(observed: Observed) -> Sequence[NDArray[np.float32]]:
    return observed.torsions if observed.torsions[0].shape[1] else observed.angles


def _parts(frames: NDArray[np.float32], size: int) -> list[NDArray[np.float32]]:
    return [frames[k : k + size] for k in range(0, len(frames), size)]


def _markov(
    basis: Basis,
    reference: Observed | None,
    model: Observed,
    block_time_ps: float,
    statistics: Statistics,
    notes: Notes,
) -> dict[str, object]:
    """Markov models of both sides on the same states, and what follows from them."""
    names = ("msm", "populations", "test")
    found: dict[str, object] = {f"{s}_{n}": None for s in ("reference", "model") for n in names}
    found["set_centres"] = None
    lag = basis.lag_time_ps
    sides = {"reference": (reference, basis.reference), "model": (model, basis.model)}
    first = basis.model if basis.reference is None else basis.reference
    clusters = notes.attempt(
        "Markov model",
        lambda: k_means(first, statistics.settings.states, seed=statistics.settings.seed),
    )
    if clusters is None:
        return found
    states = {
        name: (
            [clusters.assign(run[:: _stride(side, lag)]) for run in runs],
            side.frame_spacing_ps * _stride(side, lag),
        )
        for name, (side, runs) in sides.items()
        if side is not None and runs is not None
    }
    n_states = len(clusters.centres)
    fitted = notes.attempt(
        "Markov model", lambda: _fit(*next(iter(states.values())), lag, n_states)
    )
    if fitted is None:
        return found
    count = int(np.sum(fitted.spectrum.resolved & (fitted.spectrum.timescales_ps > 2 * lag))) + 1
    sets = notes.attempt(
        "Metastable sets",
        lambda: metastable_sets(fitted, min(max(count, 2), MOST_SETS, len(fitted.states))),
    )
    if sets is None:
        return found
    # States the fitted model does not reach belong to the set of the nearest that it does.
    known = np.flatnonzero(sets >= 0)
    nearest = np.argmin(
        ((clusters.centres[:, None] - clusters.centres[known]) ** 2).sum(-1), axis=1
    )
    sets = np.asarray(sets[known][nearest])
    found["set_centres"] = np.stack(
        [clusters.centres[sets == k].mean(0) for k in range(sets.max() + 1)]
    )
    for name, (runs, spacing) in states.items():
        side = sides[name][0]
        lags = [] if side is None else _scan(side, lag)
        found[f"{name}_msm"] = _scanned(name, runs, spacing, lags, "msm", None, statistics, notes)
        found[f"{name}_populations"] = _populations(
            name, runs, spacing, sets, lag, block_time_ps, statistics, notes
        )
        found[f"{name}_test"] = notes.attempt(
            f"Chapman–Kolmogorov test of the {name}",
            lambda runs=runs, spacing=spacing, name=name: chapman_kolmogorov(  # type: ignore[misc]
                runs,
                sets,
                frame_spacing_ps=spacing,
                lag_time_ps=lag,
                block_time_ps=block_time_ps,
                generator=statistics.generator(f"{name} test"),
            ),
        )
    return found


def _fit(
    runs: Sequence[NDArray[np.int64]], spacing_ps: float, lag_ps: float, n_states: int
) -> MarkovModel:
    return markov_model(runs, frame_spacing_ps=spacing_ps, lag_time_ps=lag_ps, n_states=n_states)


def _populations(
    name: str,
    runs: Sequence[NDArray[np.int64]],
    spacing_ps: float,
    sets: NDArray[np.int64],
    lag_ps: float,
    block_time_ps: float,
    statistics: Statistics,
    notes: Notes,
) -> Populations | None:
    """Shares of the frames in each set, and mean first-passage times between them."""
    count = int(sets.max()) + 1
    block = max(1, round(block_time_ps / spacing_ps))
    indicators = [(sets[run][:, None] == np.arange(count)).astype(np.float64) for run in runs]
    lengths = [len(run) for run in runs]
    sums = np.stack([np.concatenate(indicators)[s].sum(0) for s in block_slices(lengths, block)])
    shares = notes.attempt(
        f"Populations of the {name}",
        lambda: block_bootstrap(
            [sums],
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
                runs, lag_in_frames(lag_ps, spacing_ps), n_states=len(sets), block_length=block
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


def _scanned(
    name: str,
    runs: Sequence[NDArray],
    spacing_ps: float,
    lags_ps: Sequence[float],
    method: Method,
    block_time_ps: float | None,
    statistics: Statistics,
    notes: Notes,
) -> TimescaleScan | None:
    """Timescales at all lags the blocks are long enough for."""
    usable = [lag for lag in lags_ps if block_time_ps is None or lag <= block_time_ps]
    if not usable:
        notes.append(f"Timescales of the {name}: not available, blocks are shorter than the lag.")
        return None
    return notes.attempt(
        f"Timescales of the {name} by {'TICA' if method == 'tica' else 'the Markov model'}",
        lambda: timescale_scan(
            runs,
            frame_spacing_ps=spacing_ps,
            lag_times_ps=usable,
            method=method,
            top=4,
            block_time_ps=block_time_ps,
            generator=statistics.generator(f"{name} {method}"),
            resamples=SCAN_RESAMPLES,
        ),
    )


def _memory(
    side: Observed,
    shown: list[int],
    block_time_ps: float,
    statistics: Statistics,
    notes: Notes,
    name: str,
) -> TorsionMemory | None:
    if not shown:
        return None
    longest = max(map(len, side.torsions)) * side.frame_spacing_ps / 5
    spacing = side.frame_spacing_ps
    steps = np.unique(np.round(np.geomspace(1, max(1, min(longest, 5000) / spacing), 16)))
    return notes.attempt(
        f"Correlation functions of the {name}",
        lambda: torsion_memory(
            [run[:, shown] for run in side.torsions],
            frame_spacing_ps=spacing,
            lag_times_ps=(steps * spacing).tolist(),
            block_time_ps=block_time_ps,
            generator=statistics.generator(f"{name} memory"),
            resamples=SCAN_RESAMPLES,
        ),
    )


def _scan(side: Observed, lag_ps: float) -> list[float]:
    """Lags that grow evenly on a logarithmic scale, up to a tenth of the longest trajectory."""
    longest = max(map(len, side.gyration)) * side.frame_spacing_ps
    spacing = side.frame_spacing_ps * _stride(side, lag_ps)
    most = max(1, int(min(longest / 10, 20 * lag_ps) / spacing))
    return [float(k * spacing) for k in np.unique(np.round(np.geomspace(1, most, MOST_LAGS)))]


def _stride(side: Observed, lag_ps: float) -> int:
    """Every so many-th frame keeps `MOST_FRAMES`, and the lag a whole number of them."""
    lag = lag_in_frames(lag_ps, side.frame_spacing_ps)
    wanted = side.frames / MOST_FRAMES
    return min((d for d in range(1, lag + 1) if lag % d == 0 and d >= wanted), default=lag)
