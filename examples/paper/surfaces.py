"""Surfaces, timescales and histograms over all test molecules, from an evaluation.

    ase-tito evaluate molecules molecules/dataset.h5 --preset paper -o evaluation/
    python examples/paper/surfaces.py evaluation/ --output docs/_static/paper-surfaces.png

Draws what Figure 2 of arXiv 2510.07589 draws, and samples nothing. Above: for a few molecules the
free energy of the two slowest TICA components, of MD and of the model's nested jumps, and the
implied timescales of both. Below: divergence, VAMP-2 gap and timescale error of every molecule.

The molecules drawn are the worst, the best and those evenly between, by the excess of the
divergence over its floor, of all whose MD mixes; or those that --molecules names. With --worst N
they are the worst alone, and the histograms are left out.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from ase_tito.analysis.report.drawing import MODEL_COLOUR, REFERENCE_COLOUR, STYLE, WIDTH
from ase_tito.errors import DataError, TITOError
from ase_tito.evaluation import MoleculeResult, Timescales, read_evaluation
from ase_tito.evaluation.figures import PANELS, draw_histograms, draw_surface
from ase_tito.evaluation.tables import by_excess

NEVER = 1e6
"""Of the lag: so much slower a process is one that this MD does not show at all."""


def worst(results: Sequence[MoleculeResult], count: int) -> list[MoleculeResult]:
    """Those of the largest excess, the worst first, of those whose MD mixes in two coordinates."""
    return choose(results, len(results))[:count]


def choose(results: Sequence[MoleculeResult], count: int) -> list[MoleculeResult]:
    """From the worst to the best, evenly by rank, of those whose MD mixes in two coordinates."""
    ordered = by_excess(
        [
            result
            for result in results
            if (result.reference["equilibrium_mixing"] or {}).get("mixes")
            and result.surfaces["MD"].counts.ndim == 2
            and "nested" in result.surfaces
        ]
    )
    if not ordered:
        raise DataError("no molecule of this evaluation has MD that mixes: name --molecules")
    places = np.linspace(0, len(ordered) - 1, min(count, len(ordered))).round().astype(int)
    return [ordered[k] for k in places]


def named(results: Sequence[MoleculeResult], names: Sequence[str]) -> list[MoleculeResult]:
    """The molecules of these names."""
    table = {result.name: result for result in results}
    unknown = [name for name in names if name not in table]
    if unknown:
        raise DataError(f"this evaluation has no molecule {', '.join(unknown)}")
    return [table[name] for name in names]


def draw_timescales(axis: Axes, found: Timescales | None, lag_ps: float) -> None:
    """Implied timescales in the order of the processes; hollow where the MD resolves none."""
    if found is None:
        axis.text(0.5, 0.5, "no dynamics", ha="center", va="center", transform=axis.transAxes)
        return
    number = np.arange(1, len(found.resolved) + 1)
    resolved = np.array(found.resolved)
    for times, colour, marker in (
        (found.reference_ps, REFERENCE_COLOUR, "o"),
        (found.model_ps, MODEL_COLOUR, "s"),
    ):
        values = np.array(times)
        never = values > NEVER * lag_ps
        axis.plot(
            *(number[never], np.full(never.sum(), 0.97), "^"),
            color=colour,
            markerfacecolor="none",
            markersize=4,
            transform=axis.get_xaxis_transform(),
        )
        values[never | ~np.isfinite(values) | (values <= 0)] = np.nan
        for which, face in ((resolved, colour), (~resolved, "none")):
            axis.plot(
                *(number[which], values[which], marker),
                color=colour,
                markerfacecolor=face,
                markersize=4,
            )
    axis.axhline(lag_ps, color="0.7", lw=0.8, ls=":", zorder=0)
    axis.set(yscale="log", xlim=(0.4, len(number) + 0.6), ylabel="timescale, ps")
    axis.set_xticks(number[::3])
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_locator(NullLocator())


def draw(
    results: Sequence[MoleculeResult], chosen: Sequence[MoleculeResult], histograms: bool = True
) -> Figure:
    """Rows of chosen molecules, and below them the histograms over all of them."""
    with matplotlib.rc_context(STYLE):
        rows = len(chosen)
        heights = [1.95 * rows + 0.4, *([2.2] if histograms else [])]
        figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained")
        above, *rest = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[
            :, 0
        ]
        axes = above.subplots(rows, 3, squeeze=False)
        for row, result in zip(axes, chosen, strict=True):
            mesh = None
            for axis, key in zip(row, ("MD", "nested"), strict=False):
                mesh = draw_surface(axis, result.surfaces.get(key)) or mesh
            row[0].set_ylabel(f"{result.smiles or result.name}\nTICA 2")
            if mesh is not None:
                above.colorbar(mesh, ax=row[1], label="free energy, kT", shrink=0.9)
            draw_timescales(row[2], result.timescales.get("nested"), result.sampling["lag_time_ps"])
        for axis, title in zip(
            axes[0], ("MD", "TITO", "implied timescales\n(circles MD, squares TITO)"), strict=True
        ):
            axis.set_title(title, fontsize=9)
        for axis, label in zip(axes[-1], ("TICA 1", "TICA 1", "process"), strict=True):
            axis.set_xlabel(label)
        for below in rest:
            handles = draw_histograms(below.subplots(1, len(PANELS)), results)
            below.legend(handles=handles, loc="outside upper right", ncols=3)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("evaluation", type=Path, help="output of ase-tito evaluate")
    parser.add_argument("--molecules", nargs="+", metavar="NAME", help="draw these instead")
    parser.add_argument("--worst", type=int, metavar="N", help="draw the N worst, no histograms")
    parser.add_argument("--count", type=int, default=3, help="molecules to draw (default: 3)")
    parser.add_argument("--output", type=Path, default=Path("surfaces.png"))
    arguments = parser.parse_args()
    try:
        results = read_evaluation(arguments.evaluation).results
        if arguments.molecules:
            chosen = named(results, arguments.molecules)
        elif arguments.worst:
            chosen = worst(results, arguments.worst)
        else:
            chosen = choose(results, arguments.count)
    except TITOError as error:
        parser.error(str(error))
    for result in chosen:
        jsd = result.figures["nested.jsd"]
        print(f"{result.name}: JSD at equal counts {jsd.equal:.3f}, floor {jsd.floor:.3f}")
        found = result.timescales.get("nested")
        for md, model in zip(found.reference_ps, found.model_ps, strict=True) if found else ():
            print(f"    timescale, ps: MD {md:8.1f}  model {model:8.1f}")
    draw(results, chosen, histograms=not arguments.worst).savefig(arguments.output, dpi=200)
    print(arguments.output)


if __name__ == "__main__":
    main()
