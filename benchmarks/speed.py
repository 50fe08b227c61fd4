"""How fast: jumps beside molecular dynamics in the same run, and what they cost.

    python benchmarks/speed.py --output speed-report

writes speed-report/speed.json, speed.md (tables) and speed.png. All contestants of a part take
turns in short slices, several times, so that ratios hold on a busy machine too. --parts measures
some parts only; what another call has measured stays, so that the whole can be done in pieces:

    dynamics  simulated ns/day of alanine dipeptide by TITO, ASE's Langevin and OpenMM, ratios, and
              independent samples of the slowest torsion per second
    jump      one evaluation, one jump of TITODynamics.run, and evaluations in a batch
    replicas  seconds per jump against the number of replicas
    atoms     seconds per evaluation against the number of atoms
    cutoff    from how many atoms a neighbour list would pay (an estimate)
    training  training samples per second, beside a second implementation with --against

Needs the extra `md`. Twelve minutes on two idle cores; --smoke takes seconds and means nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import speed_cost as cost
import speed_dynamics as dynamics
import torch
from speed_report import figure, markdown
from speed_timing import machine

from ase_tito.atomic import write_atomically
from ase_tito.models import load_model

PARTS = ("dynamics", "jump", "replicas", "atoms", "cutoff", "training")
SMOKE = {
    "rounds": 1,
    "slice_s": 0.02,
    "md_s": 0.0,
    "processes": 1,
    "replicas": (1, 2),
    "lags_ps": (1000.0,),
    "chains": 2,
    "chain_jumps": 4,
    "batch": 2,
    "replica_counts": (1, 2),
    "carbons": (3, 6),
    "training_rounds": 1,
}
"""Options of --smoke: every line runs, and nothing is measured."""


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("speed-report"), metavar="DIR")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--note", default="", help="to stand above the tables")
    parser.add_argument("--smoke", action="store_true", help="seconds, for a test")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default: 5)")
    parser.add_argument(
        "--slice-s", type=float, default=2.0, help="seconds of a turn, at least (default: 2)"
    )
    parser.add_argument("--replicas", type=int, nargs="+", default=(1, 10, 100, 1000))
    parser.add_argument("--lags-ps", type=float, nargs="+", default=(10.0, 100.0, 1000.0))
    parser.add_argument(
        "--ode",
        nargs="*",
        default=("multistep-8",),
        help="other integrations than the model's own, at the longest lag (default: multistep-8)",
    )
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count(), help="of OpenMM (default: one per core)"
    )
    parser.add_argument(
        "--md-s",
        type=float,
        default=60.0,
        help="more seconds of MD, for its correlation time (default: 60)",
    )
    parser.add_argument(
        "--reference",
        type=Path,
        nargs="+",
        default=(),
        metavar="RUN.npz",
        help="MD with a frame each ps, to take the correlation time from instead",
    )
    parser.add_argument("--chains", type=int, default=60, help="of jumps, for their correlation")
    parser.add_argument("--chain-jumps", type=int, default=60, help="jumps of each")
    parser.add_argument("--batch", type=int, default=1000, help="replicas of the part jump")
    parser.add_argument(
        "--replica-counts", type=int, nargs="+", default=(1, 3, 10, 30, 100, 300, 1000)
    )
    parser.add_argument(
        "--carbons",
        type=int,
        nargs="+",
        default=(3, 6, 13, 26, 46, 66),
        help="alkanes of the part atoms, of 3 n + 2 atoms each",
    )
    parser.add_argument("--training-rounds", type=int, default=10)
    parser.add_argument("--against", metavar="FILE.py:CLASS", help="as in benchmarks/network.py")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of PyTorch")
    options = parser.parse_args(argv)
    if options.smoke:
        vars(options).update(SMOKE)
    return options


def measure(part: str, options: argparse.Namespace) -> dict[str, Any]:
    """One part, with its progress on the screen."""

    def say(what: str) -> None:
        print(f"{time.strftime('%H:%M:%S')}  {part}: {what}", flush=True)

    say("begins")
    if part == "training":
        return cost.measure_training(options, say)
    name, function = {
        "dynamics": ("alanine-dipeptide", dynamics.measure_dynamics),
        "jump": ("alanine-dipeptide", dynamics.measure_jump),
        "replicas": ("alanine-dipeptide", cost.measure_replicas),
        "atoms": ("molecules", cost.measure_atoms),
        "cutoff": ("molecules", cost.estimate_cutoff),
    }[part]
    return function(load_model(name), options, say)


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(argv)
    torch.set_num_threads(options.threads)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / "speed.json"
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    results |= {
        "machine": machine(options.threads),
        "rounds": options.rounds,
        "slice_s": options.slice_s,
        "note": options.note,
    }
    for part in options.parts:
        results[part] = measure(part, options)
        write_atomically(path, (json.dumps(results, indent=1) + "\n").encode())
    text = markdown(results)
    (options.output / "speed.md").write_text(text)
    figure(results).savefig(options.output / "speed.png", dpi=200)
    print(text)
    return results


if __name__ == "__main__":
    main()
