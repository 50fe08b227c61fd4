"""Lags beyond the trained ones: the correlation of ψ is fitted, that of φ predicted."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from prior_setting import BATCH, Setting, Table
from prior_training import trained

from ase_tito.analysis import dihedrals, mean_cosine_change
from ase_tito.evaluation import markdown_table
from ase_tito.models import load_model
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.interpolation import fit_interpolation_time, interpolated

TOLERANCE = 0.03
PSI = 1


def interpolation(setting: Setting, options: argparse.Namespace) -> Table:
    """A table of both correlations: MD's, held at the longest trained lag, and fitted to ψ."""
    name = f"to-{options.longest_ps:g}ps-{options.minutes:g}min"
    path = trained(
        options, name, "prior", options.runs, lags_ps=(1.0, options.longest_ps), seed=options.seed
    )
    rows = []
    for lag in options.lags_ps:
        key = f"interpolation-{name}-{lag:g}ps-{options.single_jumps}"
        found = setting.once(key, lambda lag=lag: _beyond(setting, options, load_model(path), lag))
        time = f"{found['interpolation_time_ps']:.1f}"
        for k, torsion in enumerate(("φ", "ψ")):
            each = ", ".join(f"{run[k]:.3f}" for run in found["of_each_run"])
            values = [f"{found[which][k]:.3f}" for which in ("held", "fitted", "without")]
            reached = time + ("" if found["reached"] else " (not reached)")
            md = f"{found['MD'][k]:.3f} ({each})"
            rows.append([f"{lag:g}", torsion, md, *values, f"{found['error'][k]:.3f}", reached])
    header = [
        *("lag, ps", "⟨cos Δ⟩ of", "MD (each run)", f"model held at {options.longest_ps:g} ps"),
        *("fitted to ψ", "the limit, u_eq alone", "standard error", "τ_int, ps"),
    ]
    return markdown_table(header, rows), None


def _beyond(
    setting: Setting,
    options: argparse.Namespace,
    operator: ImplicitTransferOperator,
    lag_ps: float,
) -> dict[str, Any]:
    starts = setting.reference.spread_frames(options.single_jumps, lag_ps)
    x = torch.from_numpy(setting.reference.frames[starts])
    before = np.concatenate(setting.angles)[starts]
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(options.seed))

    def after(kernel: ImplicitTransferOperator) -> np.ndarray:
        moved = [
            kernel.sample(setting.graph, x[part], lag_ps, noise=noise[part]).positions.numpy()
            for part in (slice(k, k + BATCH) for k in range(0, len(x), BATCH))
        ]
        return dihedrals(np.concatenate(moved), setting.phi_psi)

    def correlation(kernel: ImplicitTransferOperator) -> list[float]:
        return [float(value) for value in mean_cosine_change(before, after(kernel))]

    pairs = setting.pairs(lag_ps)
    md = mean_cosine_change(*map(np.concatenate, zip(*pairs, strict=True)))
    fitted = fit_interpolation_time(
        operator, lag_ps, lambda k: correlation(k)[PSI], float(md[PSI]), tolerance=TOLERANCE
    )
    moved = after(fitted.operator)
    forever = interpolated(operator, lag_ps, 1e3 * options.relaxation_time_ps)
    return {
        "MD": md.tolist(),
        "of_each_run": [mean_cosine_change(*pair).tolist() for pair in pairs],
        "held": correlation(interpolated(operator, lag_ps, options.longest_ps)),
        "fitted": mean_cosine_change(before, moved).tolist(),
        "without": correlation(forever),
        "error": (np.cos(moved - before).std(0) / np.sqrt(len(x))).tolist(),
        "interpolation_time_ps": fitted.interpolation_time_ps,
        "reached": fitted.reached,
    }
