r"""Run learned dynamics of many molecules, on one machine or many.

The replicas of each molecule are cut into blocks. Each is one task: run by this process, by
--workers processes, or by the workers of a Dask scheduler, with the same trajectories bit by bit.
A block is written as a whole to DIR/MOLECULE/block-0000.traj; a worker that dies costs nothing, and
--resume goes on with a campaign that was ended in any way.

Example:
  ase-tito campaign small.sdf large.sdf --replicas 1000 --lag-ps 100 --jumps 100 \
      --scheduler tcp://10.0.0.1:8786 --output campaign
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ase_tito.cli.jumps import add_jump_options

if TYPE_CHECKING:
    from ase_tito.dynamics.blocks import BlockOutcome


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to run, by whom, and where to write it."""
    parser.add_argument(
        "structures",
        nargs="+",
        metavar="STRUCTURE",
        help="one molecule each: PDB, SDF, MOL, XYZ, .traj, or what ASE reads; named by the file",
    )
    parser.add_argument("--output", metavar="DIR", required=True, type=Path, help="a directory")
    parser.add_argument(
        "--replicas",
        type=int,
        required=True,
        metavar="N",
        help="replicas of each molecule, which start from the frames of its file in turn",
    )
    parser.add_argument(
        "--block-size",
        type=int,
        default=100,
        metavar="N",
        help="replicas of one block (default: %(default)s)",
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="of Dask, such as tcp://10.0.0.1:8786"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="so many processes of this machine"
    )
    parser.add_argument("--resume", action="store_true", help="go on with what DIR holds")
    add_jump_options(parser, molecule="each molecule", jumps=100)
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="same seed, same trajectories; each molecule's noise is its own (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--interval",
        type=int,
        default=1,
        metavar="N",
        help="jumps between written frames, a divisor of --jumps (default: %(default)s)",
    )
    parser.add_argument(
        "--on-invalid",
        choices=("retry", "raise", "keep"),
        default="retry",
        help="what to do with a sample that is no valid geometry (default: %(default)s)",
    )
    parser.add_argument(
        "--device", default="cpu", help="device of the network, such as cuda (default: %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(arguments: argparse.Namespace) -> None:
    """Plan, run, show progress, and print what was done."""
    from tqdm import tqdm

    from ase_tito.cli.table import format_table
    from ase_tito.dynamics.blocks import plan_blocks
    from ase_tito.dynamics.scheduler import run_blocks
    from ase_tito.errors import ConfigError, InvalidSampleError
    from ase_tito.structure import read_structure

    names = [Path(path).stem for path in arguments.structures]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ConfigError(f"two structures are called {twice[0]}: rename one of the files")
    blocks = plan_blocks(
        {
            name: read_structure(path)
            for name, path in zip(names, arguments.structures, strict=True)
        },
        arguments.output,
        replicas=arguments.replicas,
        block_size=arguments.block_size,
        resume=arguments.resume,
        model=arguments.model,
        lag_time_ps=arguments.lag_ps,
        jumps=arguments.jumps,
        temperature_K=arguments.temperature_K,
        seed=arguments.seed,
        interval=arguments.interval,
        on_invalid=arguments.on_invalid,
        device=arguments.device,
    )
    with tqdm(
        desc="blocks", unit="block", total=len(blocks), disable=True if arguments.quiet else None
    ) as bar:
        outcomes = run_blocks(
            blocks,
            scheduler=arguments.scheduler,
            workers=arguments.workers,
            report=lambda outcome: bar.update(),
        )
    failures = [outcome for outcome in outcomes if outcome.failure]
    print(format_table(_rows(arguments, names, outcomes)))
    if failures:
        first = failures[0]
        raise InvalidSampleError(
            f"{len(failures)} of {len(outcomes)} blocks have failed, the first of them "
            f"{first.molecule}/{first.path.stem}: {first.failure}"
        )


def _rows(
    arguments: argparse.Namespace, names: list[str], outcomes: list[BlockOutcome]
) -> list[tuple[str, str]]:
    done = [outcome for outcome in outcomes if not outcome.failure]
    proposals = sum(outcome.replicas * outcome.jumps for outcome in done)
    invalid = sum(outcome.invalid_first_proposals for outcome in done)
    return [
        ("trajectories", f"{arguments.output}"),
        ("molecules", f"{len(names)}"),
        ("blocks", f"{len(done)} of {len(outcomes)}"),
        ("simulated now", f"{proposals * arguments.lag_ps / 1000:.6g} ns in all"),
        ("time of all workers", f"{sum(outcome.wall_time_s for outcome in done):.1f} s"),
        ("invalid first proposals", f"{invalid} of {proposals} ({invalid / (proposals or 1):.2%})"),
    ]
