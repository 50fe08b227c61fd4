"""Acceptance of corrected chains, its interval, and the costs, as one table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_tito.evaluation import markdown_table

CONFIDENCE = 0.95


def interval(chains: NDArray[np.float64], rng: np.random.Generator) -> list[float]:
    """Bootstrap interval of a mean over chains, shape (chains, jumps), drawn as wholes."""
    drawn = rng.integers(len(chains), size=(4000, len(chains)))
    means = chains.mean(1)[drawn].mean(1)
    edge = (1 - CONFIDENCE) / 2
    return np.quantile(means, [edge, 1 - edge]).tolist()


def summary(what: str, chains: list[dict[str, Any]], leave_out: int = 0) -> dict[str, Any]:
    """The figures of one lag, or step; costs are those of the whole, the rest is without a start.

    The acceptance is the mean of min(1, r): what is accepted on average over the last draw, too.
    """
    ratios = np.array(
        [[-np.inf if r is None else r for r in c["log_ratios"][leave_out:]] for c in chains]
    )
    probabilities = np.exp(np.minimum(ratios, 0.0))
    finite = ratios[np.isfinite(ratios)]
    errors = [chain["ode_error"] for chain in chains if chain["ode_error"] is not None]
    proposals = sum(len(chain["log_ratios"]) for chain in chains)
    return {
        "proposed_by": what,
        "proposals": ratios.size,
        "valid": float(np.mean([chain["valid"][leave_out:] for chain in chains])),
        "accepted": int(sum(sum(chain["accepted"][leave_out:]) for chain in chains)),
        "acceptance": float(probabilities.mean()),
        "acceptance_interval": interval(probabilities, np.random.default_rng(0)),
        "log_ratio_mean": float(finite.mean()) if len(finite) else None,
        "log_ratio_std": float(finite.std(ddof=1)) if len(finite) > 1 else None,
        "log_ratio_quartiles": (
            np.quantile(finite, [0.25, 0.5, 0.75]).tolist() if len(finite) else []
        ),
        "ode_error_median": float(np.median(errors)) if errors else None,
        "ode_error_largest": max(errors, default=None),
        "ode_errors_measured": len(errors),
        **{
            f"{name}_per_proposal": sum(chain[name] for chain in chains) / proposals
            for name in ("evaluations", "divergences", "energies", "cpu_s")
        },
    }


def markdown(rows: list[dict[str, Any]]) -> str:
    """One line for each lag, or step."""
    header = [
        *("proposals are", "in all", "valid", "accepted", "acceptance (95 %)"),
        *("ln r: std", "quartiles", "integration error: median, largest"),
        "velocities, divergences, CPU seconds of each",
    ]
    return markdown_table(header, [_line(row) for row in rows])


def _line(row: dict[str, Any]) -> list[str]:
    low, high = row["acceptance_interval"]
    return [
        row["proposed_by"],
        f"{row['proposals']:,}",
        f"{row['valid']:.1%}",
        f"{row['accepted']:,}",
        f"{row['acceptance']:.1%} ({low:.1%} to {high:.1%})",
        _number(row["log_ratio_std"], ".2f"),
        " / ".join(f"{value:.2f}" for value in row["log_ratio_quartiles"]),
        f"{_number(row['ode_error_median'], '.3f')}, {_number(row['ode_error_largest'], '.3f')} "
        f"(of {row['ode_errors_measured']})",
        f"{row['evaluations_per_proposal']:,.0f}, {row['divergences_per_proposal']:.0f}, "
        f"{row['cpu_s_per_proposal']:.1f}",
    ]


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
