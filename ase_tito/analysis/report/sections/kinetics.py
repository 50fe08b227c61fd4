"""Scores, timescales, memory, and Markov models."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ase_tito.analysis.report.html import figure_html, light, section, table
from ase_tito.analysis.report.result import Kinetics, Populations, Report
from ase_tito.analysis.report.sections.relaxation import relaxation_parts
from ase_tito.analysis.report.text import (
    AGREEMENT_HEADER,
    counts_note,
    equal_cells,
    measured,
    number,
    percent,
    time,
)


def kinetics_section(report: Report, figures: Mapping[str, Figure]) -> str:
    """What depends on the order of frames."""
    kinetics = report.kinetics
    parts = [*_mixing(kinetics), _slow(report), _scores(kinetics)]
    for name, title, caption in (
        (
            "timescales",
            "Implied timescales",
            "The three slowest processes against the lag; they should be level, and the model's on"
            " the reference's. Open: not told from noise, or seen too seldom. Grey: shorter than"
            " the lag. Bands: 95 % intervals.",
        ),
        (
            "memory",
            "Memory of torsions",
            "⟨cos[θ(t + lag) − θ(t)]⟩: 1 at no motion, |⟨exp iθ⟩|² when all is forgotten. Bands:"
            " 95 % intervals. Each panel has its own scale.",
        ),
        (
            "chapman-kolmogorov",
            "Chapman–Kolmogorov test",
            "Probability to be in metastable set j a lag after set i. Lines: predicted by each"
            f" side's Markov model at {time(kinetics.lag_time_ps)}; points: counted, with 95 %"
            " intervals.",
        ),
    ):
        if name in figures:
            parts.append(f"<h3>{title}</h3>")
            parts.append(figure_html(figures[name], name, caption))
    for label, test in (("reference", kinetics.reference_test), ("model", kinetics.model_test)):
        if test is not None:
            parts.append(
                f"<p>{label.capitalize()}: largest deviation {number(test.largest_deviation)};"
                f" {percent(test.share_within, 0)} of the 95 % intervals hold the prediction.</p>"
            )
    parts += relaxation_parts(report, figures)
    parts.append(_population_tables(kinetics))
    return section("kinetics", "Kinetics", *parts)


def _mixing(kinetics: Kinetics) -> list[str]:
    sides = (("reference", kinetics.reference_mixing), ("model", kinetics.model_mixing))
    return [
        light("green" if found.mixes else "yellow", f"The {label} {found.describe()}.")
        for label, found in sides
        if found is not None
    ]


def _slow(report: Report) -> str:
    """What the side that TICA was fitted to resolves, and at which lags."""
    kinetics = report.kinetics
    side = "reference" if report.reference else "model"
    times = kinetics.slow_timescales_ps[kinetics.slow_resolved]
    resolved = ", ".join(time(t) for t in times[:3]) + (", …" if len(times) > 3 else "")
    return (
        f"<p>At {time(kinetics.slow_lag_time_ps)} TICA of the {side} resolves"
        f" {f'timescales of {resolved}' if resolved else 'no process'}. Everything below is at"
        f" {time(kinetics.lag_time_ps)} unless it says otherwise.</p>"
    )


def _scores(kinetics: Kinetics) -> str:
    gap, floor = kinetics.vamp_gap, kinetics.floor
    rows: list[tuple[str, ...]] = []
    if gap is not None:
        intervals = kinetics.vamp_intervals or ((np.nan, np.nan), (np.nan, np.nan))
        for name, value, interval in (
            ("cross", gap.cross_gap, intervals[0]),
            ("separate", gap.separate_gap, intervals[1]),
        ):
            equal = getattr(floor, f"{name}_gap", None)
            rows.append((f"VAMP-2 gap, {name}", measured(value, *interval), *equal_cells(equal)))
    for name, error, equal in (
        (
            f"relative timescale error, {kinetics.resolved} resolved",
            kinetics.timescale_error,
            getattr(floor, "timescale_error", None),
        ),
        (
            "relative timescale error, top 10, resolved or not",
            kinetics.timescale_error_release,
            None,
        ),
    ):
        if error is not None:
            rows.append((name, number(error), *equal_cells(equal)))
    parts = [table(AGREEMENT_HEADER, rows)]
    if floor is not None:
        parts.append(f'<p class="small">{counts_note(floor.cross_gap, "pairs")}</p>')
    if gap is not None:
        functions = f"{gap.dimensions} slowest function{'s' if gap.dimensions > 1 else ''}"
        parts.append(
            f"<p>VAMP-2 scores of the {functions}, those above the noise of the reference:"
            f" reference {gap.reference_score:.3f}; the reference's functions on the model"
            f" {gap.cross_score:.3f} (gap: cross); the model's own {gap.model_score:.3f} (gap:"
            " separate).</p>"
        )
    return "".join(parts)


def _population_tables(kinetics: Kinetics) -> str:
    sides = [
        (label, found)
        for label, found in (
            ("reference", kinetics.reference_populations),
            ("model", kinetics.model_populations),
        )
        if found is not None
    ]
    if not sides or kinetics.set_centres is None:
        return ""
    sets = len(sides[0][1].shares)
    rows = [
        (
            f"{k + 1}",
            ", ".join(number(value, 1) for value in kinetics.set_centres[k]),
            *(_share(found, k) for _, found in sides),
        )
        for k in range(sets)
    ]
    passages = [
        (f"{a + 1} → {b + 1}", *(_passage(found, a, b) for _, found in sides))
        for a in range(sets)
        for b in range(sets)
        if a != b
    ]
    labels = [label for label, _ in sides]
    return "".join(
        (
            "<h3>Metastable sets: populations and mean first-passage times</h3>",
            table(("set", "centre in TICA components", *labels), rows),
            table(("mean first passage (ps)", *labels), passages),
            f'<p class="small">Passages are counted once per {time(kinetics.lag_time_ps)}: a visit'
            " between two frames is missed, and none is shorter. Intervals: 95 %.</p>",
        )
    )


def _share(found: Populations, k: int) -> str:
    estimate, low, high = found.shares[k].tolist()
    return f"{percent(estimate)} [{percent(low)}, {percent(high)}]"


def _passage(found: Populations, a: int, b: int) -> str:
    return "–" if found.passage_ps is None else measured(*found.passage_ps[a, b].tolist())
