"""Figures of free-energy surfaces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from ase_tito.analysis.histograms import Histogram, torsion_histogram
from ase_tito.analysis.profiles import free_energies

CEILING_KT = 6.0
"""Free energy at which the colour scale of the figures ends."""

PRINT_STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.direction": "out",
}
"""Matplotlib settings of figures at their printed size."""


def ramachandran_figure(
    panels: Mapping[str, ArrayLike | Histogram], *, bins: int = 72, ceiling_kT: float = CEILING_KT
) -> Figure:
    """φ/ψ free-energy surfaces side by side, on one colour scale.

    Parameters
    ----------
    panels : mapping of str to array_like (T, 2) or Histogram
        Title of each panel to its φ and ψ in radians, or to a histogram of them
        (`torsion_histogram`): ``{"MD": md_angles, "TITO, 100 ps jumps": model_angles}``.
    bins : int
        Along each axis, for panels given by angles.
    ceiling_kT : float
        End of the colour scale. Bins without a frame are left white.

    Returns
    -------
    matplotlib.figure.Figure
        Free of pyplot's state; ``figure.savefig("surface.pdf", dpi=300)``. Two panels are as
        wide as a page, with text of 8 points.
    """
    with matplotlib.rc_context(PRINT_STYLE):
        figure = Figure(figsize=(0.6 + 2.9 * len(panels), 2.9), layout="constrained")
        axes = np.atleast_1d(figure.subplots(1, len(panels), sharex=True, sharey=True))
        mesh = None
        for axis, (title, content) in zip(axes, panels.items(), strict=True):
            counts = content if isinstance(content, Histogram) else torsion_histogram(content, bins)
            mesh = draw_surface(axis, counts, ceiling_kT)
            axis.set_title(title)
            axis.set_xlabel("φ (degrees)")
        axes[0].set_ylabel("ψ (degrees)")
        if mesh is not None:
            figure.colorbar(mesh, ax=list(axes), label="free energy ($k_\\mathrm{B}T$)", pad=0.02)
    return figure


def draw_surface(axis: Axes, counts: Histogram, ceiling_kT: float = CEILING_KT) -> QuadMesh:
    """Draw the free-energy surface of a two-dimensional torsion histogram into an axis."""
    surface = free_energies(counts)
    x, y = (np.degrees(edge) for edge in counts.edges)
    mesh = axis.pcolormesh(
        x,
        y,
        np.ma.masked_invalid(surface).T,
        vmin=0.0,
        vmax=ceiling_kT,
        cmap="viridis",
        # Cells as one picture: no hairlines between them in vector formats.
        rasterized=True,
    )
    axis.set(xlim=(-180, 180), ylim=(-180, 180), aspect="equal")
    axis.set_xticks(range(-180, 181, 90))
    axis.set_yticks(range(-180, 181, 90))
    return mesh
