"""How far the cheap score is from the exact forces of a Boltzmann prior."""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from ase import units
from prior_setting import Setting, Table
from prior_training import trained

from ase_tito.evaluation import markdown_table
from ase_tito.models import load_prior
from ase_tito.transfer.prior import GRADIENT_ODE

TIMES = (0.9, 0.95, 0.98, 0.99, 0.995)


def score(setting: Setting, options: argparse.Namespace) -> Table:
    """Root mean squares over components of kT ∇ log p_eq, exact and by one evaluation."""
    name = f"independent-{options.minutes:g}min"
    path = trained(options, name, "equilibrium", options.runs, seed=options.seed)

    def figures() -> dict[str, Any]:
        prior = load_prior(path).in_float64()
        generator = torch.Generator().manual_seed(options.seed)
        given = {"generator": generator, "dtype": torch.float64}
        x = prior.sample(setting.graph, options.states, **given).positions
        kT = units.kB * setting.reference.temperature_K
        started = time.process_time()
        _, gradient = prior.log_prob_gradient(setting.graph, x, ode=GRADIENT_ODE)
        exact = kT * gradient.numpy()
        found: dict[str, Any] = {
            "exact": _rms(exact),
            "cpu_s": (time.process_time() - started) / len(x),
            "rows": [],
        }
        for s in TIMES:
            started = time.process_time()
            approximate = kT * prior.score(setting.graph, x, flow_time=s).numpy()
            seconds = (time.process_time() - started) / len(x)
            match = float(np.corrcoef(approximate.ravel(), exact.ravel())[0, 1])
            row = [s, _rms(approximate), _rms(approximate - exact), match, seconds]
            found["rows"].append(row)
        return found

    found = setting.once(f"score-{name}-{options.states}", figures)
    rows = [
        [f"{s:g}", f"{size:.2f}", f"{error:.2f}", f"{match:.2f}", f"{seconds:.4f}"]
        for s, size, error, match, seconds in found["rows"]
    ]
    header = ("s", "score, eV/Å", "difference, eV/Å", "correlation", "CPU seconds of each")
    return (
        f"{options.states} samples; exact forces: {found['exact']:.2f} eV/Å, "
        f"{found['cpu_s']:.1f} CPU seconds each.\n\n" + markdown_table(header, rows),
        None,
    )


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))
