"""Pictures of an evaluation: histograms over the molecules, and surfaces of three of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ase_tito.analysis import Histogram, free_energies
from ase_tito.analysis.report.drawing import MODEL_COLOUR, REFERENCE_COLOUR, STYLE, WIDTH
from ase_tito.analysis.surfaces import CEILING_KT
from ase_tito.evaluation.catalogue import PAPER
from ase_tito.evaluation.result import MoleculeResult
from ase_tito.evaluation.summary import column
from ase_tito.evaluation.tables import by_excess

PANELS = (
    ("nested.jsd_release", "TICA JSD (nats)"),
    ("nested.vamp_gap", "VAMP-2 gap"),
    ("nested.timescale_error", "relative timescale error"),
)
"""As in Fig. 2 of arXiv 2510.07589."""

PAPER_COLOUR = "#d55e00"

_TITLES = {"MD": "MD", "nested": "nested jumps", "single": "single jumps"}


def histogram_figure(results: Sequence[MoleculeResult]) -> Picture:
    """Divergence, score gap and timescale error over the molecules; see `draw_histograms`."""
    with matplotlib.rc_context(STYLE):
        picture = Picture(figsize=(WIDTH, 2.3), layout="constrained")
        handles = draw_histograms(picture.subplots(1, len(PANELS)), results)
        picture.legend(handles=handles, loc="outside upper right", ncols=3)
    return picture


def draw_histograms(axes: Sequence[Axes], results: Sequence[MoleculeResult]) -> list[Artist]:
    """Draw `PANELS` into three axes, and return the legend's handles; dashed lines are medians.

    Beside the values stands what a perfect model would have at the same counts: the values less
    their excess. Where no timescale is resolved, the error is that of all ten. Outliers are drawn
    in the outermost bins, and counted.
    """
    kinds = {result.kind for result in results}
    paper = PAPER[kinds.pop()] if len(kinds) == 1 else {}
    for axis, (name, title) in zip(axes, PANELS, strict=True):
        key, label = name, title
        if key == "nested.timescale_error" and not len(column(results, key)):
            key, label = "nested.timescale_error_release", f"{label} (all ten)"
        reported = paper.get(key)
        _histogram(axis, results, key, None if reported is None else reported[1])
        axis.set_xlabel(label)
    axes[0].set_ylabel("molecules")
    handles: list[Artist] = [
        Patch(facecolor=MODEL_COLOUR, alpha=0.55, label="model"),
        Line2D([], [], color=REFERENCE_COLOUR, lw=1.1, label="less its excess over MD"),
    ]
    if paper:
        handles.append(
            Line2D([], [], color=PAPER_COLOUR, ls=":", lw=1.3, label="median of the paper")
        )
    return handles


def surface_figure(results: Sequence[MoleculeResult]) -> Picture:
    """Surfaces of the worst, the median and the best molecule by the excess of the divergence."""
    ordered = by_excess(results)
    places = sorted({0, (len(ordered) - 1) // 2, len(ordered) - 1})
    names = ["worst", "median", "best"] if len(places) == 3 else ["worst", "best"][: len(places)]
    chosen = [(ordered[k], name) for k, name in zip(places, names, strict=True)]
    columns = [key for key in _TITLES if any(key in result.surfaces for result, _ in chosen)]
    with matplotlib.rc_context(STYLE):
        picture = Picture(figsize=(WIDTH, 0.5 + 2.15 * len(chosen)), layout="constrained")
        axes = picture.subplots(
            len(chosen), len(columns), squeeze=False, sharex="row", sharey="row"
        )
        mesh: Any = None
        for row, (result, name) in zip(axes, chosen, strict=True):
            for axis, key in zip(row, columns, strict=True):
                drawn = draw_surface(axis, result.surfaces.get(key))
                mesh = drawn if drawn is not None else mesh
            excess = result.figures["nested.jsd"].excess
            label = (
                f"{_short(result.name)}\n"
                if len(results) == 1
                else f"{name}: {_short(result.name)}\n"
            )
            row[0].set_ylabel(f"{label}(excess {excess:.3f})\nTICA 2")
        for axis, key in zip(axes[0], columns, strict=True):
            axis.set_title(_TITLES[key])
        for axis in axes[-1]:
            axis.set_xlabel("TICA 1")
        if mesh is not None:
            bar = picture.colorbar(
                mesh,
                ax=axes.ravel().tolist(),
                label="free energy ($k_\\mathrm{B}T$)",
                ticks=range(7),
                pad=0.02,
                aspect=30,
            )
            bar.outline.set_linewidth(0.6)
    return picture


def _histogram(
    axis: Axes, results: Sequence[MoleculeResult], key: str, paper: float | None
) -> None:
    having = [result.figures[key] for result in results if key in result.figures]
    model = np.array([figure.value for figure in having])
    model = model[~np.isnan(model)]
    with np.errstate(invalid="ignore"):
        floor = _finite(np.array([figure.value - figure.excess for figure in having]))
    if not np.isfinite(model).any():
        axis.text(0.5, 0.5, "not available", ha="center", va="center", transform=axis.transAxes)
        axis.set(xticks=[], yticks=[])
        return
    low, high = _without_outliers(model)
    shown = [low, high, *([] if paper is None else [paper])]
    if key != "nested.vamp_gap":
        shown.append(0.0)
    low, high = min(shown), max(shown)
    width = (high - low) or 1.0
    edges = np.linspace(low - 0.02 * width, high + 0.05 * width, 5 + int(2 * np.sqrt(len(model))))
    for beyond, side in ((model < edges[0], "left"), (model > edges[-1], "right")):
        if beyond.any():
            place = 0.02 if side == "left" else 0.98
            text = f"{beyond.sum()} beyond"
            axis.text(place, 0.98, text, transform=axis.transAxes, va="top", ha=side, fontsize=7)
    counts = [np.histogram(np.clip(v, edges[0], edges[-1]), edges)[0] for v in (model, floor)]
    axis.stairs(counts[0], edges, fill=True, color=MODEL_COLOUR, alpha=0.55, lw=0)
    axis.stairs(counts[1], edges, color=REFERENCE_COLOUR, lw=1.1)
    for values, colour in ((model, MODEL_COLOUR), (floor, REFERENCE_COLOUR)):
        if len(values):
            axis.axvline(float(np.median(values)), color=colour, lw=1.0, ls="--")
    if paper is not None:
        axis.axvline(paper, color=PAPER_COLOUR, lw=1.3, ls=":")
    axis.set_xlim(edges[0], edges[-1])
    axis.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axis.xaxis.set_major_locator(MaxNLocator(5))


def _without_outliers(values: NDArray[np.float64]) -> tuple[float, float]:
    """Range of the values (m,) within J. W. Tukey's outer fences, 3 interquartile ranges away.

    One outlier would leave all others in one bin.
    """
    values = _finite(values)
    first, third = np.quantile(values, [0.25, 0.75])
    fence = 3 * (third - first)
    inside = values[(values >= first - fence) & (values <= third + fence)]
    return float(inside.min()), float(inside.max())


def draw_surface(axis: Axes, counts: Histogram | None) -> Any:
    """A free-energy surface, or a profile where there is one coordinate; the mesh if any."""
    if counts is None or not counts.counts.any():
        axis.text(0.5, 0.5, "nothing here", ha="center", va="center", transform=axis.transAxes)
        axis.set_box_aspect(1)
        return None
    surface = free_energies(counts)
    if surface.ndim == 1:
        axis.stairs(
            np.minimum(surface, 2 * CEILING_KT), counts.edges[0], baseline=None, color=MODEL_COLOUR
        )
        axis.set_ylim(-0.3, CEILING_KT)
        return None
    for spine in axis.spines.values():
        spine.set_visible(True)
    axis.set_box_aspect(1)
    for locate in (axis.xaxis, axis.yaxis):
        locate.set_major_locator(MaxNLocator(4, integer=True))
    return axis.pcolormesh(
        *counts.edges,
        np.ma.masked_invalid(surface).T,
        vmin=0.0,
        vmax=CEILING_KT,
        cmap="YlGnBu_r",
        rasterized=True,  # cells as one picture: no hairlines between them
    )


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[np.isfinite(values)]


def _short(name: str) -> str:
    return name if len(name) <= 24 else name[:23] + "…"
