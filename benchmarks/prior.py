"""What a Boltzmann prior brings to alanine dipeptide, as tables and figures.

    python benchmarks/prior.py equilibrium   RUN1.npz RUN2.npz --output report
    python benchmarks/prior.py relaxation    RUN1.npz RUN2.npz --output report
    python benchmarks/prior.py efficiency    RUN1.npz RUN2.npz --output report --minutes 10
    python benchmarks/prior.py interpolation RUN1.npz RUN2.npz --output report --minutes 15
    python benchmarks/prior.py score         RUN1.npz RUN2.npz --output report --minutes 5

equilibrium: independent samples of the prior of --model beside MD. --weighted N adds importance
weights of N samples (some seconds a sample).
relaxation: jumps of growing lags from one frame beside where MD goes from the frames near it.
efficiency: models with and without the prior, trained for the same minutes on the same few pairs:
the first --share of all runs but the last, or as much in short runs that start off equilibrium.
Equilibrium and slowest timescale of nested jumps, for --seeds seeds, judged by the last run alone.
--sets all adds the whole of the runs but the last.
interpolation: a model trained on lags up to --longest-ps is taken beyond them, by fitting τ_int to
MD's correlation of ψ; that of φ is then a prediction.
score: an equilibrium alone, trained with the coupling 'independent', and how far its score by one
evaluation is from the exact derivative of its log-density.

Writes report/PART.md and, for the first three, report/PART.png. MD runs are .npz files, frames
evenly spaced. What is done is kept as JSON in the output directory, each training and each lag by
itself: the same command goes on where it was interrupted, an interrupted training too. Needs the
extra `md` for energies.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from prior_efficiency import SETS, efficiency
from prior_interpolation import interpolation
from prior_samples import equilibrium, relaxation
from prior_score import score
from prior_setting import Setting

from ase_tito.atomic import write_atomically

PARTS = {
    "equilibrium": equilibrium,
    "relaxation": relaxation,
    "efficiency": efficiency,
    "interpolation": interpolation,
    "score": score,
}


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("runs", nargs="+", type=Path, help="MD (.npz)")
    parser.add_argument("--model", default="alanine-dipeptide-prior", help="with the prior")
    parser.add_argument("--output", type=Path, required=True, help="directory")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    training = parser.add_argument_group("trainings")
    training.add_argument("--minutes", type=float, default=10.0, help="of each")
    training.add_argument("--compile", action="store_true", help="compile the networks")
    training.add_argument("--relaxation-time-ps", type=float, default=40.0)
    training.add_argument("--features", type=int, default=64, help="of the networks")
    alone = parser.add_argument_group("equilibrium")
    alone.add_argument("--samples", type=int, default=3000, help="of the prior")
    alone.add_argument("--weighted", type=int, default=0, help="samples that get weights")
    jumps = parser.add_argument_group("relaxation")
    jumps.add_argument("--frame", type=int, default=0, help="where it starts")
    jumps.add_argument(
        "--relaxation-lags-ps", type=float, nargs="+", default=[1, 3, 10, 30, 100, 300]
    )
    jumps.add_argument(
        "--single-jumps", type=int, default=1000, help="of each lag, for interpolation too"
    )
    few = parser.add_argument_group("efficiency")
    few.add_argument("--seeds", type=int, default=3, help="trainings of each kind")
    few.add_argument("--sets", nargs="+", choices=SETS, default=["first", "short"], help="of pairs")
    few.add_argument("--share", type=float, default=0.1, help="of the MD, that trains")
    few.add_argument("--replicas", type=int, default=100, help="of nested jumps")
    few.add_argument("--jumps", type=int, default=45, help="nested, of each replica")
    beyond = parser.add_argument_group("interpolation")
    beyond.add_argument("--longest-ps", type=float, default=2.0, help="trained")
    beyond.add_argument("--lags-ps", type=float, nargs="+", default=[4.0, 8.0], help="beyond it")
    forces = parser.add_argument_group("score")
    forces.add_argument("--states", type=int, default=6, help="samples that get forces")
    options = parser.parse_args(argv)
    if not 0 < options.share <= 1:
        parser.error(f"--share must be above 0 and at most 1, not {options.share:g}")
    if options.part == "efficiency" and len(options.runs) < 2:
        parser.error("efficiency takes two runs at least: the last one judges, and trains nothing")
    return options


def main(argv: Sequence[str] | None = None) -> str:
    """Compute one table."""
    options = arguments(argv)
    torch.set_num_threads(options.threads)
    options.output.mkdir(parents=True, exist_ok=True)
    text, figure = PARTS[options.part](Setting(options), options)
    write_atomically(options.output / f"{options.part}.md", text.encode())
    if figure is not None:
        figure.savefig(options.output / f"{options.part}.png", dpi=200)
    print(text)
    return text


if __name__ == "__main__":
    main()
