r"""Make reference data by molecular dynamics.

CONFIG.toml lists molecules in groups, with the time, starts and split of each, units in its keys;
--smiles is for a few molecules. They are simulated in that order, one process a core, in vacuum
with GAFF2 and AM1-BCC charges. A directory holds what is done; --resume continues it after any end,
and may lengthen its runs. The frames go into DIRECTORY/dataset.h5, and what became of each molecule
(whether it mixes, why it was left out) into DIRECTORY/manifest.json.

Example:
  ase-tito generate --smiles CCO 'CC(=O)NC' --time-ns 5 --output amides --processes 2
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase_tito.md.finish import MoleculeSummary
    from ase_tito.md.plan import CampaignPlan

LINE_EVERY_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to simulate, how, and where to write it."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "config", metavar="CONFIG.toml", nargs="?", help="groups of molecules and their settings"
    )
    what.add_argument(
        "--smiles",
        metavar="SMILES|FILE.smi",
        nargs="+",
        help="molecules, or files with one a line",
    )
    parser.add_argument(
        "-o", "--output", metavar="DIRECTORY", required=True, help="where all of it is written"
    )
    parser.add_argument(
        "--time-ns",
        type=float,
        metavar="NS",
        help="simulated time of each molecule, in nanoseconds, over all its starts",
    )
    parser.add_argument(
        "--starts", type=int, metavar="N", help="independent runs of each molecule (default: 1)"
    )
    for option, metavar, explanation in (
        ("temperature-K", "K", "temperature in kelvin (default: 300)"),
        ("time-step-fs", "FS", "time step in femtoseconds (default: 2)"),
        ("hydrogen-mass-amu", "AMU", "repartitioned mass of hydrogens (default: 4)"),
        ("friction-per-ps", "RATE", "friction in 1/ps (default: 1)"),
        ("frame-spacing-ps", "PS", "time between frames, in picoseconds (default: 1)"),
        ("equilibration-ps", "PS", "time that is dropped at the start, in ps (default: 100)"),
        ("block-ps", "PS", "time between saves, in picoseconds (default: 500)"),
    ):
        parser.add_argument(f"--{option}", type=float, metavar=metavar, help=explanation)
    parser.add_argument("--seed", type=int, help="same seed, same data (default: 0)")
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="side by side (default: %(default)s)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue what is in the output directory, if any"
    )
    parser.add_argument(
        "--finish",
        action="store_true",
        help="simulate nothing: write dataset.h5 from what is done so far, also during a campaign",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(arguments: argparse.Namespace) -> None:
    """Simulate, write the data set, and print what became of each molecule."""
    from ase_tito.md.campaign import run_campaign
    from ase_tito.md.finish import DATASET, finish

    plan = _plan(arguments)
    output = Path(arguments.output)
    if not arguments.finish:
        show = _Progress(arguments.quiet)
        try:
            run_campaign(
                plan,
                output,
                processes=arguments.processes,
                resume=arguments.resume,
                command=shlex.join(["ase-tito", *sys.argv[1:]]),
                report=show,
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"interrupted; the same command with --resume continues {output}"
            ) from None
        finally:
            show.close()
    summaries = finish(plan, output)
    print(_table(summaries))
    for summary in summaries:
        if summary.left_out and summary.left_out != "not begun":
            print(f"left out: {summary.name}: {summary.left_out}")
    print(output / DATASET)


def _plan(arguments: argparse.Namespace) -> CampaignPlan:
    from ase_tito.errors import ConfigError
    from ase_tito.md.plan import (
        CampaignPlan,
        LangevinSettings,
        plans_from_smiles,
        read_plan,
        read_smiles_file,
    )

    simulation = (
        "temperature_K",
        "time_step_fs",
        "hydrogen_mass_amu",
        "friction_per_ps",
        "frame_spacing_ps",
        "equilibration_ps",
        "block_ps",
    )
    given = {key: value for key in simulation if (value := getattr(arguments, key)) is not None}
    if arguments.config is not None:
        for key in (*given, *(k for k in ("time_ns", "starts", "seed") if getattr(arguments, k))):
            raise ConfigError(
                f"--{key.replace('_', '-')} goes into {arguments.config}, which says all settings"
            )
        return read_plan(arguments.config)
    if arguments.time_ns is None:
        raise ConfigError("--smiles needs --time-ns, the simulated time of each molecule")
    lines: list[tuple[str, str]] = []
    for item in arguments.smiles:
        lines += read_smiles_file(Path(item)) if item.endswith(".smi") else [(item, "")]
    return CampaignPlan(
        tuple(
            plans_from_smiles(
                lines,
                time_ns=arguments.time_ns,
                starts=1 if arguments.starts is None else arguments.starts,
                settings=LangevinSettings(**given),
            )
        ),
        seed=arguments.seed or 0,
    )


class _Progress:
    """A bar on terminals, and a line a minute in logs."""

    def __init__(self, quiet: bool) -> None:
        from tqdm import tqdm

        self._quiet = quiet
        self._lines = not quiet and not sys.stderr.isatty()
        self._bar = tqdm(
            desc="simulated",
            unit="ns",
            disable=True if quiet or self._lines else None,
            bar_format="{desc} {n:.2f} of {total:.2f} ns |{bar}| {remaining} left",
        )
        self._begun = self._last = time.monotonic()
        self._initial: float | None = None

    def __call__(self, done_ps: float, total_ps: float, message: str) -> None:
        if message and not self._quiet:
            self._bar.write(message, file=sys.stderr)
        if self._initial is None:
            self._initial = done_ps
            self._bar.total, self._bar.initial, self._bar.n = (
                total_ps / 1000,
                done_ps / 1000,
                done_ps / 1000,
            )
        self._bar.update(done_ps / 1000 - self._bar.n)
        now = time.monotonic()
        if self._lines and now - self._last >= LINE_EVERY_S and done_ps > self._initial:
            self._last = now
            left = (total_ps - done_ps) * (now - self._begun) / (done_ps - self._initial)
            print(
                f"simulated {done_ps / 1000:.2f} of {total_ps / 1000:.2f} ns, "
                f"{left / 60:.0f} min left",
                file=sys.stderr,
                flush=True,
            )

    def close(self) -> None:
        self._bar.close()


def _table(summaries: list[MoleculeSummary]) -> str:
    from ase_tito.cli.table import format_table

    rows = [("MOLECULE", "NS", "RUNS", "CROSSINGS", "RARER SIDE", "MIXES")]
    for summary in summaries:
        if summary.left_out:
            rows.append((summary.name, "-", "-", "-", "-", "left out"))
            continue
        mixing = summary.mixing
        rows.append(
            (
                summary.name,
                f"{summary.simulated_ns:g}",
                f"{summary.runs}",
                f"{mixing.crossings}" if mixing else "-",
                f"{mixing.rarer_share:.1%}" if mixing else "-",
                ("yes" if mixing.mixes else "no") if mixing else "-",
            )
        )
    return format_table(rows)
