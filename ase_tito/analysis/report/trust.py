"""The part of a report that needs no reference: does the model agree with itself?"""

from __future__ import annotations

import numpy as np

from ase_tito.analysis.clusters import k_means
from ase_tito.analysis.replicas import replica_agreement
from ase_tito.analysis.report.kinetics import Basis, Notes
from ase_tito.analysis.report.observe import Observed
from ase_tito.analysis.report.statistics import Statistics
from ase_tito.analysis.reversibility import reversibility
from ase_tito.analysis.trust import (
    Finding,
    TrustReport,
    judge_replicas,
    judge_reversibility,
    judge_validity,
    trust_report,
)

STATES = 10
"""Of the test for reversibility: few, so that each pair of them has transitions."""


def analyse_trust(
    basis: Basis, model: Observed, statistics: Statistics, notes: Notes
) -> TrustReport | None:
    """Reversibility, agreement of replicas, and validity, as far as trajectories tell."""
    findings = [
        notes.attempt("Reversibility", lambda: _reversibility(basis, model, statistics)),
        notes.attempt("Agreement of replicas", lambda: _replicas(basis)),
        notes.attempt("Validity", lambda: judge_validity(first_proposals(model))),
    ]
    made = [finding for finding in findings if finding is not None]
    return trust_report(made) if made else None


def first_proposals(model: Observed) -> np.ndarray:
    """Whether each proposal was valid: by the run's own count, else by the frames there are.

    Frames that were kept after a retry hide the invalid proposal before; the headers do not.
    """
    counters = [source.description.get("counters", {}) for source in model.sources]
    if not all({"jumps", "invalid_first_proposals"} <= set(counter) for counter in counters):
        return ~model.geometry.invalid
    return np.concatenate(
        [np.arange(counter["jumps"]) >= counter["invalid_first_proposals"] for counter in counters]
    )


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
