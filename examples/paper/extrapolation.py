"""Peptides longer than any in training: sources of the flow side by side.

    python examples/paper/extrapolation.py peptides/dataset.h5 --splits test longer \
        --model "harmonic=runs/ablations/harmonic/harmonic.safetensors" \
        --model "condition=peptides" --work extrapolation/ --output extrapolation.png

Draws what Figure 5 of arXiv 2510.07589 draws: for each model, by the number of residues, the share
of invalid first proposals, the divergence of nested jumps from MD beside its floor, and the mean
radius of gyration, whose logarithm grows linearly with that of the number of atoms. Dots are
peptides, and lines their means or fits. The table, in Markdown beside the picture, has the slopes
too. What is sampled is kept in --work: a call that was stopped goes on. Instead of a model, the
output of `ase-tito evaluate` for the same molecules may be named.
"""

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ase_tito.analysis import peptide_torsions, radius_of_gyration
from ase_tito.analysis.report.drawing import REFERENCE_COLOUR, STYLE
from ase_tito.errors import DataError, TITOError
from ase_tito.evaluation import (
    EvaluationSettings,
    MoleculeResult,
    evaluate,
    markdown_table,
    open_references,
    read_evaluation,
)
from ase_tito.models import find_checkpoint, load_model

COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown")


@dataclass(frozen=True)
class Peptide:
    """What MD says of one peptide.

    Attributes
    ----------
    residues, atoms : int
    gyration_A : float
        Mean radius of gyration in Å.
    """

    residues: int
    atoms: int
    gyration_A: float


Results = Mapping[str, MoleculeResult]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def sampled(
    model: str, dataset: Path, splits: Sequence[str], work: Path, settings: EvaluationSettings
) -> dict[str, MoleculeResult]:
    """Results of all molecules of the splits, by name.

    Raises
    ------
    DataError
        If an evaluation that was made before lacks one of them.
    """
    if Path(model).is_dir():
        found = {result.name: result for result in read_evaluation(Path(model)).results}
        names = [name for split in splits for name in open_references([dataset], split=split).names]
        lacking = [name for name in names if name not in found]
        if lacking:
            raise DataError(f"{model}: this evaluation has no molecule {', '.join(lacking)}")
        return {name: found[name] for name in names}
    operator = load_model(model)
    digest = hashlib.sha256(find_checkpoint(model).read_bytes()).hexdigest()
    results: dict[str, MoleculeResult] = {}
    for split in splits:
        evaluation = evaluate(
            operator,
            open_references([dataset], split=split),
            work / split,
            settings,
            model=model,
            digest=digest,
            progress=lambda name, step, _: print(name, flush=True) if step == "done" else None,
        )
        for name, reason in evaluation.failures.items():
            print(f"{name}: {reason}")
        results |= {result.name: result for result in evaluation.results}
    return results


def peptides(dataset: Path, splits: Sequence[str]) -> dict[str, Peptide]:
    """What MD says of all peptides of the splits, by name."""
    found = {}
    for split in splits:
        references = open_references([dataset], split=split)
        for name in references.names:
            reference = references.load(name).equilibrium
            graph = reference.graph
            torsions = peptide_torsions(graph.atomic_numbers, graph.bonds)
            residues = len({torsion.residue for torsion in torsions if torsion.kind == "phi"})
            frames = reference.frames[reference.spread_frames(2000)]
            size = float(radius_of_gyration(frames).mean())
            found[name] = Peptide(residues, graph.n_atoms, size)
    return found


def slope(peptides: Sequence[Peptide], sizes_A: Sequence[float]) -> float:
    """Exponent of the radius of gyration in the number of atoms."""
    atoms = np.log([peptide.atoms for peptide in peptides])
    return float(np.polyfit(atoms, np.log(sizes_A), 1)[0])


def sizes_of(results: Results, known: Mapping[str, Peptide]) -> list[float]:
    """The model's mean radii of gyration in Å."""
    ratio = "nested.gyration_ratio"
    return [
        known[name].gyration_A * result.figures[ratio].value for name, result in results.items()
    ]


def mean(results: Sequence[MoleculeResult], key: str, attribute: str = "value") -> float:
    """Of a figure of nested jumps over the molecules that have it; nan for none."""
    values = [
        getattr(result.figures[f"nested.{key}"], attribute)
        for result in results
        if f"nested.{key}" in result.figures
    ]
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def rows(models: Mapping[str, Results], known: Mapping[str, Peptide]) -> list[list[str]]:
    """One row per model and number of residues: means over its peptides."""
    found = []
    for label, results in models.items():
        exponent = slope([known[name] for name in results], sizes_of(results, known))
        for length in sorted({known[name].residues for name in results}):
            these = [result for name, result in results.items() if known[name].residues == length]
            error = mean(these, "timescale_error")
            found.append(
                [
                    label,
                    f"{length} ({len(these)})",
                    f"{100 * (1 - mean(these, 'valid_share')):.1f} %",
                    f"{mean(these, 'jsd', 'equal'):.3f}",
                    f"{mean(these, 'jsd', 'floor'):.3f}",
                    f"{mean(these, 'bond_width_ratio'):.2f}",
                    f"{mean(these, 'gyration_ratio'):.3f}",
                    f"{error:.2f}" if np.isfinite(error) else "none resolved",
                    f"{exponent:.3f}",
                ]
            )
    return found


HEADER = (
    "model",
    "residues (peptides)",
    "invalid first proposals",
    "JSD at equal counts",
    "floor",
    "bond width",
    "R_g over MD's",
    "timescale error",
    "slope of log R_g",
)


def by_length(
    axis: Axes, lengths: Ints, values: Floats, shift: float, *, color: str, label: str = ""
) -> None:
    """One dot per peptide, and a line through the means of each number of residues."""
    axis.plot(lengths + shift, values, "o", ms=3.5, color=color, alpha=0.5, mew=0)
    each = np.unique(lengths)
    means = [values[lengths == length].mean() for length in each]
    axis.plot(each + shift, means, "-", marker="_", ms=9, mew=2, lw=1, color=color, label=label)


def against_atoms(axis: Axes, atoms: Ints, sizes_A: Floats, *, color: str, label: str = "") -> None:
    """One dot per peptide, and the power of the number of atoms that fits them."""
    axis.plot(atoms, sizes_A, "o", ms=3.5, color=color, alpha=0.5, mew=0)
    exponent, offset = np.polyfit(np.log(atoms), np.log(sizes_A), 1)
    ends = np.array([atoms.min(), atoms.max()])
    axis.plot(ends, np.exp(offset) * ends**exponent, "-", lw=1, color=color, label=label)


def draw(models: Mapping[str, Results], known: Mapping[str, Peptide]) -> Figure:
    """Invalid proposals, divergences and sizes by length."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 2.9), layout="constrained")
        invalid, divergence, size = figure.subplots(1, 3)
        names = list(next(iter(models.values())))
        lengths = np.array([known[name].residues for name in names])
        atoms = np.array([known[name].atoms for name in names])
        for k, (label, results) in enumerate(models.items()):
            colour = COLOURS[k % len(COLOURS)]
            shift = 0.08 * (k - (len(models) - 1) / 2)
            figures = [results[name].figures for name in names]
            share = np.array([100 * (1 - found["nested.valid_share"].value) for found in figures])
            equal = np.array([found["nested.jsd"].equal for found in figures])
            by_length(invalid, lengths, share, shift, color=colour, label=label)
            by_length(divergence, lengths, equal, shift, color=colour)
            same = {name: results[name] for name in names}
            against_atoms(size, atoms, np.array(sizes_of(same, known)), color=colour)
        floors = [
            [results[name].figures["nested.jsd"].floor for results in models.values()]
            for name in names
        ]
        style = {"color": REFERENCE_COLOUR, "label": "MD"}
        by_length(divergence, lengths, np.mean(floors, 1), 0.0, **style)
        against_atoms(size, atoms, np.array([known[name].gyration_A for name in names]), **style)
        invalid.set(ylabel="invalid first proposals, %", xlabel="residues", ylim=(0, None))
        divergence.set(ylabel="TICA JSD at equal counts, nats", xlabel="residues", ylim=(0, None))
        size.set(xscale="log", yscale="log", ylabel="radius of gyration, Å", xlabel="atoms")
        for axis in (invalid, divergence):
            axis.set_xticks(sorted(set(lengths.tolist())))
            axis.set_xlim(lengths.min() - 0.4, lengths.max() + 0.4)
        for axis in (size.xaxis, size.yaxis):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter("{x:g}")
        handles, labels = invalid.get_legend_handles_labels()
        of_md = divergence.get_legend_handles_labels()
        figure.legend(
            [*handles, *of_md[0]], [*labels, *of_md[1]], loc="outside upper center", ncols=6
        )
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--splits", nargs="+", default=["test", "longer"])
    parser.add_argument(
        "--model", action="append", required=True, metavar="LABEL=NAME", help="again for each"
    )
    parser.add_argument("--replicas", type=int, default=16)
    parser.add_argument("--jumps", type=int, default=64, help="of each replica, nested")
    parser.add_argument("--lag-ps", type=float, default=250.0)
    parser.add_argument("--work", type=Path, default=Path("extrapolation"))
    parser.add_argument("--output", type=Path, default=Path("extrapolation.png"))
    arguments = parser.parse_args()
    settings = EvaluationSettings(
        replicas=arguments.replicas,
        jumps=arguments.jumps,
        single_jumps=0,
        lag_time_ps=arguments.lag_ps,
    )
    try:
        known = peptides(arguments.dataset, arguments.splits)
        models: dict[str, Results] = {}
        for text in arguments.model:
            label, _, model = text.partition("=")
            if not model:
                parser.error(f"--model must be LABEL=NAME or LABEL=PATH, not {text!r}")
            models[label] = sampled(
                model, arguments.dataset, arguments.splits, arguments.work / label, settings
            )
        table = markdown_table(HEADER, rows(models, known))
        exponent = slope(list(known.values()), [each.gyration_A for each in known.values()])
        table += (
            f"\nSlope of log R_g against the log of the number of atoms in MD: {exponent:.3f}.\n"
        )
        arguments.output.with_suffix(".md").write_text(table, encoding="utf-8")
        draw(models, known).savefig(arguments.output, dpi=150)
    except TITOError as error:
        raise SystemExit(f"error: {error}") from None
    print(table)


if __name__ == "__main__":
    main()
