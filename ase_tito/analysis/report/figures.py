"""Figures of a report, at their printed size and free of pyplot's state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ase_tito.analysis.report.drawing import (
    MODEL_COLOUR,
    REFERENCE_COLOUR,
    STYLE,
    WIDTH,
    circle,
    grid,
    label_left,
    legend,
)
from ase_tito.analysis.report.kinetic_figures import memory_figure, test_figure, timescale_figure
from ase_tito.analysis.report.relaxation_figure import relaxation_figure
from ase_tito.analysis.report.result import Curve, Energies, Report, Surface
from ase_tito.analysis.surfaces import CEILING_KT

_PROFILE_CEILING_KT = 9.0


def report_figures(report: Report) -> dict[str, Figure]:
    """All figures that a report has data for, by name."""
    makers: dict[str, Callable[[], Figure | None]] = {
        f"surface-{k + 1}": lambda surface=surface: surface_figure(surface)  # type: ignore[misc]
        for k, surface in enumerate(report.surfaces)
    }
    makers |= {
        "torsions": lambda: curves_figure(report.torsions, angular=True),
        "bonds": lambda: curves_figure(report.bonds),
        "angles": lambda: curves_figure(report.angles),
        "gyration": lambda: curves_figure([report.gyration]),
        "energies": lambda: None if report.energies is None else energy_figure(report.energies),
        "timescales": lambda: timescale_figure(report.kinetics),
        "memory": lambda: memory_figure(report.kinetics),
        "chapman-kolmogorov": lambda: test_figure(report.kinetics),
        "relaxation": lambda: relaxation_figure(report.kinetics.relaxations),
    }
    with matplotlib.rc_context(STYLE):
        made = {name: make() for name, make in makers.items()}
    return {name: figure for name, figure in made.items() if figure is not None}


def surface_figure(surface: Surface) -> Figure:
    """Free-energy surfaces of reference and model side by side, on one colour scale."""
    panels = [
        (title, values)
        for title, values in (("reference", surface.reference), ("model", surface.model))
        if values is not None
    ]
    figure = Figure(figsize=(0.75 + 2.95 * len(panels), 2.9), layout="constrained")
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    angular = "degrees" in surface.x_label
    mesh: Any = None
    for axis, (title, values) in zip(axes, panels, strict=True):
        for spine in axis.spines.values():
            spine.set_visible(True)
        mesh = axis.pcolormesh(
            surface.x_edges,
            surface.y_edges,
            np.ma.masked_invalid(values).T,
            vmin=0.0,
            vmax=CEILING_KT,
            cmap="YlGnBu_r",
            rasterized=True,  # cells as one picture: no hairlines between them
        )
        axis.set(title=title, xlabel=surface.x_label)
        axis.set_box_aspect(1)
        if angular:
            circle(axis.set_xticks)
            circle(axis.set_yticks)
    axes[0].set_ylabel(surface.y_label)
    bar = figure.colorbar(
        mesh, ax=list(axes), label="free energy ($k_\\mathrm{B}T$)", pad=0.02, ticks=range(7)
    )
    bar.outline.set_linewidth(0.6)
    return figure


def curves_figure(curves: Sequence[Curve], *, angular: bool = False) -> Figure | None:
    """Free-energy profiles with their intervals, up to four in a row."""
    if not curves:
        return None
    figure, axes = grid(len(curves))
    for axis, curve in zip(axes, curves, strict=True):
        for colour, values, low, high in (
            (REFERENCE_COLOUR, curve.reference, curve.reference_low, curve.reference_high),
            (MODEL_COLOUR, curve.model, curve.model_low, curve.model_high),
        ):
            if values is None or low is None or high is None:
                continue
            below, above = (np.minimum(end, 50.0) for end in (low, high))
            axis.fill_between(curve.coordinate, below, above, color=colour, alpha=0.2, lw=0)
            # an empty bin leaves a gap in the line
            shown = np.where(np.isfinite(values), values, np.nan)
            axis.plot(curve.coordinate, shown, color=colour, lw=1.1)
        axis.set(xlabel=curve.label, ylim=(-0.3, _PROFILE_CEILING_KT))
        axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        if angular:
            axis.set_xlim(-180, 180)
            circle(axis.set_xticks, 4)
        else:
            axis.xaxis.set_major_locator(MaxNLocator(4))
    label_left(axes, "free energy ($k_\\mathrm{B}T$)")
    legend(figure, curves[0].reference is not None)
    return figure


def energy_figure(energies: Energies) -> Figure:
    """Densities of the potential energy."""
    figure = Figure(figsize=(0.62 * WIDTH, 2.5), layout="constrained")
    axis = figure.subplots()
    centres = (energies.edges[1:] + energies.edges[:-1]) / 2
    if energies.reference is not None:
        axis.fill_between(
            centres, energies.reference, step="mid", color=REFERENCE_COLOUR, alpha=0.25, lw=0
        )
        axis.step(centres, energies.reference, where="mid", color=REFERENCE_COLOUR, lw=0.8)
    axis.step(centres, energies.model, where="mid", color=MODEL_COLOUR, lw=1.2)
    axis.set(xlabel="potential energy (kJ/mol)", ylabel="density (mol/kJ)", ylim=(0, None))
    axis.set_xlim(energies.edges[0], energies.edges[-1])
    legend(figure, energies.reference is not None)
    return figure
