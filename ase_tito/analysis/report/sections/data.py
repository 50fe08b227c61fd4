"""What was read."""

from __future__ import annotations

from typing import Any

from ase_tito.analysis.report.html import section, table
from ase_tito.analysis.report.result import Report, Summary
from ase_tito.analysis.report.text import count, listed

HEADERS = {
    "model": "model",
    "model_source": "from",
    "lag_time_ps": "jumps (ps)",
    "interval": "jumps per frame",
    "temperature_K": "temperature (K)",
    "seed": "seed",
    "package_version": "ase_tito",
    "md-type": "dynamics",
}
"""Entries of the files' headers that are shown, and what to call them."""


def data_section(report: Report) -> str:
    """Files, frames, and what their headers say."""
    sides = [side for side in (report.reference, report.model) if side is not None]
    rows = [
        (
            side.label,
            f"{len(side.files)}",
            count(side.frames),
            f"{side.frame_spacing_ps:g} ps",
            f"{side.time_ns:,.4g} ns",
            f"{side.skipped_frames}",
        )
        for side in sides
    ]
    header = ("", "trajectories", "frames", "spacing", "total time", "frames skipped in each")
    files = [(side.label, listed(side.files)) for side in sides]
    made = [
        (side.label, "; ".join(f"{HEADERS[k]} {_plain(v)}" for k, v in _shown(side).items()))
        for side in sides
        if side.made_by
    ]
    return section(
        "data",
        "Data",
        table(header, rows),
        table(("", "files"), files, 2),
        table(("", "the files' headers say"), made, 2),
    )


def _shown(side: Summary) -> dict[str, Any]:
    """Where the model came from, if its name does not say so."""
    made_by = dict(side.made_by)
    if made_by.get("model_source") == made_by.get("model"):
        made_by.pop("model_source", None)
    return made_by


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
