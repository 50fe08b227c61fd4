"""The picture of `slower.py`."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from slower_judge import METHODS, Judged, in_words

from ase_tito.analysis.report.drawing import (
    EXPECTED_COLOUR,
    JUMPS_COLOUR,
    MODEL_COLOUR,
    REFERENCE_COLOUR,
    STYLE,
    WIDTH,
)
from ase_tito.evaluation.figures import draw_surface

COLOURS = dict(zip(METHODS, (EXPECTED_COLOUR, MODEL_COLOUR, JUMPS_COLOUR), strict=True))


def shown(judged: Sequence[Judged]) -> Judged:
    """Of those where the model finds what MD missed, the one whose time MD knows best."""
    missed = [one for one in judged if one.case.missed]
    return max(missed or judged, key=lambda one: one.relaxations[0].crossings)


def draw(judged: Sequence[Judged], bins: int) -> Figure:
    """Surfaces and relaxation of one molecule, coverage and precision of all."""
    one = shown(judged)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.2 + 1.4 + 0.22 * len(judged)), layout="constrained")
        above, below = np.asarray(
            figure.subfigures(2, 1, height_ratios=[2.2, 1.4 + 0.22 * len(judged)])
        )
        axes = above.subplots(1, len(one.surfaces), sharex=True, sharey=True)
        mesh = None
        for axis, (name, counts) in zip(axes, one.surfaces.items(), strict=True):
            mesh = draw_surface(axis, counts) or mesh
            label = "MD, as long as in training" if name == "MD" else name
            axis.set_title(f"{label}\n{counts.samples:,} frames", fontsize=7)
            axis.set_xlabel("TICA 1")
        axes[0].set_ylabel(f"{one.case.loaded.smiles or one.case.loaded.name}\nTICA 2")
        if mesh is not None:
            above.colorbar(mesh, ax=list(axes), label="free energy, kT", shrink=0.9)
        left, middle, right = below.subplots(1, 3, width_ratios=[1, 1, 1.3])
        names = [judge.case.loaded.smiles or judge.case.loaded.name for judge in judged]
        for axis, key in ((left, "coverage"), (middle, "precision")):
            draw_scores(axis, judged, key)
            axis.set(xlabel=f"{key}, {bins} × {bins} bins", xlim=(0, 1.02))
            labels = names if axis is left else [""] * len(judged)
            axis.set_yticks(range(len(judged)), labels, fontsize=7)
            axis.set_ylim(len(judged) - 0.5, -0.5)
        draw_relaxation(right, one)
        handles, titles = left.get_legend_handles_labels()
        below.legend(handles, titles, loc="outside lower left", ncols=4)
    return figure


def draw_scores(axis: Axes, judged: Sequence[Judged], key: str) -> None:
    """One row for each molecule, a mark for each method."""
    rows = np.arange(len(judged))
    floor = [one.scores["MD"][key].floor for one in judged]
    axis.plot(floor, rows, "|", color=REFERENCE_COLOUR, ms=11, mew=1.5, label="exchange, halves")
    for (name, colour), marker in zip(COLOURS.items(), "os^", strict=True):
        values = [one.scores[name][key].model for one in judged]
        axis.plot(values, rows, marker, color=colour, ms=5, label=name)
    axis.grid(axis="y", color="0.9", lw=0.6)


def draw_relaxation(axis: Axes, one: Judged) -> None:
    """Share of the replicas on the side that MD did not start on, and what MD lets one expect."""
    case = one.case
    jumps = len(case.samples.positions)
    times = np.linspace(0, jumps * case.lag_time_ps, 200)
    md, model = one.relaxations

    def expected(time_ps: float) -> NDArray[np.float64]:
        rate = 1 / time_ps if time_ps > 0 else np.inf
        with np.errstate(invalid="ignore"):
            return case.slow.populations[1] * -np.expm1(-np.nan_to_num(rate * times))

    axis.fill_between(
        times / 1000,
        expected(md.low_ps),
        expected(md.high_ps),
        color=REFERENCE_COLOUR,
        alpha=0.2,
        lw=0,
        label="all MD and exchange",
    )
    if np.isfinite(md.time_ps):
        axis.plot(times / 1000, expected(md.time_ps), color=REFERENCE_COLOUR)
    share = [(case.slow.states(frames) == 1).mean() for frames in case.samples.positions]
    at = np.arange(1, jumps + 1) * case.lag_time_ps / 1000
    axis.plot(at, share, ".-", color=MODEL_COLOUR, ms=3, lw=0.8, label="TITO")
    axis.set(
        xlabel="time, ns",
        ylabel="share on other side",
        ylim=(0, None),
        title=f"relaxation: MD {in_words(md)},\nTITO {in_words(model)}",
    )
    axis.title.set_fontsize(7)
    axis.legend(loc="lower right", fontsize=7)
