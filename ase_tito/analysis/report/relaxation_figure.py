"""Figure of conditional densities: a row for each start, a column for each lag."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ase_tito.analysis.report.drawing import (
    EXPECTED_COLOUR,
    JUMPS_COLOUR,
    MODEL_COLOUR,
    REFERENCE_COLOUR,
    WIDTH,
)
from ase_tito.analysis.report.result import Relaxation

COLOURS = {"reference": REFERENCE_COLOUR, "model": MODEL_COLOUR, "jumps": JUMPS_COLOUR}


def relaxation_figure(relaxations: Sequence[Relaxation]) -> Figure | None:
    """Densities of the slowest coordinate; None where there are none."""
    if not relaxations:
        return None
    columns = max(len(relaxation.lag_times_ps) for relaxation in relaxations)
    rows = len(relaxations)
    width = WIDTH if columns > 2 else 0.4 + 0.3 * WIDTH * columns
    figure = Figure(figsize=(width, 0.55 + 1.35 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, sharex=True, sharey="row", squeeze=False)
    for row, relaxation in zip(axes, relaxations, strict=True):
        for k, axis in enumerate(row):
            if k < len(relaxation.lag_times_ps):
                _draw(axis, relaxation, k)
            else:
                axis.remove()
        highest = max(side.density.max() for side in relaxation.sides.values())
        # the intervals of a few visits would leave no room for the densities
        row[0].set_ylim(0, 1.5 * max(highest, relaxation.equilibrium.max()))
        row[0].set_ylabel(f"density\nfrom {relaxation.start}")
    for axis in axes[-1]:
        axis.set_xlabel("TICA component 1")
    _legend(figure, relaxations)
    return figure


def _draw(axis: Axes, relaxation: Relaxation, k: int) -> None:
    x = relaxation.coordinate
    axis.fill_between(x, relaxation.equilibrium, color="0.9", lw=0, zorder=0)
    for name, side in relaxation.sides.items():
        colour = COLOURS[name]
        if side.low is not None and side.high is not None:
            axis.fill_between(x, side.low[k], side.high[k], color=colour, alpha=0.2, lw=0)
        axis.plot(x, side.density[k], color=colour, lw=1.0)
    axis.plot(x, relaxation.expected[k], color=EXPECTED_COLOUR, lw=1.0, ls=(0, (3, 1.5)))
    axis.plot(
        np.clip(relaxation.centre[0], x[0], x[-1]),
        0.0,
        "^",
        color="k",
        ms=4,
        clip_on=False,
        zorder=3,
    )
    axis.set(title=f"after {relaxation.lag_times_ps[k]:g} ps")
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.yaxis.set_major_locator(MaxNLocator(3))


def _legend(figure: Figure, relaxations: Sequence[Relaxation]) -> None:
    there = {side for relaxation in relaxations for side in relaxation.sides}
    handles = [
        Line2D([], [], color=colour, label=name)
        for name, colour in COLOURS.items()
        if name in there
    ]
    handles.append(Line2D([], [], color=EXPECTED_COLOUR, ls="--", label="Markov model"))
    figure.legend(handles=handles, loc="outside upper left", ncols=len(handles))
