r"""Judge a model by molecular dynamics, on every molecule of a split.

Samples each molecule as the paper does, replicas of nested jumps and single jumps from frames of
MD, and sets the samples beside the MD: distributions, slow processes, bonds, angles, validity,
energies. Every figure has its floor, MD against independent MD at equal counts. Writes
evaluation.md (for a model card), .json, .csv, and pictures. A call that was interrupted or killed
goes on where it was.

DATASET is a data set (.h5), or MD runs of one molecule: .npz files, or with --top what mdtraj
reads.

Energies need a force field: Amber topologies (--prmtop-dir; those that 'ase-tito generate' left
beside the data set are found), or --energy as for 'ase-tito analyse'. Topologies say nothing of a
solvent: it is the one that the data set's force field names, or --solvent.

--require sets a bound: PROTOCOL.FIGURE[.PART].STATISTIC <= LIMIT [or LIMIT], for instance
'nested.jsd.excess.median <= 0.02' or 'nested.timescale_error.median <= 0.19 or floor + 0.05'.

Example:
  ase-tito evaluate alanine-dipeptide run1.npz run2.npz -o evaluation/ --preset quick
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase_tito.evaluation.local import EnergyFunction
    from ase_tito.evaluation.references import MoleculeReference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to judge, by what, and how much of it to sample."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a model's name or file")
    parser.add_argument("dataset", metavar="DATASET", nargs="+", help="see above")
    parser.add_argument(
        "-o", "--output", metavar="DIRECTORY", required=True, help="where to write and to go on"
    )
    parser.add_argument(
        "--split",
        help="molecules of the data set; 'all' takes every one (default: test)",
    )
    parser.add_argument("--molecules", metavar="NAME", nargs="+", help="these of them only")
    parser.add_argument(
        "--preset",
        choices=("quick", "paper"),
        default="quick",
        help="paper: 32 replicas of 640 jumps of 57 ps, peptides 500 of 250 ps, and 5120 single "
        "jumps; quick: a tenth of that (default: %(default)s)",
    )
    for option, explanation in (
        ("replicas", "replicas of nested jumps"),
        ("jumps", "nested jumps of each replica"),
        ("single-jumps", "single jumps from MD frames; 0: none"),
    ):
        parser.add_argument(
            f"--{option}", type=int, metavar="N", help=f"{explanation} (default: the preset's)"
        )
    parser.add_argument(
        "--lag-ps",
        type=float,
        metavar="PS",
        help="lag of the jumps (default: the preset's, rounded to frames of the MD)",
    )
    parser.add_argument(
        "--ode",
        metavar="METHOD-N",
        help="integration: a method and evaluations per jump, such as midpoint-40 "
        "(default: the model's)",
    )
    parser.add_argument("--temperature-K", type=float, metavar="K", help="use only runs at this")
    parser.add_argument(
        "--energy", metavar="FILE.py:NAME", help="what computes potential energies of any molecule"
    )
    parser.add_argument(
        "--prmtop-dir", metavar="DIRECTORY", help="Amber topologies, NAME.prmtop of each molecule"
    )
    parser.add_argument(
        "--solvent",
        choices=("vacuum", "OBC2"),
        help="what energies of topologies are computed in (default: what the data set's force field"
        " names)",
    )
    parser.add_argument("--require", metavar="BOUND", action="append", default=[], help="see above")
    parser.add_argument("--top", metavar="PATH", help="elements and bonds of trajectory files")
    parser.add_argument(
        "--spacing-ps", type=float, metavar="PS", help="between frames of trajectory files"
    )
    parser.add_argument(
        "--batch", type=int, default=32, metavar="N", help="systems in one batch (default: 32)"
    )
    parser.add_argument(
        "--compile",
        action="store_true",
        help="compile the network: a minute for each number of atoms, then up to 1.6 times as fast",
    )
    parser.add_argument(
        "--device", default="cpu", help="device of the network, such as cuda (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="of PyTorch")
    parser.add_argument(
        "--again", action="store_true", help="compute figures anew, from samples that are there"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="same seed, same figures (default: %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(arguments: argparse.Namespace) -> None:
    """Evaluate, write, and print mean and median beside floor and paper."""
    from tqdm import tqdm

    from ase_tito.analysis.files import read_topology
    from ase_tito.cli.table import format_table
    from ase_tito.digest import file_sha256
    from ase_tito.evaluation import (
        PROTOCOLS,
        EvaluationSettings,
        evaluate,
        judge,
        open_references,
        parse_bound,
        parse_ode,
        summarize,
        summary_rows,
        write_evaluation,
    )
    from ase_tito.models import find_checkpoint, load_model

    bounds = [parse_bound(text) for text in arguments.require]
    settings = EvaluationSettings(
        preset=arguments.preset,
        replicas=arguments.replicas,
        jumps=arguments.jumps,
        single_jumps=arguments.single_jumps,
        lag_time_ps=arguments.lag_ps,
        ode=parse_ode(arguments.ode) if arguments.ode else None,
        seed=arguments.seed,
        batch_size=arguments.batch,
    )
    references = open_references(
        arguments.dataset,
        split=arguments.split,
        temperature_K=arguments.temperature_K,
        topology=read_topology(arguments.top) if arguments.top else None,
        frame_spacing_ps=arguments.spacing_ps,
    )
    if arguments.molecules:
        references = references.only(arguments.molecules)
    energy = energies_of(arguments)
    checkpoint = find_checkpoint(arguments.checkpoint)
    operator = load_model(arguments.checkpoint, arguments.device)
    if arguments.threads:
        _set_threads(arguments.threads)
    if arguments.compile:
        operator = _compiled(operator, arguments.batch)
    with tqdm(
        total=len(references.names), unit="molecule", disable=True if arguments.quiet else None
    ) as bar:

        def show(name: str, step: str, share: float) -> None:
            if step == "done":
                bar.update()
            else:
                bar.set_postfix_str(f"{name}: {step} {share:.0%}")

        evaluation = evaluate(
            operator,
            references,
            arguments.output,
            settings,
            model=checkpoint.stem,
            digest=file_sha256(checkpoint),
            energy=energy,
            again=arguments.again,
            progress=show,
        )
    verdicts = judge(bounds, evaluation.results)
    written = write_evaluation(evaluation, arguments.output, verdicts)
    summaries = summarize(evaluation.results)
    for protocol, title in PROTOCOLS.items():
        rows = summary_rows(evaluation, summaries, protocol, intervals=False)
        if len(rows) > 1:
            print(f"{title}, mean and median over molecules (pairs: mean / median)")
            print(format_table(rows) + "\n")
    for verdict in verdicts:
        print(
            f"{'met' if verdict.met else 'NOT MET'}: {verdict.bound.text}"
            f" (reached {verdict.reached:.4g})"
        )
    for result in evaluation.results:
        for note in result.notes:
            print(f"note: {result.name}: {note}")
    for name, reason in evaluation.failures.items():
        print(f"not evaluated: {name}: {reason}")
    print(written.page)


def energies_of(
    arguments: argparse.Namespace,
) -> Callable[[MoleculeReference], EnergyFunction | None]:
    """The energy function of each molecule, from ``--energy``, or topologies, or none."""
    from ase_tito.cli.analyse import load_object
    from ase_tito.digest import file_sha256
    from ase_tito.errors import ConfigError
    from ase_tito.evaluation.local import EnergyFunction

    if arguments.energy and arguments.prmtop_dir:
        raise ConfigError("--energy and --prmtop-dir both say where energies are from: give one")
    if arguments.energy and arguments.solvent:
        raise ConfigError("--solvent is for topologies: leave it out beside --energy")
    if arguments.energy:
        function = load_object(arguments.energy)
        digest = file_sha256(arguments.energy.rpartition(":")[0])
        label = f"{arguments.energy} {digest[:12]}"
        return lambda _: EnergyFunction(label, function)
    folders = [Path(path).parent / "molecules" for path in arguments.dataset[:1]]
    if arguments.prmtop_dir:
        folders = [Path(arguments.prmtop_dir)]
        if not folders[0].is_dir():
            raise ConfigError(f"--prmtop-dir: there is no directory {folders[0]}")

    def of_topology(reference: MoleculeReference) -> EnergyFunction | None:
        for path in (
            folders[0] / f"{reference.name}.prmtop",
            folders[0] / reference.name / "system.prmtop",
        ):
            if path.is_file():
                return _of_prmtop(path, reference.force_field, arguments.solvent)
        if arguments.prmtop_dir or arguments.solvent:
            raise ConfigError(f"{folders[0]} holds no {reference.name}.prmtop")
        return None

    return of_topology


def _of_prmtop(path: Path, force_field: str, solvent: str | None) -> EnergyFunction:
    from functools import partial

    from ase_tito.digest import file_sha256
    from ase_tito.errors import ConfigError, DataError
    from ase_tito.evaluation.local import EnergyFunction
    from ase_tito.md.solvent import named_solvent

    try:
        from ase_tito.md.energies import potential_energies
        from ase_tito.md.system import system_from_prmtop
    except ImportError as error:
        raise ConfigError(
            'energies of topologies need OpenMM: pip install "ase_tito[md]"'
        ) from error
    label, note = f"{path.name} {file_sha256(path)[:12]}", ""
    if solvent is not None:
        label, force_field = f"{label} in {solvent}", solvent
    try:
        named = named_solvent(force_field)
    except DataError as error:
        raise ConfigError(f"{error}, with --solvent") from error
    if named is None:
        note = (
            "Energies were computed in vacuum, for the MD's force field "
            + (f"({force_field}) names no solvent" if force_field else "is not said")
            + ": --solvent names one."
        )
    system = system_from_prmtop(path, implicit_solvent=named)
    return EnergyFunction(label, partial(potential_energies, system), note)


def _set_threads(threads: int) -> None:
    import torch

    torch.set_num_threads(threads)


def _compiled(operator: Any, batch_size: int) -> Any:
    from dataclasses import replace

    import torch

    from ase_tito.nn.compiled import CompiledVelocity

    # Molecules of another size are compiled anew, as often as there are sizes.
    torch._dynamo.config.cache_size_limit = 1000
    return replace(operator, field=CompiledVelocity(operator.field, batch_size))
