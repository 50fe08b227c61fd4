r"""Compare trajectories with molecular dynamics, or analyse them alone.

Writes report.html (one file, figures embedded), report.json (the same numbers) and the figures as
PDF. Several trajectories of one kind are replicas or independent runs; frames are never paired
across their ends. Without --reference only what needs none is computed, with a traffic light.

Frame spacings are read from the files (runs of this package and of ASE, formats that store times),
else they must be given. XTC, DCD and other formats without elements need --top.

--model names the model that made the trajectories. It then makes jumps anew: one of 2τ against two
of τ, which tells whether the model agrees with itself and which trajectories do not hold; and
single jumps of growing lags from one frame, beside where the reference goes from there.

--energy names a Python file and something in it: an ASE calculator, or a function that takes
positions (frames, atoms, 3) in Å and returns energies in eV. A calculator sees elements and
positions alone: charge and spin are its own to know.

Example:
  ase-tito analyse model.traj --reference md.xtc --top alanine-dipeptide.pdb \
      --reference-spacing-ps 1 -o report/
"""

from __future__ import annotations

import argparse
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to compare, and how."""
    parser.add_argument(
        "trajectories",
        metavar="TRAJECTORY",
        nargs="+",
        help="the model's: .traj, .xyz, .npz, or any format of mdtraj",
    )
    parser.add_argument(
        "--reference", metavar="PATH", nargs="+", default=[], help="independent MD runs"
    )
    parser.add_argument(
        "--top", metavar="PATH", help="elements and bonds: PDB, SDF, MOL, or what ASE reads"
    )
    parser.add_argument(
        "-o", "--output", metavar="DIRECTORY", required=True, help="where to write the report"
    )
    for side in ("", "reference-"):
        parser.add_argument(
            f"--{side}spacing-ps",
            type=float,
            metavar="PS",
            help=f"time between the {'reference' if side else 'model'}'s frames, in picoseconds, "
            "where the files do not say it",
        )
    parser.add_argument(
        "--lag-ps",
        type=float,
        metavar="PS",
        help="lag of TICA, VAMP and the Markov model (default: the shortest of at least 10 ps that "
        "fits all trajectories)",
    )
    parser.add_argument(
        "--block-ps",
        type=float,
        metavar="PS",
        help="length of the blocks of the bootstrap (default: twice the slowest correlation time)",
    )
    parser.add_argument(
        "--skip-ps",
        type=float,
        default=0.0,
        metavar="PS",
        help="leave out the beginning of each of the model's trajectories (default: %(default)g)",
    )
    parser.add_argument(
        "--energy", metavar="FILE.py:NAME", help="what computes potential energies; see above"
    )
    parser.add_argument(
        "--energy-frames",
        type=int,
        default=2000,
        metavar="N",
        help="frames of either side that energies are computed of (default: %(default)s)",
    )
    parser.add_argument(
        "--model",
        metavar="NAME|PATH",
        help="the model that made the trajectories, to make jumps for the tests that need some",
    )
    parser.add_argument("--device", help="device of --model, such as cuda (default: cpu)")
    parser.add_argument(
        "--jumps",
        type=int,
        metavar="N",
        help="frames that --model jumps from, three times each, and twice as many jumps from one "
        "frame (default: 1000)",
    )
    parser.add_argument(
        "--start-frame",
        type=int,
        metavar="K",
        help="that frame, of the first reference, else of the first trajectory, counted from 0 "
        "(default: 0)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="same seed, same report (default: %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def run(arguments: argparse.Namespace) -> None:
    """Read, compute, write, and print the outcome."""
    from tqdm import tqdm

    from ase_tito.analysis.files import named_alike, open_trajectory, read_topology
    from ase_tito.analysis.report import ReportSettings, compute_report, write_report
    from ase_tito.cli.table import format_table

    of_model = _model_options(arguments)
    settings = ReportSettings(
        lag_time_ps=arguments.lag_ps,
        block_time_ps=arguments.block_ps,
        skip_ps=arguments.skip_ps,
        energy_frames=arguments.energy_frames,
        seed=arguments.seed,
    )
    topology = read_topology(arguments.top) if arguments.top else None
    energy = load_object(arguments.energy) if arguments.energy else None
    reference, model = (
        [open_trajectory(path, topology=topology, frame_spacing_ps=spacing) for path in paths]
        for paths, spacing in (
            (arguments.reference, arguments.reference_spacing_ps),
            (arguments.trajectories, arguments.spacing_ps),
        )
    )
    named = named_alike([*reference, *model])
    reference, model = named[: len(reference)], named[len(reference) :]
    quiet = True if arguments.quiet else None
    doubled = single = None
    if arguments.model:
        from ase_tito.evaluation.report_jumps import jumps_for_report

        with tqdm(desc="jumps", unit="jump", disable=quiet) as bar:
            doubled, single = jumps_for_report(
                arguments.model,
                model,
                reference,
                settings=settings,
                **of_model,
                progress=bar.update,
            )
    counts = [source.n_frames for source in (*model, *reference)]
    total = None if None in counts else sum(count or 0 for count in counts)
    with (
        tqdm(desc="reading", total=total, unit="frame", disable=quiet) as frames,
        tqdm(desc="analysis", unit="step", disable=quiet) as steps,
    ):

        def begin(name: str) -> None:
            steps.set_description(name)
            steps.update()

        report = compute_report(
            model,
            reference,
            energy=energy,
            doubled_jumps=doubled,
            single_jumps=single,
            settings=settings,
            read=frames.update,
            step=begin,
        )
        begin("writing")
        written = write_report(report, arguments.output)
    rows = [("FIGURE", "MODEL", "AT EQUAL COUNTS", "MD AGAINST MD")]
    for surface in report.surfaces:
        for name, found in surface.agreement.items():
            equal = found.equal_counts
            rows.append(
                (
                    f"{surface.name} {name}",
                    f"{found.value:.4f}",
                    f"{equal.model.mean:.4f}",
                    f"{equal.floor.mean:.4f}",
                )
            )
    if len(rows) > 1:
        print(format_table(rows))
    geometry = report.model_geometry
    print(f"invalid frames: {geometry.invalid:,} of {geometry.frames:,}")
    if report.trust is not None and not reference:
        print(report.trust.describe())
    for note in report.notes:
        print(f"note: {note}")
    print(written.page)


def _model_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was given on the jumps of --model, as `jumps_for_report` calls it."""
    from ase_tito.errors import ConfigError

    names = {"jumps": "starts", "start_frame": "start_frame", "device": "device"}
    given = {key: getattr(arguments, key) for key in names if getattr(arguments, key) is not None}
    if given and not arguments.model:
        option = next(iter(given)).replace("_", "-")
        raise ConfigError(f"--{option} is about jumps of --model: name the model, or leave it out")
    return {names[key]: value for key, value in given.items()}


def load_object(name: str) -> Any:
    """What ``FILE.py:NAME`` names; the file is run."""
    import runpy

    from ase_tito.errors import ConfigError

    path, _, entry = name.rpartition(":")
    if not path:
        raise ConfigError(f"--energy takes FILE.py:NAME, not {name!r}")
    try:
        entries = runpy.run_path(path)
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file") from error
    if entry not in entries:
        raise ConfigError(f"{path} defines no {entry!r}")
    return entries[entry]
