"""The part of a report that needs no reference: does the model agree with itself?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ase_tito.analysis.clusters import k_means
from ase_tito.analysis.replicas import replica_agreement
from ase_tito.analysis.report.basis import Basis
from ase_tito.analysis.report.jumps import DoubledJumps
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.report.observe import Coordinates, Observed
from ase_tito.analysis.report.statistics import Statistics
from ase_tito.analysis.reversibility import reversibility
from ase_tito.analysis.trust import (
    Finding,
    TrustReport,
    judge_jumps,
    judge_replicas,
    judge_reversibility,
    judge_validity,
    jump_consistency,
    trust_report,
)

STATES = 10
"""Of the test for reversibility: few, so that each pair of them has transitions."""


def analyse_trust(
    basis: Basis,
    coordinates: Coordinates,
    model: Observed,
    jumps: DoubledJumps | None,
    statistics: Statistics,
    notes: Notes,
) -> TrustReport | None:
    """Consistency of jumps, if some are given; reversibility, agreement of replicas, validity."""
    findings = [
        None
        if jumps is None
        else notes.attempt(
            "Consistency of jumps", lambda: _jumps(basis, coordinates, jumps, statistics)
        ),
        notes.attempt("Reversibility", lambda: _reversibility(basis, model, statistics)),
        notes.attempt("Agreement of replicas", lambda: _replicas(basis)),
        notes.attempt("Validity", lambda: judge_validity(first_proposals(model))),
    ]
    made = [finding for finding in findings if finding is not None]
    return trust_report(made) if made else None


def first_proposals(model: Observed) -> np.ndarray:
    """Whether each proposal was valid: by the run's own count and by the frames there are.

    Frames that were kept after a retry hide the invalid proposal before; the headers do not. An
    invalid frame was a proposal too, whatever the header says.
    """
    found = []
    frames = np.split(model.geometry.invalid, np.cumsum(model.lengths)[:-1])
    for source, invalid in zip(model.sources, frames, strict=True):
        counters = source.description.get("counters", {})
        jumps = max(counters.get("jumps", 0), len(invalid))
        bad = max(counters.get("invalid_first_proposals", 0), int(invalid.sum()))
        found.append(np.arange(jumps) >= bad)
    return np.concatenate(found)


def _jumps(
    basis: Basis, coordinates: Coordinates, jumps: DoubledJumps, statistics: Statistics
) -> Finding:
    projected = (
        basis.project(coordinates, part[jumps.finite])
        for part in (jumps.starts, jumps.one_jump, jumps.two_jumps)
    )
    found = judge_jumps(jump_consistency(*projected, generator=statistics.generator("jumps")))
    return replace(found, reason=f"τ = {jumps.lag_time_ps:g} ps: {found.reason}")


def _reversibility(basis: Basis, model: Observed, statistics: Statistics) -> Finding:
    clusters = k_means(basis.model, STATES, seed=statistics.settings.seed)
    lag = max(1, round(basis.lag_time_ps / model.frame_spacing_ps))
    return judge_reversibility(
        reversibility(
            [clusters.assign(run) for run in basis.model],
            max(statistics.model_block, lag),
            generator=statistics.generator("reversibility"),
            lag=lag,
        )
    )


def _replicas(basis: Basis) -> Finding:
    return judge_replicas(replica_agreement(basis.model))
