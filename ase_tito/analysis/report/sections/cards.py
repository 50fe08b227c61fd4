"""The figures at the top of the page."""

from __future__ import annotations

import numpy as np

from ase_tito.analysis.floor import EqualCounts
from ase_tito.analysis.report.html import card
from ase_tito.analysis.report.result import Report
from ase_tito.analysis.report.text import count, measured, number, percent
from ase_tito.analysis.trust import VALID_SHARE

EXPLANATION = (
    "Green: within what MD against independent MD gives (95 % interval), at equal counts. Yellow:"
    " beyond it, so the difference is the model's."
)


def cards(report: Report) -> list[str]:
    """A card for each figure that sums up a section."""
    found = []
    for surface in report.surfaces:
        agreement = surface.agreement.get("JSD")
        if agreement is not None:
            found.append(
                _floor_card(f"{surface.name} JSD", agreement.value, agreement.equal_counts)
            )
    kinetics = report.kinetics
    if kinetics.vamp_gap is not None and kinetics.floor is not None:
        gap = kinetics.vamp_gap.cross_gap
        cross = kinetics.floor.cross_gap
        if kinetics.resolved == 0:
            found.append(card("VAMP-2 gap", number(gap), "nothing is resolved at this lag"))
        else:
            found.append(_floor_card("VAMP-2 gap", gap, cross, signed=True))
        error = kinetics.floor.timescale_error
        if kinetics.timescale_error is not None and np.isfinite(error.model.mean):
            found.append(_floor_card("timescale error", kinetics.timescale_error, error))
    if report.ranges is not None:
        model, floor = report.ranges.model, report.ranges.floor
        text = f"of bonds, angles, size; MD against MD {percent(floor.mean)}"
        found.append(card("frames out of range", percent(model.mean), text, _colour(report.ranges)))
    geometry = report.model_geometry
    valid = 1 - geometry.invalid / geometry.frames
    light = "green" if valid >= VALID_SHARE[0] else "yellow" if valid >= VALID_SHARE[1] else "red"
    found.append(
        card(
            "invalid frames",
            percent(1 - valid),
            f"{count(geometry.invalid)} of {count(geometry.frames)}",
            light,
        )
    )
    if report.trust is not None:
        missing = len(report.trust.missing)
        found.append(
            card(
                "self-consistency",
                report.trust.light,
                f"{len(report.trust.findings)} checks, {missing} not made",
                report.trust.light,
            )
        )
    return found


def _floor_card(name: str, value: float, equal: EqualCounts, *, signed: bool = False) -> str:
    floor = equal.floor
    text = (
        f"at equal counts {number(equal.model.mean)}, floor"
        f" {measured(floor.mean, floor.low, floor.high)}"
    )
    return card(name, number(value), text, _colour(equal, signed=signed))


def _colour(equal: EqualCounts, *, signed: bool = False) -> str:
    """A gap below the floor is wrong as well: the model's slow processes are too slow."""
    low = equal.floor.low if signed else -np.inf
    return "green" if low <= equal.model.mean <= equal.floor.high else "yellow"
