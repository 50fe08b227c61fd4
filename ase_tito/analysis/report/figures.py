"""Figures of a report, at their printed size and free of pyplot's state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ase_tito.analysis.chapman_kolmogorov import ChapmanKolmogorov
from ase_tito.analysis.memory import TorsionMemory
from ase_tito.analysis.report.result import Curve, Energies, Kinetics, Report, Surface
from ase_tito.analysis.surfaces import CEILING_KT, PRINT_STYLE
from ase_tito.analysis.timescales import TimescaleScan

REFERENCE_COLOUR = "#333333"
MODEL_COLOUR = "#0072b2"

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

_PROFILE_CEILING_KT = 9.0
_DRAWN_PROCESSES = 3


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
            _circle(axis.set_xticks)
            _circle(axis.set_yticks)
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
    figure, axes = _grid(len(curves))
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
            _circle(axis.set_xticks, 4)
        else:
            axis.xaxis.set_major_locator(MaxNLocator(4))
    _label_left(axes, "free energy ($k_\\mathrm{B}T$)")
    _legend(figure, curves[0].reference is not None)
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
    _legend(figure, energies.reference is not None)
    return figure


def timescale_figure(kinetics: Kinetics) -> Figure | None:
    """Implied timescales against the lag; below the diagonal nothing can be resolved."""
    panels = [
        (title, [(REFERENCE_COLOUR, first), (MODEL_COLOUR, second)])
        for title, first, second in (
            ("TICA", kinetics.reference_tica, kinetics.model_tica),
            ("Markov model", kinetics.reference_msm, kinetics.model_msm),
        )
        if first is not None or second is not None
    ]
    if not panels:
        return None
    figure = Figure(figsize=(0.5 * WIDTH * len(panels), 2.8), layout="constrained")
    axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    every = [scan for _, sides in panels for _, scan in sides if scan is not None]
    lags = np.concatenate([scan.lag_times_ps for scan in every])
    times = np.concatenate([scan.timescales_ps.ravel() for scan in every])
    ends = np.array([lags.min() / 1.15, lags.max() * 1.15])
    highest = max(float(times[np.isfinite(times)].max(initial=0.0)), 2 * ends[1])
    for axis, (title, sides) in zip(axes, panels, strict=True):
        for colour, scan in sides:
            if scan is not None:
                _draw_scan(axis, scan, colour)
        axis.fill_between(ends, ends, 1e-3, color="0.92", lw=0, zorder=0)
        axis.set(xscale="log", yscale="log", xlim=ends, title=title, xlabel="lag (ps)")
        axis.set_ylim(ends[0] / 3, 3 * highest)
    axes[0].set_ylabel("implied timescale (ps)")
    _legend(figure, kinetics.reference_tica is not None)
    return figure


def memory_figure(kinetics: Kinetics) -> Figure | None:
    """⟨cos Δθ⟩ of each torsion against the lag."""
    sides = [
        (colour, memory)
        for colour, memory in (
            (REFERENCE_COLOUR, kinetics.reference_memory),
            (MODEL_COLOUR, kinetics.model_memory),
        )
        if memory is not None
    ]
    if not sides:
        return None
    count = min(len(kinetics.memory_names), 12)
    figure, axes = _grid(count)
    for k, axis in enumerate(axes):
        for colour, memory in sides:
            _draw_memory(axis, memory, k, colour)
        axis.set(xscale="log", xlabel="lag (ps)", title=kinetics.memory_names[k])
        axis.yaxis.set_major_locator(MaxNLocator(4))
    _label_left(axes, "$\\langle\\cos\\Delta\\theta\\rangle$")
    _legend(figure, kinetics.reference_memory is not None)
    return figure


def test_figure(kinetics: Kinetics) -> Figure | None:
    """The Chapman–Kolmogorov test: lines are predicted, points with error bars are counted."""
    sides = [
        (colour, test)
        for colour, test in (
            (REFERENCE_COLOUR, kinetics.reference_test),
            (MODEL_COLOUR, kinetics.model_test),
        )
        if test is not None
    ]
    if not sides:
        return None
    sets = sides[0][1].predicted.shape[1]
    size = min(WIDTH / sets, 1.9)
    figure = Figure(figsize=(size * sets + 0.4, 0.8 * size * sets + 0.5), layout="constrained")
    axes = figure.subplots(sets, sets, sharex=True, sharey=True, squeeze=False)
    for i in range(sets):
        for j in range(sets):
            for colour, test in sides:
                _draw_test(axes[i, j], test, i, j, colour)
            axes[i, j].set(ylim=(-0.03, 1.03))
            axes[i, j].text(
                *(0.96, 0.9, f"{i + 1} → {j + 1}"),
                transform=axes[i, j].transAxes,
                ha="right",
                va="top",
                color="0.35",
            )
        axes[i, 0].set_ylabel("probability")
    for axis in axes[-1]:
        axis.set_xlabel("lag (ps)")
        axis.xaxis.set_major_locator(MaxNLocator(4))
    _legend(figure, kinetics.reference_test is not None)
    return figure


def _draw_scan(axis: Axes, scan: TimescaleScan, colour: str) -> None:
    for k in range(min(_DRAWN_PROCESSES, scan.timescales_ps.shape[1])):
        values = scan.timescales_ps[:, k]
        seen = np.isfinite(values) & (values > 0)
        axis.plot(scan.lag_times_ps[seen], values[seen], "o-", color=colour, ms=2.2, lw=0.9)
        if scan.low is not None and scan.high is not None:
            low, high = np.maximum(scan.low[:, k], 1e-3), np.minimum(scan.high[:, k], 1e9)
            known = seen & np.isfinite(low) & np.isfinite(high)
            axis.fill_between(
                scan.lag_times_ps[known], low[known], high[known], color=colour, alpha=0.15, lw=0
            )


def _draw_memory(axis: Axes, memory: TorsionMemory, k: int, colour: str) -> None:
    lags, values = memory.lag_times_ps, memory.correlation[:, k]
    axis.fill_between(lags, memory.low[:, k], memory.high[:, k], color=colour, alpha=0.2, lw=0)
    axis.plot(lags, values, "o-", color=colour, ms=2.2, lw=0.9)


def _draw_test(axis: Axes, test: ChapmanKolmogorov, i: int, j: int, colour: str) -> None:
    lags = test.lag_times_ps
    axis.plot(lags, test.predicted[:, i, j], color=colour, lw=1.0)
    counted = test.counted[:, i, j]
    # The interval is that of the deviation from the prediction, so it is laid about the point.
    low, high = test.low[:, i, j], test.high[:, i, j]
    half = np.nan_to_num((high - low) / 2)
    axis.errorbar(lags, counted, half, fmt="o", color=colour, ms=2.4, lw=0.7)


def _grid(count: int) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, four in a row at most, without empty ones."""
    columns = min(count, 4)
    rows = -(-count // columns)
    width = WIDTH if columns > 2 else 0.2 * WIDTH + 0.4 * WIDTH * (columns - 0.3)
    figure = Figure(figsize=(width, 0.35 + 1.55 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[count:]:
        axis.remove()
    return figure, list(axes[:count])


def _label_left(axes: Iterable[Axes], label: str) -> None:
    for axis in axes:
        specification = axis.get_subplotspec()
        if specification is not None and specification.is_first_col():
            axis.set_ylabel(label)


def _legend(figure: Figure, with_reference: bool) -> None:
    if with_reference:
        figure.legend(
            handles=[
                Line2D([], [], color=REFERENCE_COLOUR, label="reference"),
                Line2D([], [], color=MODEL_COLOUR, label="model"),
            ],
            loc="outside upper right",
            ncols=2,
        )


def _circle(set_ticks: Callable[[NDArray[np.int64]], object], intervals: int = 4) -> None:
    set_ticks(np.linspace(-180, 180, intervals + 1).astype(int))
