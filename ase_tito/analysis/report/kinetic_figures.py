"""Figures of kinetics: timescales, memory, and the Chapman–Kolmogorov test."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ase_tito.analysis.chapman_kolmogorov import ChapmanKolmogorov
from ase_tito.analysis.memory import TorsionMemory
from ase_tito.analysis.report.drawing import (
    MODEL_COLOUR,
    REFERENCE_COLOUR,
    WIDTH,
    grid,
    label_left,
    legend,
)
from ase_tito.analysis.report.result import Kinetics
from ase_tito.analysis.timescales import TimescaleScan

_DRAWN_PROCESSES = 3


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
        axis.text(
            *(0.97, 0.04, "shorter than the lag"),
            transform=axis.transAxes,
            ha="right",
            va="bottom",
            color="0.45",
        )
    axes[0].set_ylabel("implied timescale (ps)")
    legend(figure, kinetics.reference_tica is not None)
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
    figure, axes = grid(count)
    for k, axis in enumerate(axes):
        for colour, memory in sides:
            _draw_memory(axis, memory, k, colour)
        axis.set(xscale="log", xlabel="lag (ps)", title=kinetics.memory_names[k])
        axis.yaxis.set_major_locator(MaxNLocator(4))
    label_left(axes, "$\\langle\\cos\\Delta\\theta\\rangle$")
    legend(figure, kinetics.reference_memory is not None)
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
    figure = Figure(figsize=(size * sets + 0.4, 0.85 * size * sets + 0.5), layout="constrained")
    axes = figure.subplots(sets, sets, sharex=True, sharey=True, squeeze=False)
    for i in range(sets):
        for j in range(sets):
            for colour, test in sides:
                _draw_test(axes[i, j], test, i, j, colour)
            axes[i, j].set(ylim=(-0.03, 1.03), yticks=(0, 0.5, 1), title=f"{i + 1} → {j + 1}")
        axes[i, 0].set_ylabel("probability")
    for axis in axes[-1]:
        axis.set_xlabel("lag (ps)")
        axis.xaxis.set_major_locator(MaxNLocator(4))
    legend(figure, kinetics.reference_test is not None)
    return figure


def _draw_scan(axis: Axes, scan: TimescaleScan, colour: str) -> None:
    for k in range(min(_DRAWN_PROCESSES, scan.timescales_ps.shape[1])):
        values = scan.timescales_ps[:, k]
        seen = np.isfinite(values) & (values > 0)
        axis.plot(scan.lag_times_ps[seen], values[seen], color=colour, lw=0.9)
        for which, filling in ((scan.resolved[:, k], colour), (~scan.resolved[:, k], "white")):
            marked = seen & which
            axis.plot(
                *(scan.lag_times_ps[marked], values[marked], "o"),
                color=colour,
                markerfacecolor=filling,
                ms=2.6,
                mew=0.7,
            )
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
