"""What all figures of a report share: colours, size, style, and panels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ase_tito.analysis.surfaces import PRINT_STYLE

REFERENCE_COLOUR = "#333333"
MODEL_COLOUR = "#0072b2"
EXPECTED_COLOUR = "#d55e00"
JUMPS_COLOUR = "#009e73"
"""Of M. Okabe and K. Ito, told apart by the colour-blind as well."""

WIDTH = 6.9
"""Inches: a page's text."""

STYLE: Any = PRINT_STYLE | {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "axes.labelpad": 2.0,
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}


def grid(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, four in a row at most, without empty ones."""
    columns = min(count, 4)
    rows = -(-count // columns)
    width = WIDTH if columns > 2 else 0.2 * WIDTH + 0.4 * WIDTH * (columns - 0.3)
    figure = Figure(figsize=(width, 0.35 + 1.55 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[count:]:
        axis.remove()
    return figure, list(axes[:count])


def label_left(axes: Iterable[Axes], label: str) -> None:
    """Label the axes at the left edge alone."""
    for axis in axes:
        specification = axis.get_subplotspec()
        if specification is not None and specification.is_first_col():
            axis.set_ylabel(label)


def legend(figure: Figure, with_reference: bool) -> None:
    """Which colour is which, above the panels; nothing to tell apart without a reference."""
    if with_reference:
        figure.legend(
            handles=[
                Line2D([], [], color=REFERENCE_COLOUR, label="reference"),
                Line2D([], [], color=MODEL_COLOUR, label="model"),
            ],
            loc="outside upper left",
            ncols=2,
        )


def circle(set_ticks: Callable[[NDArray[np.int64]], object], intervals: int = 4) -> None:
    """Ticks of a torsion in degrees."""
    set_ticks(np.linspace(-180, 180, intervals + 1).astype(int))
