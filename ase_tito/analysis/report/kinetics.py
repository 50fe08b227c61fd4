"""The part of a report that depends on the order of frames, at equal physical lags."""

from __future__ import annotations

from typing import Any

from ase_tito.analysis.chapman_kolmogorov import chapman_kolmogorov
from ase_tito.analysis.kinetic_floor import kinetics_at_equal_counts
from ase_tito.analysis.lags import strided
from ase_tito.analysis.mixing import mixing
from ase_tito.analysis.report.basis import Basis, Runs, features, stride_for
from ase_tito.analysis.report.jumps import SingleJumps
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.report.observe import Coordinates, Observed
from ase_tito.analysis.report.populations import populations
from ase_tito.analysis.report.relaxation import relaxations
from ase_tito.analysis.report.result import Kinetics
from ase_tito.analysis.report.scans import memory_of_torsions, scan_lags, scanned_timescales
from ase_tito.analysis.report.states import find_states
from ase_tito.analysis.report.statistics import SCAN_RESAMPLES, Statistics
from ase_tito.analysis.timescales import timescale_error
from ase_tito.analysis.vamp import vamp_gap, vamp_gap_intervals

SIDES = ("reference", "model")


def analyse_kinetics(
    coordinates: Coordinates,
    basis: Basis,
    block_time_ps: float,
    reference: Observed | None,
    model: Observed,
    jumps: SingleJumps | None,
    statistics: Statistics,
    notes: Notes,
) -> Kinetics:
    """Timescales, scores, memory, Markov models and their tests, of both sides."""
    lag = basis.lag_time_ps
    found: dict[str, Any] = dict.fromkeys(
        f"{side}_{what}" for side in SIDES for what in ("mixing", "tica", "memory")
    )
    thin: dict[str, tuple[Runs, float]] = {}
    for name, side, projections in (
        ("reference", reference, basis.reference),
        ("model", model, basis.model),
    ):
        if side is None or projections is None:
            continue
        stride = stride_for(side, lag)
        thin[name] = runs, spacing = features(side, stride), side.frame_spacing_ps * stride
        slow = [run[:, 0] for run in projections]
        found[f"{name}_mixing"] = notes.attempt(
            f"Mixing of the {name}",
            lambda slow=slow: mixing(slow),  # type: ignore[misc]
        )
        found[f"{name}_tica"] = scanned_timescales(
            name, runs, spacing, scan_lags(side, lag), "tica", block_time_ps, statistics, notes
        )
        found[f"{name}_memory"] = memory_of_torsions(
            side, coordinates.shown, block_time_ps, statistics, notes, name
        )
    found |= _compared(thin, lag, block_time_ps, statistics, notes)
    found |= _markov(basis, coordinates, reference, model, block_time_ps, jumps, statistics, notes)
    _say_what_is_resolved(basis, found["resolved"], notes)
    spectrum = basis.tica.spectrum
    return Kinetics(
        lag_time_ps=lag,
        slow_lag_time_ps=basis.slow_lag_ps,
        slow_timescales_ps=spectrum.timescales_ps,
        slow_resolved=spectrum.resolved,
        block_time_ps=block_time_ps,
        memory_names=tuple(coordinates.torsions[k].name for k in coordinates.shown),
        **found,
    )


def _compared(
    thin: dict[str, tuple[Runs, float]],
    lag: float,
    block_time_ps: float,
    statistics: Statistics,
    notes: Notes,
) -> dict[str, Any]:
    """Scores and timescales of the model against those of the reference, with their floor."""
    names = ("vamp_gap", "vamp_intervals", "timescale_error", "timescale_error_release")
    found: dict[str, Any] = dict.fromkeys((*names, "resolved", "floor"))
    if "reference" not in thin:
        return found
    (first, first_ps), (second, second_ps) = thin["reference"], thin["model"]
    spacings: dict[str, Any] = {"reference_spacing_ps": first_ps, "model_spacing_ps": second_ps}
    gap = notes.attempt("VAMP-2 gap", lambda: vamp_gap(first, second, lag_time_ps=lag, **spacings))
    dimensions = None if gap is None else gap.dimensions
    intervals = notes.attempt(
        "Interval of the VAMP-2 gap",
        lambda: vamp_gap_intervals(
            first,
            second,
            lag_time_ps=lag,
            dimensions=dimensions,
            block_time_ps=block_time_ps,
            generator=statistics.generator("vamp"),
            resamples=SCAN_RESAMPLES,
            **spacings,
        ),
    )
    if intervals is not None:
        ends = zip(intervals.low.tolist(), intervals.high.tolist(), strict=True)
        found["vamp_intervals"] = tuple(ends)
    coarse = strided(second, second_ps, lag)
    error = notes.attempt(
        "Timescale error",
        lambda: timescale_error(first, coarse, reference_spacing_ps=first_ps, model_spacing_ps=lag),
    )
    if error is not None:
        found |= {
            "timescale_error": error.mean,
            "timescale_error_release": error.mean_release,
            "resolved": error.resolved,
        }
    floor = notes.attempt(
        "Floor of the kinetic figures",
        lambda: kinetics_at_equal_counts(
            first,
            coarse,
            reference_spacing_ps=first_ps,
            model_spacing_ps=lag,
            dimensions=dimensions,
            block_time_ps=block_time_ps,
            generator=statistics.generator("kinetic floor"),
            splits=statistics.settings.splits,
        ),
    )
    return found | {"vamp_gap": gap, "floor": floor}


def _markov(
    basis: Basis,
    coordinates: Coordinates,
    reference: Observed | None,
    model: Observed,
    block_time_ps: float,
    jumps: SingleJumps | None,
    statistics: Statistics,
    notes: Notes,
) -> dict[str, Any]:
    """Markov models of both sides on the same states, and what follows from them."""
    found: dict[str, Any] = dict.fromkeys(
        f"{side}_{what}" for side in SIDES for what in ("msm", "populations", "test")
    )
    found |= {"set_centres": None, "relaxations": ()}
    states = find_states(basis, reference, model, statistics, notes)
    if states is None:
        return found
    lag = basis.lag_time_ps
    found["set_centres"] = states.set_centres
    for name, runs in states.sides.items():
        side = model if reference is None or name == "model" else reference
        found[f"{name}_msm"] = scanned_timescales(
            name,
            runs.states,
            runs.frame_spacing_ps,
            scan_lags(side, lag),
            "msm",
            block_time_ps,
            statistics,
            notes,
        )
        found[f"{name}_populations"] = populations(
            name, runs, states.sets, lag, block_time_ps, statistics, notes
        )
        found[f"{name}_test"] = notes.attempt(
            f"Chapman–Kolmogorov test of the {name}",
            lambda runs=runs, name=name: chapman_kolmogorov(  # type: ignore[misc]
                runs.states,
                states.sets,
                frame_spacing_ps=runs.frame_spacing_ps,
                lag_time_ps=lag,
                block_time_ps=block_time_ps,
                generator=statistics.generator(f"{name} test"),
            ),
        )
    found["relaxations"] = relaxations(
        basis, coordinates, states, block_time_ps, jumps, statistics, notes
    )
    return found


def _say_what_is_resolved(basis: Basis, resolved: int | None, notes: Notes) -> None:
    """A lag beyond all memory makes kinetic figures of noise: that is to be said first."""
    slow = basis.tica.spectrum
    if not slow.resolved.any():
        notes.insert(
            0,
            f"No process is resolved at {basis.slow_lag_ps:g} ps: the slowest coordinates are"
            " arbitrary, and kinetic figures are noise. Take shorter jumps, a shorter --lag-ps, or"
            " more data.",
        )
    elif resolved == 0:
        notes.insert(
            0,
            f"At {basis.lag_time_ps:g} ps the reference has forgotten all that it resolves at"
            f" {basis.slow_lag_ps:g} ps (slowest timescale"
            f" {slow.timescales_ps[slow.resolved][0]:.3g} ps), or is too short: scores, timescales"
            " and tests at this lag compare noise. To judge kinetics, take shorter jumps.",
        )
