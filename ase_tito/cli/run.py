r"""Run learned dynamics of one molecule.

Writes an ASE trajectory, or with --replicas one for each replica into a directory (with --one-file
one of them all). A run that was interrupted or killed continues with --restart as if nothing had
happened.

Example:
  ase-tito run alanine-dipeptide.pdb --model alanine-dipeptide --lag-ps 100 --jumps 1000 \
      --temperature-K 300 --seed 0 --output x.traj
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ase_tito.cli.jumps import add_jump_options

if TYPE_CHECKING:
    from ase_tito.dynamics.after_jump import AfterJump
    from ase_tito.dynamics.jump import EnsembleJump
    from ase_tito.dynamics.metropolis import MetropolisHastings
    from ase_tito.dynamics.written_run import RunSummary

Number = TypeVar("Number", int, float)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to run, how, and where to write it."""
    parser.add_argument(
        "structure",
        metavar="STRUCTURE",
        help="one molecule with all its hydrogens: PDB, SDF, MOL, XYZ, .traj, or what ASE reads",
    )
    parser.add_argument("--output", metavar="PATH", required=True, help="x.traj, or a directory")
    add_jump_options(parser, molecule="the molecule", jumps=1000)
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="same seed, same noise: give each independent run its own (default: %(default)s)",
    )
    parser.add_argument(
        "--replicas",
        type=int,
        metavar="N",
        help="independent replicas, advanced together and written to PATH/replica-0000.traj, ...",
    )
    parser.add_argument(
        "--one-file",
        action="store_true",
        help="write the --replicas to one compact trajectory instead, PATH, each frame of which "
        "holds them all; without momenta",
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="most replicas sampled at once (default: what is fastest on this device)",
    )
    parser.add_argument(
        "--start",
        choices=("turn", "first", "last", "spread"),
        default="turn",
        help="frame of STRUCTURE to start from: replicas from all frames in turn (a single run "
        "from the first), all from the first or the last, or evenly spread (default: %(default)s)",
    )
    parser.add_argument(
        "--interval",
        type=int,
        default=1,
        metavar="N",
        help="jumps between written frames, a divisor of --jumps (default: %(default)s)",
    )
    existing = parser.add_mutually_exclusive_group()
    for option, explanation in (
        ("restart", "continue an existing output until it holds --jumps jumps in all"),
        ("append", "continue an existing output by --jumps more jumps"),
        ("overwrite", "replace an existing output"),
    ):
        existing.add_argument(
            f"--{option}",
            dest="existing",
            action="store_const",
            const="replace" if option == "overwrite" else option,
            default="refuse",
            help=explanation,
        )
    parser.add_argument(
        "--on-invalid",
        choices=("retry", "raise", "keep"),
        default="retry",
        help="what to do with a sample that is no valid geometry; retrying conditions the ensemble "
        "on validity (default: %(default)s)",
    )
    parser.add_argument(
        "--metropolis",
        metavar="FILE.py:NAME",
        help="accept or reject each jump so that frames follow exp(-U/kT), U from this ASE "
        "calculator or the one this function makes; exact, costly, and without simulated time",
    )
    parser.add_argument(
        "--source-step",
        type=float,
        metavar="B",
        help="with --metropolis: instead of jumps propose moves in the source space of the model's "
        "Boltzmann prior; small ones are accepted more often, 1 draws independent samples",
    )
    parser.add_argument(
        "--quadrature",
        metavar="NODESxSTEPS",
        help="with --metropolis: how exactly densities are integrated, such as 96x1; more nodes, "
        "with so many steps between them, where the log reports a large error "
        "(default: 64x1)",
    )
    parser.add_argument(
        "--short-md",
        nargs=2,
        metavar=("FILE.py:NAME", "PS"),
        help="Langevin dynamics of so many ps with this calculator after each jump (not exact)",
    )
    parser.add_argument(
        "--minimize",
        nargs=2,
        metavar=("FILE.py:NAME", "STEPS"),
        help="at most so many steps of minimization with this calculator after each jump, and "
        "after --short-md (not exact)",
    )
    parser.add_argument(
        "--ode-method",
        choices=("euler", "midpoint", "rk4", "multistep", "dopri5"),
        help="integration of the flow (default: the model's)",
    )
    parser.add_argument(
        "--steps",
        type=int,
        metavar="N",
        help="steps of the integration, for all methods but dopri5 (default: the model's)",
    )
    parser.add_argument(
        "--device", default="cpu", help="device of the network, such as cuda (default: %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(arguments: argparse.Namespace) -> None:
    """Run, show progress, and print what was done."""
    from tqdm import tqdm

    from ase_tito.cli.table import format_table
    from ase_tito.dynamics.campaign import run_to_files
    from ase_tito.errors import ConfigError
    from ase_tito.structure import read_structure

    if arguments.one_file and arguments.replicas is None:
        raise ConfigError("--one-file holds replicas: say how many by --replicas, or leave it out")
    ode = _ode(arguments)
    correction, after_jump = _correction(arguments), _after_jump(arguments)
    frames, bonds = read_structure(arguments.structure)
    with tqdm(desc="jumps", unit="jump", disable=True if arguments.quiet else None) as bar:

        def show(done: EnsembleJump, last: int) -> None:
            if bar.n == 0:  # a continued run starts in the middle
                bar.total, bar.initial, bar.n = last, done.jump - 1, done.jump - 1
            bar.update()

        summary = run_to_files(
            frames,
            arguments.output,
            jumps=arguments.jumps,
            lag_time_ps=arguments.lag_ps,
            replicas=arguments.replicas,
            one_file=arguments.one_file,
            batch_size=arguments.batch_size,
            existing=arguments.existing,
            start=arguments.start,
            model=arguments.model,
            temperature_K=arguments.temperature_K,
            seed=arguments.seed,
            interval=arguments.interval,
            on_invalid=arguments.on_invalid,
            correction=correction,
            after_jump=after_jump,
            ode=ode,
            bonds=bonds,
            device=arguments.device,
            progress=show,
        )
    rows = [
        ("trajectories", str(arguments.output)),
        ("replicas", f"{summary.replicas}"),
        ("jumps of each", f"{summary.jumps} of {summary.lag_time_ps:g} ps"),
        *(_corrected_rows(summary) if summary.metropolis else _plain_rows(summary)),
    ]
    if after_jump:
        names = ", ".join(type(step).__name__ for step in after_jump)
        rows.append(("not exact", f"{names} after each jump"))
    print(format_table(rows))


def _plain_rows(summary: RunSummary) -> list[tuple[str, str]]:
    proposals = summary.replicas * summary.jumps
    invalid = summary.invalid_first_proposals
    return [
        ("simulated time", f"{summary.simulated_time_ns:.6g} ns in all"),
        ("wall time", f"{summary.wall_time_s:.1f} s"),
        ("speed", f"{summary.ns_per_day:,.0f} ns/day"),
        ("invalid first proposals", f"{invalid} of {proposals} ({invalid / (proposals or 1):.2%})"),
    ]


def _corrected_rows(summary: RunSummary) -> list[tuple[str, str]]:
    """What a corrected run did since its start; there is no simulated time."""
    chains = summary.metropolis
    jumps = len(chains) * summary.total_jumps
    accepted = sum(chain.acceptances for chain in chains)
    errors = [chain.ode_error for chain in chains if chain.ode_error is not None]
    spreads = [chain.spread for chain in chains if chain.ratios > 1]

    def each(total: int) -> str:
        return f"{total} ({total / (jumps or 1):.3g} per jump)"

    return [
        ("simulated time", "undefined"),
        ("wall time", f"{summary.wall_time_s:.1f} s"),
        ("accepted", f"{accepted} of {jumps} ({accepted / (jumps or 1):.2%})"),
        ("with a log ratio", f"{sum(chain.ratios for chain in chains)} of {jumps}"),
        ("spread of the log ratio", f"{max(spreads):.3g}" if spreads else "-"),
        ("integration error", f"{max(errors):.2g}" if errors else "-"),
        ("evaluations", each(sum(chain.evaluations for chain in chains))),
        ("divergences", each(sum(chain.divergences for chain in chains))),
        ("energies", each(sum(chain.energies for chain in chains))),
    ]


def _ode(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was given of the integration."""
    from ase_tito.errors import ConfigError

    if arguments.ode_method == "dopri5" and arguments.steps is not None:
        raise ConfigError("--ode-method dopri5 chooses its own steps: leave --steps out")
    ode = {"method": arguments.ode_method, "steps": arguments.steps}
    return {key: value for key, value in ode.items() if value is not None}


def _correction(arguments: argparse.Namespace) -> MetropolisHastings | None:
    from ase_tito.errors import ConfigError

    if arguments.metropolis is None:
        for option in ("source_step", "quadrature"):
            if getattr(arguments, option) is not None:
                raise ConfigError(
                    f"--{option.replace('_', '-')} needs --metropolis, whose calculator accepts or "
                    "rejects moves"
                )
        return None
    from ase_tito.dynamics.metropolis import MetropolisHastings
    from ase_tito.flow.density import Quadrature
    from ase_tito.md.ase_langevin import load_calculator

    text = arguments.quadrature
    return MetropolisHastings(
        load_calculator(arguments.metropolis),
        source_step=arguments.source_step,
        quadrature=None if text is None else Quadrature.from_text(text),
    )


def _after_jump(arguments: argparse.Namespace) -> list[AfterJump]:
    from ase_tito.dynamics.after_jump import Minimize, ShortMD
    from ase_tito.md.ase_langevin import load_calculator

    steps: list[AfterJump] = []
    if arguments.short_md is not None:
        name, time_ps = arguments.short_md
        steps.append(ShortMD(load_calculator(name), _number("--short-md", time_ps, float)))
    if arguments.minimize is not None:
        name, count = arguments.minimize
        steps.append(Minimize(load_calculator(name), _number("--minimize", count, int)))
    return steps


def _number(option: str, text: str, kind: Callable[[str], Number]) -> Number:
    from ase_tito.errors import ConfigError

    try:
        return kind(text)
    except ValueError:
        raise ConfigError(f"{option} needs a calculator and a number, not {text!r}") from None
