r"""Look into datasets, and make them of trajectories.

A dataset is one HDF5 file of many molecules and their runs, what models are trained on.

Example:
  ase-tito data convert run1.xtc run2.xtc --top peptide.pdb --temperature-K 300 --output mine.h5
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ase_tito.data.convert import SplitRequest
    from ase_tito.data.dataset import Dataset
    from ase_tito.data.summary import DatasetSummary

_CONVERT = r"""Write a dataset of trajectories, or of other datasets.

Inputs are .npz archives, ASE trajectories (.traj, .xyz), whatever mdtraj reads (with --top),
folders of mdQM9-nc and of Timewarp, and datasets, which are merged. Runs of one molecule are
recognized by its name: that of its SMILES, of the file --top, or --name.

Every frame that is kept is read. A molecule whose data is damaged, or does not remain the same
molecule (bonds, stereochemistry), is left out, and named with the reason.

example:
  ase-tito data convert molecules/*.npz --elements H C N O --split train=.9 test=.1 -o small.h5
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The two actions and their arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    info = actions.add_parser(
        "info",
        help="molecules, runs, times, splits, and how similar test and training molecules are",
    )
    info.add_argument("dataset", metavar="FILE.h5")
    info.add_argument(
        "--check", action="store_true", help="read all frames, and look for damaged ones"
    )
    convert = actions.add_parser(
        "convert",
        help="write a dataset of trajectories, or of other datasets",
        description=_CONVERT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    convert.add_argument("inputs", metavar="INPUT", nargs="+", help="files and folders")
    convert.add_argument(
        "-o", "--output", metavar="FILE.h5", required=True, help="the dataset; must not exist"
    )
    convert.add_argument(
        "--format",
        default="auto",
        choices=("auto", "npz", "trajectory", "mdqm9", "timewarp", "dataset"),
        help="of all inputs (default: recognized one by one)",
    )
    convert.add_argument("--top", metavar="FILE", help="elements and bonds: PDB, SDF, MOL, …")
    convert.add_argument("--name", help="of the one molecule that all inputs are runs of")
    convert.add_argument(
        "--spacing-ps", type=float, metavar="PS", help="between frames, where files do not say it"
    )
    convert.add_argument(
        "--temperature-K", type=float, metavar="K", help="where files do not say it"
    )
    convert.add_argument(
        "--keep-ps",
        type=float,
        metavar="PS",
        help="keep a frame each so many ps (default: all, and each 5 ps of Timewarp's)",
    )
    convert.add_argument(
        "--energy-unit",
        choices=("eV", "kJ/mol", "kcal/mol"),
        help="read the energies of .npz archives, which are in this unit",
    )
    convert.add_argument("--force-field", default="", metavar="TEXT", help="for model cards")
    convert.add_argument(
        "--elements", nargs="+", metavar="H", help="leave out molecules with other elements"
    )
    convert.add_argument(
        "--split",
        nargs="+",
        metavar="NAME=SHARE",
        help="split molecules at random; shares add up to 1 (default: as the inputs are split)",
    )
    convert.add_argument(
        "--split-list",
        nargs="+",
        metavar="NAME=FILE",
        help="split by text files with the name of a molecule in each line",
    )
    convert.add_argument(
        "--split-seed", type=int, default=0, help="of --split (default: %(default)s)"
    )
    convert.add_argument("--description", metavar="TEXT", help="of the dataset")
    convert.add_argument("--quiet", action="store_true", help="no progress bar")
    for action in (info, convert):
        action.add_argument(
            "--debug",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show tracebacks of errors",
        )


def run(arguments: argparse.Namespace) -> None:
    """Do what was asked for."""
    if arguments.action == "info":
        _info(arguments)
    else:
        _convert(arguments)


def _info(arguments: argparse.Namespace) -> None:
    from ase_tito.data.dataset import Dataset
    from ase_tito.data.summary import summarize

    with Dataset(arguments.dataset) as dataset:
        print(_described(summarize(dataset)))
        for key, value in dataset.attributes.items():
            print(f"{key + ':':14}{value}")
        if arguments.check:
            _check(dataset)


def _check(dataset: Dataset) -> None:
    """Read all frames, print what is wrong, and fail if anything is."""
    from tqdm import tqdm

    from ase_tito.data.checks import check_record
    from ase_tito.errors import DataError

    unsound = 0
    for name in tqdm(dataset.names, desc="checking", unit="molecule", disable=None):
        try:
            dataset.check(name)
            check_record(dataset.molecule(name))
        except DataError as error:
            unsound += 1
            tqdm.write(f"{name}: {' '.join(str(error).split())}")
    if unsound:
        raise DataError(
            f"{dataset.path}: {unsound} of {len(dataset)} molecules unsound; "
            f"'ase-tito data convert {dataset.path} --output …' leaves them out"
        )
    print("all positions and energies are finite, and all frames those of their molecules")


def _described(summary: DatasetSummary) -> str:
    from ase_tito.cli.table import format_table

    total = summary.total
    smallest, median, largest = summary.sizes
    unordered = total.unordered_frames
    lines = [
        f"molecules:    {total.molecules:,} of {smallest} to {largest} atoms (median {median})",
        f"elements:     {' '.join(summary.elements)}",
        f"runs:         {total.runs:,}, {total.time_ns:,.6g} ns",
        f"frames:       {total.frames:,}" + (f", {unordered:,} no dynamics" if unordered else ""),
        f"spacing:      {_listed(summary.frame_spacings_ps)} ps",
        f"temperature:  {_listed(summary.temperatures_K)} K",
        f"energies:     {'all' if summary.has_energies else 'not of all runs'}",
        f"force field:  {'; '.join(summary.force_fields) or 'not said'}",
        f"size on disk: {summary.bytes / 1e6:,.1f} MB",
    ]
    rows = [("SPLIT", "MOLECULES", "RUNS", "FRAMES", "NS")] + [
        (name, f"{s.molecules:,}", f"{s.runs:,}", f"{s.frames:,}", f"{s.time_ns:,.6g}")
        for name, s in summary.splits.items()
    ]
    return "\n".join([*lines, "", format_table(rows), *_similarities(summary), ""])


def _similarities(summary: DatasetSummary) -> list[str]:
    """How new the molecules to judge by are, and a plain word where they are not."""
    import numpy as np

    from ase_tito.data.similarity import nearest_neighbours, shared_molecules
    from ase_tito.data.summary import UNASSIGNED, molecules_to_judge_by

    trained = summary.graphs.get("train", {})
    named = sorted(set(summary.graphs) - {UNASSIGNED}, key=lambda split: (split != "train", split))
    lines = [
        f"\n{name} in {split} is the same molecule as {other} in {where}: not new to a model"
        for where, other, split, name in shared_molecules(
            {split: summary.graphs[split] for split in named}
        )
    ]
    if not trained:
        return lines
    for split, molecules in molecules_to_judge_by(summary.graphs).items():
        found = nearest_neighbours(molecules, trained)
        low, middle, high = np.quantile(found.similarity, [0.1, 0.5, 0.9])
        lines += [
            f"\nsimilarity of {split} to its nearest in train (Tanimoto, surroundings up to 2 "
            f"bonds): median {middle:.2f}, 10 to 90 % {low:.2f} to {high:.2f}, "
            f"highest {found.similarity.max():.2f}; the most similar:"
        ]
        lines += [f"  {value:.2f}  {name}  {other}" for name, other, value in found.worst(5)]
    return lines


def _listed(values: tuple[float, ...]) -> str:
    if len(values) > 6:
        return f"{values[0]:g} to {values[-1]:g}"
    return ", ".join(f"{value:g}" for value in values) or "-"


def _convert(arguments: argparse.Namespace) -> None:
    from pathlib import Path

    from tqdm import tqdm

    from ase_tito.cli.table import format_table
    from ase_tito.data.convert import convert
    from ase_tito.data.readers import ReadOptions

    options = ReadOptions(
        name=arguments.name,
        topology=Path(arguments.top) if arguments.top else None,
        temperature_K=arguments.temperature_K,
        frame_spacing_ps=arguments.spacing_ps,
        keep_ps=arguments.keep_ps,
        energy_unit=arguments.energy_unit,
        force_field=arguments.force_field,
    )
    attributes = {
        key: value
        for key, value in (
            ("description", arguments.description),
            ("force_field", arguments.force_field),
        )
        if value
    }
    with tqdm(desc="reading", unit="molecule", disable=arguments.quiet or None) as bar:

        def step(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        report = convert(
            arguments.inputs,
            arguments.output,
            format=arguments.format,
            options=options,
            elements=arguments.elements,
            splits=_splits(arguments),
            attributes=attributes,
            step=step,
        )
    print(f"{arguments.output}: {len(report.kept):,} molecules", end="")
    for split, names in report.splits.items():
        print(f", {len(names):,} in {split}", end="")
    print()
    if report.left_out:
        rows = [("LEFT OUT", "REASON"), *sorted(report.left_out.items())]
        print(format_table(rows))


def _splits(arguments: argparse.Namespace) -> SplitRequest:
    from ase_tito.data.convert import SplitRequest
    from ase_tito.errors import ConfigError, DataError

    fractions, lists = {}, {}
    for item in arguments.split or ():
        name, _, share = item.partition("=")
        try:
            fractions[name] = float(share)
        except ValueError:
            raise ConfigError(f"--split takes NAME=SHARE, not {item!r}") from None
    for item in arguments.split_list or ():
        name, _, path = item.partition("=")
        if not path:
            raise ConfigError(f"--split-list takes NAME=FILE, not {item!r}")
        try:
            with open(path, encoding="utf-8") as file:
                lists[name] = [line.strip() for line in file if line.strip()]
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return SplitRequest(fractions, lists, arguments.split_seed)
