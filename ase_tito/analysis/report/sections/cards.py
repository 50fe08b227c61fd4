"""The figures at the top of the page."""

from __future__ import annotations

import numpy as np

from ase_tito.analysis.floor import EqualCounts
from ase_tito.analysis.report.html import card
from ase_tito.analysis.report.result import Report
from ase_tito.analysis.report.text import count, measured, number, percent
from ase_tito.analysis.trust import VALID_SHARE

EXPLANATION = (
    "Green: no larger than what MD against independent MD gives in 39 of 40 cases, at equal"
    " counts. Yellow: larger, so the difference is the model's."
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
        found.append(_floor_card("VAMP-2 gap", gap, kinetics.floor.cross_gap, kinetics.resolved))
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


def _floor_card(name: str, value: float, equal: EqualCounts, resolved: int | None = None) -> str:
    floor = equal.floor
    text = (
        f"at equal counts {number(equal.model.mean)}, floor"
        f" {measured(floor.mean, floor.low, floor.high)}"
    )
    if resolved == 0:
        return card(name, number(value), "nothing is resolved at this lag")
    return card(name, number(value), text, _colour(equal))


def _colour(equal: EqualCounts) -> str:
    return "green" if equal.model.mean <= equal.floor.high else "yellow"
