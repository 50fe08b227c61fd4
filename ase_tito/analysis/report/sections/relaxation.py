"""Conditional densities at growing lags."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from ase_tito.analysis.report.html import figure_html, table
from ase_tito.analysis.report.result import CountedRelaxation, Report
from ase_tito.analysis.report.text import MOST_DECIMALS, count, measured, number, time


def relaxation_parts(report: Report, figures: Mapping[str, Figure]) -> list[str]:
    """Heading, figure and table; empty if there are no densities."""
    found = report.kinetics.relaxations
    if not found:
        return []
    whose = "reference's" if report.reference else "trajectories' own"
    caption = (
        "Density of TICA component 1 after being in one state (triangle), at growing lags. Dashed:"
        f" expected by the {whose} Markov model; lines with 95 % intervals: counted from all"
        " visits to the state, or of single jumps from one frame in it; grey area: equilibrium,"
        " where all ends."
    )
    header = ["from", "lag"]
    for side in ("reference", "model") if report.reference else ("model",):
        header += [f"{side}: frames", "JSD from the Markov model", "floor"]
    rows = [
        (
            relaxation.start,
            time(lag),
            *(_cells(relaxation.sides.get("reference"), k) if report.reference else ()),
            *_cells(relaxation.sides.get("model") or relaxation.sides.get("jumps"), k),
        )
        for relaxation in found
        for k, lag in enumerate(relaxation.lag_times_ps.tolist())
    ]
    return [
        "<h3>Conditional densities</h3>",
        figure_html(figures.get("relaxation"), "relaxation", caption),
        table(header, rows),
        '<p class="small">JSD in nats between the counted density and that expected by the'
        f" {whose} Markov model. Floor: of as many independent frames of the expected density;"
        " visits that follow each other are not independent, so that MD too lies above it.</p>",
    ]


def _cells(side: CountedRelaxation | None, k: int) -> tuple[str, str, str]:
    if side is None:
        return ("–", "–", "–")
    mean, low, high = np.asarray(side.floor[k]).tolist()
    return (
        count(int(side.frames[k])),
        number(float(side.jsd[k]), MOST_DECIMALS),
        measured(mean, low, high),
    )
