"""The report as one HTML page that needs no other file."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from matplotlib.figure import Figure

from ase_tito.analysis.report.html import bullets, escape
from ase_tito.analysis.report.result import Report, Summary
from ase_tito.analysis.report.sections.cards import EXPLANATION, cards
from ase_tito.analysis.report.sections.data import data_section
from ase_tito.analysis.report.sections.energies import energies_section
from ase_tito.analysis.report.sections.kinetics import kinetics_section
from ase_tito.analysis.report.sections.thermodynamics import thermodynamics_section
from ase_tito.analysis.report.sections.trust import trust_section
from ase_tito.analysis.report.sections.validity import validity_section
from ase_tito.analysis.report.text import count, time


def html_page(report: Report, figures: Mapping[str, Figure]) -> str:
    """The page, figures embedded."""
    sections = {
        "Data": data_section(report),
        "Thermodynamics": thermodynamics_section(report, figures),
        "Kinetics": kinetics_section(report, figures),
        "Energies": energies_section(report, figures),
        "Validity": validity_section(report),
        "Self-consistency": trust_section(report),
    }
    links = "".join(
        f'<a href="#{title.lower()}">{title}</a>' for title, text in sections.items() if text
    )
    against = "against molecular dynamics" if report.reference else "without a reference"
    explanation = f'<p class="small">{escape(EXPLANATION)}</p>' if report.reference else ""
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
<div class="cards">{"".join(cards(report))}</div>
{explanation}
<nav>{links}</nav>
{_notes(report)}
{"".join(sections.values())}
<footer>ase_tito {escape(report.package_version)}, seed {report.settings.seed}. The same numbers
are in report.json, the figures as PDF in figures/. JSD: Jensen–Shannon divergence in nats, no
square root. Floor: one half of the MD against the other, at as many frames as the model has; at
equal counts: the model against the same halves; excess: their difference. Intervals: 95 %, block
bootstrap with blocks of {time(report.kinetics.block_time_ps)}.</footer>
</main></body></html>
"""


def _notes(report: Report) -> str:
    return f'<div class="notes">{bullets(report.notes)}</div>' if report.notes else ""


def _formula(formula: str) -> str:
    return "".join(f"<sub>{c}</sub>" if c.isdigit() else escape(c) for c in formula)


def _words(side: Summary) -> str:
    many = len(side.files)
    what = "One trajectory" if many == 1 else f"{many} trajectories"
    return f"{what}, {count(side.frames)} frames {time(side.frame_spacing_ps)} apart,"
