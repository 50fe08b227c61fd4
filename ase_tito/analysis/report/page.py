"""The report as one HTML page that needs no other file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import numpy as np
from matplotlib.figure import Figure

from ase_tito.analysis.agreement import Agreement
from ase_tito.analysis.energies import QUANTILES
from ase_tito.analysis.floor import EqualCounts
from ase_tito.analysis.report.html import (
    bullets,
    card,
    escape,
    figure_html,
    light,
    section,
    table,
)
from ase_tito.analysis.report.result import Curve, GeometryCounts, Populations, Report, Summary

KINDS = {
    "not_finite": "not finite",
    "broken_bonds": "broken bonds",
    "clashes": "clashes",
    "chirality_flips": "chirality flips",
    "cis_trans_flips": "cis/trans flips",
}

_BETTER_HIGH = ("coverage", "precision")

_AGREEMENT_HEADER = (
    "figure",
    "all frames [95 %]",
    "at equal counts",
    "floor: MD against MD",
    "excess",
    "frames at equal counts",
)


def html_page(report: Report, figures: Mapping[str, Figure]) -> str:
    """The page, figures embedded."""
    sections = [
        _data(report),
        _thermodynamics(report, figures),
        _kinetics(report, figures),
        _energies(report, figures),
        _validity(report),
        _trust(report),
    ]
    titles = ("Data", "Thermodynamics", "Kinetics", "Energies", "Validity", "Self-consistency")
    links = "".join(
        f'<a href="#{title.lower()}">{title}</a>'
        for title, text in zip(titles, sections, strict=True)
        if text
    )
    against = "against molecular dynamics" if report.reference else "without a reference"
    style = files("ase_tito.analysis.report").joinpath("report.css").read_text(encoding="utf-8")
    temperature = f", {report.temperature_K:g} K" if report.temperature_K else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(report.formula)}: trajectory report</title>
<style>
{style}</style></head><body><main>
<h1>{_formula(report.formula)}: is this trajectory right?</h1>
<p class="lead">{_words(report.model)} {against}. {report.n_atoms} atoms{temperature}.</p>
<div class="cards">{"".join(_cards(report))}</div>
<nav>{links}</nav>
{_notes(report)}
{"".join(sections)}
<footer>ase_tito {escape(report.package_version)}, seed {report.settings.seed}. The same numbers
are in report.json. Surfaces and profiles are −ln of the density in units of kT, their lowest bin at
zero. JSD: Jensen–Shannon divergence in nats, no square root. Intervals: 95 %, block bootstrap
with blocks of {_time(report.kinetics.block_time_ps)}.</footer>
</main></body></html>
"""


def _cards(report: Report) -> list[str]:
    cards = []
    for surface in report.surfaces:
        found = surface.agreement.get("JSD")
        if found is not None:
            cards.append(_floor_card(f"{surface.name} JSD", found.value, found.equal_counts))
    floor = report.kinetics.floor
    if floor is not None and report.kinetics.vamp_gap is not None:
        gap = report.kinetics.vamp_gap.cross_gap
        cards.append(_floor_card("VAMP-2 gap", gap, floor.cross_gap))
        if np.isfinite(floor.timescale_error.model.mean):
            error = report.kinetics.timescale_error
            value = np.nan if error is None else error
            cards.append(_floor_card("timescale error", value, floor.timescale_error))
    geometry = report.model_geometry
    share = geometry.invalid / geometry.frames
    colour = "green" if share <= 0.001 else "yellow" if share <= 0.01 else "red"
    cards.append(
        card(
            "invalid frames", f"{share:.2%}", f"{geometry.invalid:,} of {geometry.frames:,}", colour
        )
    )
    if report.trust is not None:
        cards.append(
            card(
                "self-consistency",
                report.trust.light,
                f"{len(report.trust.findings)} checks, {len(report.trust.missing)} not made",
                report.trust.light,
            )
        )
    return cards


def _floor_card(name: str, value: float, equal: EqualCounts) -> str:
    """A figure with its floor: green where MD against MD is as large in one case of forty."""
    at_floor = equal.model.mean <= equal.floor.high
    text = (
        f"at equal counts {_number(equal.model.mean)}, floor {_number(equal.floor.mean)}"
        f" [{_number(equal.floor.low)}, {_number(equal.floor.high)}]"
    )
    return card(name, _number(value), text, "green" if at_floor else "yellow")


def _notes(report: Report) -> str:
    return f'<div class="notes">{bullets(report.notes)}</div>' if report.notes else ""


def _data(report: Report) -> str:
    sides = [side for side in (report.reference, report.model) if side is not None]
    rows = [
        (
            side.label,
            f"{len(side.files)}",
            f"{side.frames:,}",
            f"{side.frame_spacing_ps:g} ps",
            f"{side.time_ns:,.4g} ns",
            f"{side.skipped_frames}",
        )
        for side in sides
    ]
    header = ("", "trajectories", "frames", "spacing", "total time", "skipped in each")
    names = [
        (side.label, ", ".join(side.files[:8]) + (", …" if len(side.files) > 8 else ""))
        for side in sides
    ]
    made = [
        (side.label, "; ".join(f"{key} {value}" for key, value in side.made_by.items()))
        for side in sides
        if side.made_by
    ]
    return section(
        "data",
        "Data",
        table(header, rows),
        table(("", "files"), names, 2),
        table(("", "the files' headers say"), made, 2),
    )


def _thermodynamics(report: Report, figures: Mapping[str, Figure]) -> str:
    parts = []
    for k, surface in enumerate(report.surfaces):
        caption = f"Free energy along {surface.x_label} and {surface.y_label}."
        if surface.name == "TICA":
            side = "reference" if report.reference else "model"
            caption = (
                f"Free energy along the two slowest coordinates of the {side} (TICA of"
                f" cosines and sines of {', '.join(report.features[:8])}"
                f"{', …' if len(report.features) > 8 else ''}; lag"
                f" {_time(report.kinetics.lag_time_ps)})."
            )
        parts.append(f"<h3>{escape(surface.name)}</h3>")
        parts.append(figure_html(figures.get(f"surface-{k + 1}"), f"surface-{k + 1}", caption))
        parts.append(table(_AGREEMENT_HEADER, [_row(n, a) for n, a in surface.agreement.items()]))
    for name, title, curves, digits in (
        ("torsions", "Torsions", report.torsions, 1),
        ("bonds", "Bond lengths", report.bonds, 4),
        ("angles", "Angles", report.angles, 2),
        ("gyration", "Size", (report.gyration,), 3),
    ):
        if not curves:
            continue
        parts.append(f"<h3>{title}</h3>")
        parts.append(
            figure_html(figures.get(name), name, "Free-energy profiles; bands are 95 % intervals.")
        )
        parts.append(_curve_table(curves, digits, moments=name != "torsions"))
    return section("thermodynamics", "Thermodynamics", *parts)


def _curve_table(curves: tuple[Curve, ...], digits: int, *, moments: bool) -> str:
    """Means and widths (which mean nothing for torsions), and the divergence with its floor."""
    with_reference = curves[0].reference is not None
    header = ["coordinate"]
    if moments:
        header += ["reference, mean ± std"] if with_reference else []
        header += ["model, mean ± std"]
    header += ["JSD [95 %]", "at equal counts", "floor", "excess"] if with_reference else []
    rows = []
    for curve in curves:
        row = [curve.label]
        if moments:
            sides = [(curve.model_mean, curve.model_std)]
            if curve.reference_mean is not None and curve.reference_std is not None:
                sides.insert(0, (curve.reference_mean, curve.reference_std))
            row += [f"{mean:.{digits}f} ± {std:.{digits}f}" for mean, std in sides]
        row += list(_row("", curve.agreement)[1:5]) if curve.agreement else []
        rows.append(row)
    return table(header, rows) if len(header) > 1 else ""


def _row(name: str, found: Agreement) -> tuple[str, ...]:
    equal = found.equal_counts
    return (
        f"{name} (high is good)" if name in _BETTER_HIGH else name,
        f"{_number(found.value)} [{_number(found.low)}, {_number(found.high)}]",
        _number(equal.model.mean),
        _floor(equal),
        f"{found.excess:+.2g}",
        f"{equal.model.n_reference:,} / {equal.model.n_model:,}",
    )


def _kinetics(report: Report, figures: Mapping[str, Figure]) -> str:
    kinetics = report.kinetics
    parts = []
    for label, found in (
        ("reference", kinetics.reference_mixing),
        ("model", kinetics.model_mixing),
    ):
        if found is not None:
            parts.append(
                light("green" if found.mixes else "yellow", f"The {label} {found.describe()}.")
            )
    rows = []
    gap, floor = kinetics.vamp_gap, kinetics.floor
    if gap is not None:
        intervals = kinetics.vamp_intervals or ((np.nan, np.nan), (np.nan, np.nan))
        for k, (name, value) in enumerate(
            (
                ("VAMP-2 gap, score(ref, ref) − score(ref, model)", gap.cross_gap),
                ("VAMP-2 gap, score(ref, ref) − score(model, model)", gap.separate_gap),
            )
        ):
            equal = None if floor is None else (floor.cross_gap, floor.separate_gap)[k]
            rows.append(_kinetic_row(name, value, intervals[k], equal))
    if kinetics.timescale_error is not None:
        rows.append(
            _kinetic_row(
                f"relative timescale error, {kinetics.resolved} resolved",
                kinetics.timescale_error,
                (np.nan, np.nan),
                None if floor is None else floor.timescale_error,
            )
        )
        rows.append(
            _kinetic_row(
                "relative timescale error, top 10, resolved or not",
                kinetics.timescale_error_release or np.nan,
                (np.nan, np.nan),
                None,
            )
        )
    header = (*_AGREEMENT_HEADER[:-1], "pairs at equal counts")
    parts.append(table(header, rows))
    if gap is not None:
        parts.append(
            f"<p>VAMP-2 scores at {_time(gap.lag_time_ps)}: reference"
            f" {gap.reference_score:.3f}, the reference's functions on the model"
            f" {gap.cross_score:.3f}, model {gap.model_score:.3f}.</p>"
        )
    for name, title, caption in (
        (
            "timescales",
            "Implied timescales",
            "The three slowest processes against the lag; they should be level. Grey: timescales"
            " below the lag, which cannot be resolved. Bands: 95 % intervals.",
        ),
        (
            "memory",
            "Correlation of torsions",
            "⟨cos[θ(t + lag) − θ(t)]⟩: from 1 at no motion to |⟨exp iθ⟩|² when all is forgotten.",
        ),
        (
            "chapman-kolmogorov",
            "Chapman–Kolmogorov test",
            "Probability to be in set j a lag after set i. Lines: predicted by a Markov model at"
            f" {_time(kinetics.lag_time_ps)}; points: counted, with 95 % intervals.",
        ),
    ):
        if name in figures:
            parts.append(f"<h3>{title}</h3>")
            parts.append(figure_html(figures[name], name, caption))
    for label, test in (("reference", kinetics.reference_test), ("model", kinetics.model_test)):
        if test is not None:
            parts.append(
                f"<p>{label.capitalize()}: largest deviation {test.largest_deviation:.3f};"
                f" {test.share_within:.0%} of the 95 % intervals hold the prediction.</p>"
            )
    parts.append(_population_tables(report))
    return section("kinetics", "Kinetics", *parts)


def _kinetic_row(
    name: str, value: float, interval: tuple[float, float], equal: EqualCounts | None
) -> tuple[str, ...]:
    low, high = interval
    known = f" [{_number(low)}, {_number(high)}]" if np.isfinite(low) else ""
    return (
        name,
        f"{_number(value)}{known}",
        "–" if equal is None else _number(equal.model.mean),
        "–" if equal is None else _floor(equal),
        "–" if equal is None else f"{equal.excess:+.2g}",
        "–" if equal is None else f"{equal.model.n_reference:,} / {equal.model.n_model:,}",
    )


def _population_tables(report: Report) -> str:
    kinetics = report.kinetics
    sides = [
        (label, found)
        for label, found in (
            ("reference", kinetics.reference_populations),
            ("model", kinetics.model_populations),
        )
        if found is not None
    ]
    if not sides:
        return ""
    count = len(sides[0][1].shares)
    centres = kinetics.set_centres
    rows = [
        (
            f"{k + 1}" + ("" if centres is None else f" (TICA {centres[k, 0]:+.1f})"),
            *(_interval(found.shares[k], ".2%") for _, found in sides),
        )
        for k in range(count)
    ]
    passages = [
        (f"{a + 1} → {b + 1}", *(_passage(found, a, b) for _, found in sides))
        for a in range(count)
        for b in range(count)
        if a != b
    ]
    labels = [label for label, _ in sides]
    return "".join(
        (
            "<h3>Metastable sets: populations and mean first-passage times</h3>",
            table(("set", *labels), rows),
            table(("passage, ps", *labels), passages),
        )
    )


def _passage(found: Populations, a: int, b: int) -> str:
    return "–" if found.passage_ps is None else _interval(found.passage_ps[a, b], ",.3g")


def _interval(values: np.ndarray, form: str) -> str:
    estimate, low, high = (format(v, form) if np.isfinite(v) else "?" for v in values.tolist())
    return f"{estimate} [{low}, {high}]"


def _energies(report: Report, figures: Mapping[str, Figure]) -> str:
    energies = report.energies
    if energies is None:
        return ""
    rows = [
        (
            label,
            f"{found.mean:.2f} ± {found.std:.2f}",
            *(f"{value:.1f}" for value in found.quantiles),
            f"{found.samples:,}",
        )
        for label, found in (
            ("reference", energies.reference_distribution),
            ("model", energies.model_distribution),
        )
        if found is not None
    ]
    header = ("kJ/mol", "mean ± std", *(f"{q:.0%}" for q in QUANTILES), "frames")
    shift = ""
    if energies.median_shift is not None:
        value, low, high = energies.median_shift
        shift = f"<p>Shift of the median: {value:+.2f} kJ/mol [{low:+.2f}, {high:+.2f}].</p>"
    found = energies.agreement
    return section(
        "energies",
        "Energies",
        figure_html(figures.get("energies"), "energies", "Density of the potential energy."),
        table(header, rows),
        shift,
        table(_AGREEMENT_HEADER, [_row("JSD", found)]) if found else "",
    )


def _validity(report: Report) -> str:
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
            f"{found.frames:,}",
            _share(found.invalid, found.frames),
            *(_share(found.counts[kind], found.frames) for kind in KINDS),
        )
        for label, found in sides
    ]
    parts = [table(header, rows), *(_first_bad(label, found) for label, found in sides)]
    if report.ranges is not None:
        parts.append(
            f"<p>Out of the range of bond lengths, angles and size that half of the reference"
            f" covers ({report.ranges.frames_of_range:,} frames): {report.ranges.model:.2%} of the"
            f" model's frames, {report.ranges.reference:.2%} of the other half of the"
            " reference.</p>"
        )
    return section("validity", "Validity", *parts)


def _first_bad(label: str, found: GeometryCounts) -> str:
    rows = [
        (KINDS[kind], ", ".join(map(str, frames))) for kind, frames in found.first_frames.items()
    ]
    return table((f"{label}: first bad frames, all files counted through", ""), rows, 2)


def _trust(report: Report) -> str:
    if report.trust is None:
        return ""
    trust = report.trust
    summary = trust.describe().splitlines()
    lines = [light(found.light, f"{found.check}: {found.reason}") for found in trust.findings]
    missing = f"<p>Not checked: {escape(', '.join(trust.missing))}.</p>" if trust.missing else ""
    return section(
        "self-consistency",
        "Self-consistency",
        light(trust.light, summary[0]),
        *lines,
        missing,
        f"<p>{escape(summary[-1])}</p>",
    )


def _formula(formula: str) -> str:
    return "".join(f"<sub>{c}</sub>" if c.isdigit() else escape(c) for c in formula)


def _words(side: Summary) -> str:
    count = len(side.files)
    what = "One trajectory" if count == 1 else f"{count} trajectories"
    return f"{what}, {side.frames:,} frames {_time(side.frame_spacing_ps)} apart,"


def _floor(equal: EqualCounts) -> str:
    floor = equal.floor
    return f"{_number(floor.mean)} [{_number(floor.low)}, {_number(floor.high)}]"


def _share(count: int, total: int) -> str:
    return f"{count:,} ({count / total:.2%})" if count else "0"


def _time(ps: float) -> str:
    return f"{ps / 1000:.3g} ns" if ps >= 1000 else f"{ps:.3g} ps"


def _number(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "–"
