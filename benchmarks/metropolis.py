"""How often Metropolis-Hastings accepts moves of alanine dipeptide, what it costs, what comes out.

    python benchmarks/metropolis.py CHECKPOINT RUN1.npz RUN2.npz --output report

starts --chains short chains from evenly spread frames of MD (.npz, as for alanine_dipeptide.py), so
that they are at equilibrium from the start, makes --jumps proposals in each at each lag, and writes
report/metropolis.json and report/metropolis.md. Chains are kept in report/chains, --together at a
time, as they are done: a second call goes on where the first was interrupted. Energies are those of
the data's force field (AMBER ff96, OBC2), through OpenMM as an ASE calculator. Needs the extra
`md`.

With --source-steps 0.05 0.1 ... moves in the source space of the model's Boltzmann prior take the
place of the lags.

--free-energies compares φ and ψ of the chains with MD: the free energies of sixths of the circle,
with 95 % intervals by a bootstrap over chains, and over blocks of 1 ns of MD, as a table and as
report/free-energies.png. All chains then start from one frame, --from-frame, and their first
third is left out, so that agreement is no matter of where they started. Use some dozen jumps of a
lag beyond the slowest timescale, or some hundred moves.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from metropolis_chains import Kind, kept_chains
from metropolis_free_energies import figure, free_energies, free_energy_markdown
from metropolis_summary import markdown, summary

from ase_tito.atomic import write_atomically
from ase_tito.evaluation import Reference
from ase_tito.flow.density import Quadrature


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="a model's name, or a path")
    parser.add_argument("runs", nargs="+", type=Path, help="MD at equilibrium (.npz)")
    parser.add_argument("--output", type=Path, required=True, help="directory")
    parser.add_argument("--lags-ps", type=float, nargs="+", default=[10.0, 100.0])
    parser.add_argument("--chains", type=int, default=30)
    parser.add_argument("--jumps", type=int, default=10, help="proposals of each chain")
    parser.add_argument("--together", type=int, default=10, help="chains in one batch")
    parser.add_argument("--nodes", type=int, default=Quadrature().nodes)
    parser.add_argument("--steps", type=int, default=Quadrature().steps)
    parser.add_argument(
        "--source-steps", type=float, nargs="+", default=[], help="moves in place of the lags"
    )
    parser.add_argument(
        "--free-energies", action="store_true", help="φ and ψ of chains from one frame, beside MD"
    )
    parser.add_argument(
        "--from-frame", type=int, help="where all chains start, of all the runs, from 0"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args(argv)
    if min(options.chains, options.jumps, options.together) < 1:
        parser.error("--chains, --jumps and --together must be at least 1")
    if options.free_energies and (options.chains < 2 or options.jumps < 3):
        parser.error("--free-energies takes two chains of three jumps at least")
    return options


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(argv)
    torch.set_num_threads(options.threads)
    reference = Reference.from_files(options.runs)
    if options.free_energies or options.from_frame is not None:
        frames = np.full(options.chains, options.from_frame or 0)
    else:
        frames = reference.spread_frames(options.chains)
    kinds = [Kind(lag_ps) for lag_ps in options.lags_ps]
    if options.source_steps:
        kinds = [Kind(options.lags_ps[0], step) for step in options.source_steps]
    leave_out = options.jumps // 3 if options.free_energies else 0
    rows, tables, energies = [], [], {}
    for kind in kinds:
        chains = kept_chains(options, reference, frames, kind)
        rows.append(summary(kind.name, chains, leave_out))
        if options.free_energies:
            energies[kind.name] = free_energies(reference, chains, leave_out)
            tables.append(f"{kind.name}:\n\n{free_energy_markdown(energies[kind.name])}")
    report = {
        "settings": {k: str(v) for k, v in vars(options).items()},
        "rows": rows,
        "free_energies": energies,
    }
    text = "\n".join([markdown(rows), *tables])
    write_atomically(options.output / "metropolis.json", json.dumps(report, indent=1).encode())
    write_atomically(options.output / "metropolis.md", text.encode())
    if options.free_energies:
        figure(energies).savefig(options.output / "free-energies.png", dpi=200)
    print(text)
    return report


if __name__ == "__main__":
    main()
