"""Bad frames, and frames where the reference never is."""

from __future__ import annotations

from ase_tito.analysis.report.html import section, table
from ase_tito.analysis.report.result import GeometryCounts, Report
from ase_tito.analysis.report.text import count, percent

KINDS = {
    "not_finite": "not finite",
    "broken_bonds": "broken bonds",
    "clashes": "clashes",
    "chirality_flips": "chirality flips",
    "cis_trans_flips": "cis/trans flips",
}


def validity_section(report: Report) -> str:
    """Counts of each kind, the first frames, and the range of the reference."""
    sides = [
        (label, found)
        for label, found in (
            ("reference", report.reference_geometry),
            ("model", report.model_geometry),
        )
        if found is not None
    ]
    header = ("", "frames", "invalid", *KINDS.values())
    rows = [
        (
            label,
            count(found.frames),
            _share(found.invalid, found.frames),
            *(_share(found.counts[kind], found.frames) for kind in KINDS),
        )
        for label, found in sides
    ]
    parts = [table(header, rows), *(_first_bad(label, found) for label, found in sides)]
    if report.ranges is not None:
        model, floor = report.ranges.model, report.ranges.floor
        parts.append(
            "<p>Out of the range of bond lengths, angles and size that half of the reference"
            f" covers ({count(model.n_reference)} frames): {percent(model.mean)} of"
            f" {count(model.n_model)} frames of the model; of as many of the reference's other half"
            f" {percent(floor.mean)} [{percent(floor.low)}, {percent(floor.high)}].</p>"
        )
    return section("validity", "Validity", *parts)


def _first_bad(label: str, found: GeometryCounts) -> str:
    rows = [
        (KINDS[kind], ", ".join(map(str, frames))) for kind, frames in found.first_frames.items()
    ]
    header = (f"{label}: first bad frames", "counted from 0 through all files, after those skipped")
    return table(header, rows, 2)


def _share(bad: int, total: int) -> str:
    return f"{count(bad)} ({percent(bad / total)})" if bad else "0"
