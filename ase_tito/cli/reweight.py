r"""Weight samples of a Boltzmann prior to any calculator's ensemble.

Draws independent samples from a model's Boltzmann prior, weights each with exp(-U/kT) / p_eq, U
from an ASE calculator, and writes them to an ASE trajectory: positions, energies, and the logarithm
of the weight as tito_log_weight. Prints what they are worth (the effective sample size) and, for
the basins that are named, populations and free energies with 95 % intervals; the same numbers go
into a JSON file beside the trajectory.

A basin is a range of a torsion in degrees, upwards from the first angle to the second; ranges of
one name hold together. Torsions are phi, psi, ... of peptides (phi2 where there are several), or
four atoms counted from 0, as 4-6-8-14. Free energies are relative to the basin that is named first.

Example:
  ase-tito reweight alanine-dipeptide.pdb --model alanine-dipeptide-prior --samples 1000 \
      --calculator energies.py:calculator --basin C7eq phi -180 0 --basin C7ax phi 0 180 \
      --output weighted.traj
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase_tito.graph import MolecularGraph
    from ase_tito.reweighting.basins import Basin
    from ase_tito.reweighting.samples import WeightedSamples
    from ase_tito.reweighting.weighted_run import WeightedRun


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to draw, how to weight it, and where to write it."""
    parser.add_argument(
        "structure", metavar="STRUCTURE", help="the molecule, as for 'ase-tito run'"
    )
    parser.add_argument(
        "--model", metavar="NAME|PATH", required=True, help="with a Boltzmann prior, or a prior"
    )
    parser.add_argument(
        "--calculator",
        metavar="FILE.py:NAME",
        required=True,
        help="an ASE calculator, or a function that makes one",
    )
    parser.add_argument("--output", metavar="PATH", required=True, help="such as x.traj")
    parser.add_argument(
        "--samples", type=int, default=1000, metavar="N", help="in all (default: %(default)s)"
    )
    parser.add_argument(
        "--basin",
        nargs=4,
        action="append",
        default=[],
        metavar=("NAME", "TORSION", "FROM", "TO"),
        help="a basin between two angles in degrees; may be given several times",
    )
    parser.add_argument(
        "--temperature-K",
        type=float,
        metavar="K",
        help="temperature in kelvin (default: the only one the prior was trained at)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="same seed, same samples (default: %(default)s)"
    )
    parser.add_argument(
        "--quadrature",
        metavar="NODESxSTEPS",
        help="how exactly densities are integrated, such as 96x1: nodes, and steps between them "
        "(default: 64x1)",
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        default=32,
        metavar="N",
        help="samples between two writes, integrated together (default: %(default)s)",
    )
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--resume",
        dest="existing",
        action="store_const",
        const="resume",
        default="refuse",
        help="continue an existing output until it holds --samples samples",
    )
    existing.add_argument(
        "--overwrite",
        dest="existing",
        action="store_const",
        const="replace",
        help="replace an existing output",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(arguments: argparse.Namespace) -> None:
    """Draw, weight, write, and print."""
    import json
    from pathlib import Path

    from tqdm import tqdm

    from ase_tito.atomic import write_atomically
    from ase_tito.cli.table import format_table
    from ase_tito.digest import file_sha256
    from ase_tito.errors import ConfigError
    from ase_tito.flow.density import Quadrature
    from ase_tito.md.ase_langevin import load_calculator
    from ase_tito.reweighting.report import basin_entries
    from ase_tito.reweighting.weighted_file import reweight_to_file
    from ase_tito.structure import graph_from_atoms, read_structure

    output = Path(arguments.output)
    report_path = output.with_suffix(".json")
    if report_path == output:
        raise ConfigError(f"{output} is to be a trajectory: name it x.traj, not x.json")
    frames, bonds = read_structure(arguments.structure)
    graph = graph_from_atoms(frames[0], bonds)
    basins = _basins(graph, arguments.basin)
    quadrature = Quadrature.from_text(arguments.quadrature) if arguments.quadrature else None
    calculator = load_calculator(arguments.calculator)
    code = Path(arguments.calculator.rpartition(":")[0])
    with tqdm(
        desc="samples",
        unit="sample",
        total=arguments.samples,
        disable=True if arguments.quiet else None,
    ) as bar:
        samples, done = reweight_to_file(
            output,
            arguments.model,
            graph,
            calculator,
            arguments.samples,
            calculator_name=arguments.calculator,
            calculator_sha256=file_sha256(code),
            temperature_K=arguments.temperature_K,
            seed=arguments.seed,
            batch_size=arguments.batch_size,
            quadrature=quadrature,
            atoms=frames[0],
            existing=arguments.existing,
            progress=lambda drawn: bar.update(drawn - bar.n),
        )
    entries = basin_entries(samples, basins, seed=arguments.seed)
    report = {
        "settings": vars(done),
        "effective_sample_size": samples.effective_sample_size,
        "largest_weight": float(samples.weights.max()),
        "basins": entries,
    }
    write_atomically(report_path, json.dumps(report, indent=1).encode())
    print(format_table(_rows(samples, done, str(output))))
    if entries:
        print(format_table(_basin_rows(entries)))


def _basins(graph: MolecularGraph, given: list[list[str]]) -> list[Basin]:
    """The basins of the command line, in the order in which their names come first."""
    from ase_tito.errors import ConfigError
    from ase_tito.reweighting.basins import Basin, TorsionRange, torsion_named

    ranges: dict[str, list[TorsionRange]] = {}
    for name, torsion, *angles in given:
        try:
            low, high = map(float, angles)
        except ValueError:
            raise ConfigError(
                f"--basin {name} needs two angles in degrees, not {' and '.join(angles)}"
            ) from None
        atoms = torsion_named(graph, torsion)
        ranges.setdefault(name, []).append(TorsionRange(atoms, low, high))
    return [Basin(name, tuple(parts)) for name, parts in ranges.items()]


def _rows(samples: WeightedSamples, done: WeightedRun, output: str) -> list[tuple[str, str]]:
    size = samples.effective_sample_size
    return [
        ("samples", output),
        ("drawn", f"{done.drawn}"),
        ("without a weight", f"{done.invalid} (no valid geometry, or nothing finite)"),
        ("effective sample size", f"{size:.1f} ({size / done.drawn:.2%})"),
        ("largest weight", f"{samples.weights.max():.2%}"),
        ("integration error", f"{done.integration_error:.2g} (of log p_eq)"),
    ]


def _basin_rows(entries: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    from ase import units

    unit = units.kJ / units.mol

    def shown(value: float | None) -> str:
        return "-" if value is None else f"{value / unit:.2f}"

    rows: list[tuple[str, ...]] = [
        ("BASIN", "SAMPLES", "EFFECTIVE", "POPULATION", "F [kJ/mol]", "95 % INTERVAL")
    ]
    for entry in entries:
        rows.append(
            (
                entry["name"],
                f"{entry['samples']}",
                f"{entry['effective_sample_size']:.1f}",
                f"{entry['population']:.2%}",
                shown(entry["free_energy_eV"]),
                f"{shown(entry['low_eV'])} to {shown(entry['high_eV'])}",
            )
        )
    return rows
