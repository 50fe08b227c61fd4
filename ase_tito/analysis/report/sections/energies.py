"""Potential energies."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from ase_tito.analysis.energies import QUANTILES
from ase_tito.analysis.report.html import figure_html, section, table
from ase_tito.analysis.report.result import Report
from ase_tito.analysis.report.text import AGREEMENT_HEADER, agreement_cells, count, number, signed


def energies_section(report: Report, figures: Mapping[str, Figure]) -> str:
    """Distribution of the potential energy; empty if none was asked for."""
    energies = report.energies
    if energies is None:
        return ""
    rows = [
        (
            label,
            f"{number(found.mean, 1)} ± {number(found.std, 1)}",
            *(number(value, 1) for value in found.quantiles),
            count(found.samples),
        )
        for label, found in (
            ("reference", energies.reference_distribution),
            ("model", energies.model_distribution),
        )
        if found is not None
    ]
    header = ("kJ/mol", "mean ± std", *(f"{100 * q:.0f} %" for q in QUANTILES), "frames")
    shift = ""
    if energies.median_shift is not None:
        value, low, high = (signed(each, 1) for each in energies.median_shift)
        shift = f"<p>Median, model − reference: {value} kJ/mol [{low}, {high}].</p>"
    found = energies.agreement
    return section(
        "energies",
        "Energies",
        figure_html(
            figures.get("energies"),
            "energies",
            "Probability density of the potential energy, of frames spread evenly over each side.",
        ),
        table(header, rows),
        shift,
        table(AGREEMENT_HEADER, [agreement_cells("JSD (nats)", found)]) if found else "",
    )
