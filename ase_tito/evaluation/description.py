"""What the MD of a molecule is, what of it is used for what, and whether it mixes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ase_tito.analysis import mixing
from ase_tito.analysis.report.notes import Notes
from ase_tito.evaluation.distributions import Distribution, Runs
from ase_tito.evaluation.references import MoleculeReference
from ase_tito.evaluation.result import as_json
from ase_tito.evaluation.slow import SlowCoordinates


def describe_reference(
    reference: MoleculeReference, slow: SlowCoordinates, md: Distribution, notes: Notes
) -> dict[str, Any]:
    """What the MD is and whether it mixes; if not, a note says so first."""
    equilibrium = reference.equilibrium
    described: dict[str, Any] = {
        "force_field": reference.force_field,
        "features": slow.description,
        "tica_lag_ps": slow.lag_time_ps,
        "slow_coordinates": slow.dimensions,
        "equilibrium": _runs(reference, exchanged=not reference.ordered),
        "dynamics": None if reference.dynamics is None else _runs(reference, exchanged=False),
        "frames": sum(equilibrium.lengths),
    }
    projections = {"equilibrium": md.runs}
    if reference.dynamics is not None and not reference.ordered:
        projections["dynamics"] = [slow.project(run.positions) for run in reference.dynamics.runs]
    for name, runs in projections.items():
        described[f"{name}_mixing"] = _mixing(name, runs, notes)
    return described


def _runs(reference: MoleculeReference, *, exchanged: bool) -> str:
    source = reference.equilibrium if exchanged else reference.dynamics
    if source is None:
        return ""
    count, frames = len(source.runs), sum(source.lengths)
    kind = "not time-ordered" if exchanged else "time-ordered"
    time = "" if exchanged else f", {frames * source.frame_spacing_ps / 1000:g} ns"
    return f"{count} {kind} run{'s' * (count > 1)} of {frames:,} frames in all{time}"


def _mixing(name: str, runs: Runs, notes: Notes) -> dict[str, Any] | None:
    found = notes.attempt(f"Mixing of the MD ({name})", lambda: mixing([run[:, 0] for run in runs]))
    if found is None:
        return None
    if not found.mixes:
        notes.insert(0, f"The MD ({name}) {found.describe()}.")
    return {**as_json(asdict(found)), "mixes": found.mixes}
