"""Surfaces and profiles."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from ase_tito.analysis.report.html import escape, figure_html, section, table
from ase_tito.analysis.report.result import Curve, Report, Surface
from ase_tito.analysis.report.text import (
    AGREEMENT_HEADER,
    agreement_cells,
    counts_note,
    listed,
    time,
)

NAMES = {
    "JSD": "JSD (nats)",
    "JSD, outside dropped": "JSD, model's frames outside the bins dropped",
    "coverage": "coverage (1 is best)",
    "precision": "precision (1 is best)",
}

_PROFILES = (
    "Free-energy profiles, −ln p in kT, with 95 % intervals. A band that reaches the top: the bin"
    " may be empty."
)


def thermodynamics_section(report: Report, figures: Mapping[str, Figure]) -> str:
    """What does not depend on the order of frames."""
    parts = []
    for k, surface in enumerate(report.surfaces):
        name = f"surface-{k + 1}"
        parts.append(f"<h3>{escape(surface.name)}</h3>")
        parts.append(figure_html(figures.get(name), name, _surface_caption(report, surface)))
        rows = [agreement_cells(NAMES[n], a) for n, a in surface.agreement.items()]
        parts.append(table(AGREEMENT_HEADER, rows))
        if rows:
            equal = next(iter(surface.agreement.values())).equal_counts
            parts.append(f'<p class="small">{escape(counts_note(equal))}</p>')
    for name, title, curves, digits in (
        ("torsions", "Torsions", report.torsions, 1),
        ("bonds", "Bond lengths by elements", report.bonds, 4),
        ("angles", "Angles by elements", report.angles, 1),
        ("gyration", "Size", (report.gyration,), 3),
    ):
        if curves:
            parts.append(f"<h3>{title}</h3>")
            parts.append(figure_html(figures.get(name), name, _PROFILES))
            parts.append(_curve_table(curves, digits, moments=name != "torsions"))
    return section("thermodynamics", "Thermodynamics", *parts)


def _surface_caption(report: Report, surface: Surface) -> str:
    what = "Free energy, −ln p in kT, lowest bin at zero; white: no frame."
    if surface.name != "TICA":
        return what
    side = "reference" if report.reference else "model"
    return (
        f"{what} Axes: the two slowest coordinates of the {side} (TICA at"
        f" {time(report.kinetics.slow_lag_time_ps)} of cosines and sines of"
        f" {listed(report.features) or 'all angles'}), in units of their standard deviations."
    )


def _curve_table(curves: tuple[Curve, ...], digits: int, *, moments: bool) -> str:
    """Means and widths (which mean nothing for torsions), and the divergence with its floor."""
    with_reference = curves[0].reference is not None
    header = [""]
    if moments:
        header += ["reference, mean ± std"] if with_reference else []
        header += ["model, mean ± std"]
    header += [f"JSD, {AGREEMENT_HEADER[1]}", *AGREEMENT_HEADER[2:]] if with_reference else []
    rows = []
    for curve in curves:
        row = [curve.label]
        if moments:
            sides = [(curve.model_mean, curve.model_std)]
            if curve.reference_mean is not None and curve.reference_std is not None:
                sides.insert(0, (curve.reference_mean, curve.reference_std))
            row += [f"{mean:.{digits}f} ± {std:.{digits}f}" for mean, std in sides]
        row += list(agreement_cells("", curve.agreement)[1:]) if curve.agreement else []
        rows.append(row)
    return table(header, rows) if len(header) > 1 else ""
