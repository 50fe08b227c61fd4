"""Does the model agree with itself?"""

from __future__ import annotations

from ase_tito.analysis.report.html import escape, light, section
from ase_tito.analysis.report.result import Report


def trust_section(report: Report) -> str:
    """The traffic light and what it is made of; empty if nothing could be checked."""
    trust = report.trust
    if trust is None:
        return ""
    summary = trust.describe().splitlines()
    lines = [light(found.light, f"{found.check}: {found.reason}") for found in trust.findings]
    missing = f"<p>Not checked: {escape(', '.join(trust.missing))}.</p>" if trust.missing else ""
    if "jumps" in trust.missing:
        missing += "<p>Jumps can be checked if the model makes some: ase-tito analyse --model.</p>"
    return section(
        "self-consistency",
        "Self-consistency",
        light(trust.light, summary[0]),
        *lines,
        missing,
        f"<p>{escape(summary[-1])}</p>",
    )
