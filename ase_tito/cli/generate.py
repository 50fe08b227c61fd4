r"""Make reference data by molecular dynamics.

Molecules come from CONFIG.toml, in groups with time, starts, split and settings of their own, or
from one of --smiles (GAFF2 with AM1-BCC charges, vacuum, 300 K), --sequence (Amber ff14SB, OBC2
implicit solvent, 310 K) and --structure with --calculator (any ASE calculator, 300 K, 1 fs). They
are simulated in that order, one process a core.

DIRECTORY holds what is done. --resume continues it after any end, and may add molecules or lengthen
runs. The frames go into DIRECTORY/dataset.h5, and what became of each molecule (whether it mixes,
why it was left out) into DIRECTORY/manifest.json.

Example:
  ase-tito generate --smiles CCO 'CC(=O)NC' --time-ns 5 --output amides --processes 2
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase_tito.md.finish import MoleculeSummary
    from ase_tito.md.plan import CampaignPlan

_LISTS = (".smi", ".sdf", ".mol", ".seq", ".txt")

_SIMULATION = (
    ("temperature_K", "K", "temperature in kelvin"),
    ("time_step_fs", "FS", "time step in femtoseconds (default: 2)"),
    ("hydrogen_mass_amu", "AMU", "mass that hydrogens are given from their partners (default: 4)"),
    ("friction_per_ps", "RATE", "friction in 1/ps (default: 1)"),
    ("frame_spacing_ps", "PS", "time between frames, in picoseconds (default: 1)"),
    ("equilibration_ps", "PS", "time that is dropped at the start, in picoseconds (default: 100)"),
    ("block_ps", "PS", "time between saves, in picoseconds (default: 500)"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to simulate, how, and where to write it."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "config", metavar="CONFIG.toml", nargs="?", help="groups of molecules and their settings"
    )
    what.add_argument(
        "--smiles", metavar="SMILES|FILE", nargs="+", help="molecules, or .smi and .sdf files"
    )
    what.add_argument(
        "--sequence",
        metavar="SEQUENCE|FILE",
        nargs="+",
        help="peptides, as letters (AAY) or names (ALA-HIE-ASH) where protonation must be said, or "
        ".seq files of them",
    )
    what.add_argument("--structure", metavar="FILE", nargs="+", help="files of one molecule each")
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
    parser.add_argument(
        "--exchange-ns",
        type=float,
        metavar="NS",
        help="temperature replica exchange besides: time of each replica, in nanoseconds",
    )
    parser.add_argument(
        "--zwitterion", action="store_true", help="charged ends of peptides, not ACE and NME"
    )
    parser.add_argument(
        "--force-field", metavar="NAME", help="of peptides: ff14SB or ff96 (default: ff14SB)"
    )
    parser.add_argument(
        "--calculator",
        metavar="FILE.py:NAME",
        help="an ASE calculator for --structure, or a function that makes one",
    )
    for key, metavar, explanation in _SIMULATION:
        parser.add_argument(_option(key), type=float, metavar=metavar, help=explanation)
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
    from ase_tito.cli.progress import SimulationProgress
    from ase_tito.md.campaign import run_campaign
    from ase_tito.md.finish import DATASET, NOT_BEGUN, finish

    plan = _plan(arguments)
    output = Path(arguments.output)
    if not arguments.finish:
        with SimulationProgress(quiet=arguments.quiet) as show:
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
    summaries = finish(plan, output)
    print(_table(summaries))
    for summary in summaries:
        if summary.left_out and summary.left_out != NOT_BEGUN:
            print(f"left out: {summary.name}: {summary.left_out}")
    print(output / DATASET)


def _option(key: str) -> str:
    return "--" + key.replace("_", "-")


def _plan(arguments: argparse.Namespace) -> CampaignPlan:
    from ase_tito.errors import ConfigError
    from ase_tito.md.config import plan_group, read_lines, read_plan
    from ase_tito.md.plan import CampaignPlan

    given = vars(arguments)
    simulation = {key: given[key] for key, _, _ in _SIMULATION if given[key] is not None}
    kind = next((k for k in ("smiles", "sequence", "structure") if given[k]), "config")
    _refuse_unfitting(given, kind, simulation)
    if kind == "config":
        return read_plan(arguments.config)
    if arguments.time_ns is None:
        raise ConfigError(f"--{kind} needs --time-ns, the simulated time of each molecule")
    lines: list[tuple[str, str]] = []
    for item in given[kind]:
        is_list = kind != "structure" and item.lower().endswith(_LISTS)
        lines += read_lines(Path(item)) if is_list else [(item, "")]
    own: dict[str, Any] = {"time_ns": arguments.time_ns}
    if kind == "sequence":
        own["capped"] = not arguments.zwitterion
    for key in ("starts", "force_field", "calculator"):
        if given[key] is not None:
            own[key] = given[key]
    if arguments.exchange_ns is not None:
        own["exchange"] = {"time_ns": arguments.exchange_ns}
    groups = {"smiles": "smiles", "sequence": "sequences", "structure": "structures"}
    plans = plan_group(groups[kind], lines, simulation=simulation, **own)
    return CampaignPlan(tuple(plans), seed=arguments.seed or 0)


def _refuse_unfitting(given: dict[str, Any], kind: str, simulation: dict[str, float]) -> None:
    """ConfigError for options that would be ignored."""
    from ase_tito.errors import ConfigError

    if kind == "config":
        others = ("time_ns", "starts", "exchange_ns", "force_field", "calculator", "seed")
        present = [*simulation, *(key for key in others if given[key] is not None)]
        if given["zwitterion"]:
            present.append("zwitterion")
        if present:
            raise ConfigError(f"{_option(present[0])} is for {given['config']} to say")
        return
    for key, belongs in (
        ("zwitterion", "sequence"),
        ("force_field", "sequence"),
        ("calculator", "structure"),
    ):
        if given[key] and kind != belongs:
            raise ConfigError(f"{_option(key)} goes with --{belongs} only")
    if kind == "structure" and not given["calculator"]:
        raise ConfigError("--structure needs --calculator, which computes its forces")


def _table(summaries: list[MoleculeSummary]) -> str:
    from ase_tito.cli.table import format_table

    rows: list[tuple[str, ...]] = [
        ("MOLECULE", "NS", "RUNS", "CROSSINGS", "RARER SIDE", "MIXES", "BY EXCHANGE")
    ]
    for summary in summaries:
        cells = [summary.name, f"{summary.simulated_ns:g}", f"{summary.runs}"]
        mixing, exchange = summary.mixing, summary.exchange_mixing
        cells += [f"{mixing.crossings}", f"{mixing.rarer_share:.1%}"] if mixing else ["-", "-"]
        cells += ["-" if m is None else "yes" if m.mixes else "no" for m in (mixing, exchange)]
        rows.append(tuple(cells))
    return format_table(rows)
