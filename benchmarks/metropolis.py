"""How often Metropolis-Hastings accepts jumps of alanine dipeptide, and what it costs.

    python benchmarks/metropolis.py CHECKPOINT RUN1.npz RUN2.npz --output report

starts --chains short chains from evenly spread frames of MD (.npz, as for alanine_dipeptide.py), so
that they are at equilibrium from the start, makes --jumps proposals in each at each lag, and writes
report/metropolis.json and report/metropolis.md. Each chain is kept in report/chains as it is done:
a second call goes on where the first was interrupted. Energies are those of the data's force field
(AMBER ff96, OBC2), through OpenMM as an ASE calculator. Needs the extra `md`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ase_tito.atomic import write_atomically
from ase_tito.dynamics import MetropolisHastings, TITOEnsemble
from ase_tito.evaluation import Reference
from ase_tito.flow.density import Quadrature
from ase_tito.md.alanine_dipeptide import alanine_dipeptide_system
from ase_tito.md.calculator import OpenMMCalculator
from ase_tito.models import load_model

CONFIDENCE = 0.95


def run_chain(
    options: argparse.Namespace, reference: Reference, frame: int, lag_ps: float, replica: int
) -> dict[str, Any]:
    """One chain: log ratios of its proposals (None without one), acceptances and costs."""
    correction = MetropolisHastings(
        OpenMMCalculator(alanine_dipeptide_system()),
        proposals=options.batch,
        quadrature=Quadrature(options.nodes, options.steps),
    )
    ensemble = TITOEnsemble(
        load_model(options.checkpoint),
        reference.graph,
        [reference.frames[frame].astype(float)],
        lag_ps,
        seed=options.seed,
        replicas=[replica],
        correction=correction,
    )
    started = time.perf_counter()
    log_ratios, accepted, valid = [], [], []
    for jump in ensemble.run(options.jumps):
        record = ensemble.metropolis_record(0)
        log_ratios.append(record.log_ratio if record else None)
        accepted.append(bool(jump.accepted[0]) if jump.accepted is not None else False)
        valid.append(bool(jump.first_valid[0]))
    record = ensemble.metropolis_record(0)
    if record is None:
        raise SystemExit("the ensemble was not corrected")
    return {
        "log_ratios": log_ratios,
        "accepted": accepted,
        "valid": valid,
        "ode_error": record.ode_error,
        "evaluations": record.evaluations,
        "divergences": record.divergences,
        "energies": record.energies,
        "wall_time_s": time.perf_counter() - started,
    }


def interval(chains: NDArray[np.float64], rng: np.random.Generator) -> list[float]:
    """Bootstrap interval of a mean over chains, shape (chains, jumps), drawn as wholes."""
    drawn = rng.integers(len(chains), size=(4000, len(chains)))
    means = chains.mean(1)[drawn].mean(1)
    edge = (1 - CONFIDENCE) / 2
    return np.quantile(means, [edge, 1 - edge]).tolist()


def summary(lag_ps: float, chains: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of one lag."""
    ratios = np.array(
        [[-np.inf if r is None else r for r in chain["log_ratios"]] for chain in chains]
    )
    probabilities = np.exp(np.minimum(ratios, 0.0))
    finite = ratios[np.isfinite(ratios)]
    errors = [chain["ode_error"] for chain in chains if chain["ode_error"] is not None]
    jumps = ratios.size
    return {
        "lag_ps": lag_ps,
        "proposals": jumps,
        "valid": float(np.mean([chain["valid"] for chain in chains])),
        "accepted": int(sum(sum(chain["accepted"]) for chain in chains)),
        "acceptance": float(probabilities.mean()),
        "acceptance_interval": interval(probabilities, np.random.default_rng(0)),
        "log_ratio_std": float(finite.std(ddof=1)) if len(finite) > 1 else None,
        "log_ratio_quartiles": np.quantile(finite, [0.25, 0.5, 0.75]).tolist(),
        "ode_error_median": float(np.median(errors)) if errors else None,
        "ode_error_largest": max(errors, default=None),
        "ode_errors_measured": len(errors),
        **{
            f"{name}_per_proposal": sum(chain[name] for chain in chains) / jumps
            for name in ("evaluations", "divergences", "energies", "wall_time_s")
        },
    }


def markdown(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| lag | proposals | valid | accepted | mean acceptance (95 %) | std of log r "
        "| quartiles of log r | integration error, median / largest | velocities, divergences, "
        "seconds per proposal |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        low, high = row["acceptance_interval"]
        quartiles = " / ".join(f"{value:.1f}" for value in row["log_ratio_quartiles"])
        lines.append(
            f"| {row['lag_ps']:g} ps | {row['proposals']} | {row['valid']:.1%} | {row['accepted']} "
            f"| {row['acceptance']:.2%} ({low:.2%} to {high:.2%}) | {row['log_ratio_std']:.1f} "
            f"| {quartiles} | {row['ode_error_median']:.3f} / {row['ode_error_largest']:.3f} "
            f"({row['ode_errors_measured']}) | {row['evaluations_per_proposal']:.0f}, "
            f"{row['divergences_per_proposal']:.0f}, {row['wall_time_s_per_proposal']:.1f} |"
        )
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", help="a model's name, or a path")
    parser.add_argument("runs", nargs="+", type=Path, help="MD at equilibrium (.npz)")
    parser.add_argument("--output", type=Path, required=True, help="directory")
    parser.add_argument("--lags-ps", type=float, nargs="+", default=[10.0, 100.0])
    parser.add_argument("--chains", type=int, default=30)
    parser.add_argument("--jumps", type=int, default=10, help="proposals of each chain")
    parser.add_argument("--batch", type=int, default=4, help="most proposals in one batch")
    parser.add_argument("--nodes", type=int, default=Quadrature().nodes)
    parser.add_argument("--steps", type=int, default=Quadrature().steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    reference = Reference.from_files(options.runs)
    frames = reference.spread_frames(options.chains)
    kept = options.output / "chains"
    kept.mkdir(parents=True, exist_ok=True)
    rows = []
    for lag_ps in options.lags_ps:
        chains = []
        for replica, frame in enumerate(frames):
            counts = options.jumps, options.nodes, options.steps
            key = (options.seed, f"{lag_ps:g}ps", replica, *counts)
            path = kept / f"{'-'.join(map(str, key))}.json"
            if not path.exists():
                chain = run_chain(options, reference, int(frame), lag_ps, replica)
                write_atomically(path, json.dumps(chain).encode())
            chains.append(json.loads(path.read_text()))
            shares = np.exp([min(0.0, r) for c in chains for r in c["log_ratios"] if r is not None])
            print(f"{lag_ps:g} ps: {len(chains)} chains, {shares.sum():.3g} accepted on average")
        rows.append(summary(lag_ps, chains))
    settings = {k: str(v) for k, v in vars(options).items()}
    report = {"settings": settings, "rows": rows}
    (options.output / "metropolis.json").write_text(json.dumps(report, indent=1))
    (options.output / "metropolis.md").write_text(markdown(rows))
    print(markdown(rows))


if __name__ == "__main__":
    main()
