"""How a model's samples are distributed over the slow coordinates of MD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis import (
    Histogram,
    agreement,
    bin_numbers,
    histogram,
    regular_edges,
)
from ase_tito.analysis.agreement import (
    coverage_of_counts,
    jsd_of_counts,
    precision_of_counts,
    release_jsd_of_counts,
)
from ase_tito.evaluation.result import Figure
from ase_tito.evaluation.settings import EvaluationSettings
from ase_tito.evaluation.slow import block_length

Runs = Sequence[NDArray[np.float64]]

COUNTED = {
    "jsd": jsd_of_counts,
    "jsd_release": release_jsd_of_counts,
    "coverage": coverage_of_counts,
    "precision": precision_of_counts,
}

DRAWN_BINS = 60
"""Along each axis of drawn surfaces."""

MARGIN = 0.05
"""Of the reference's range, on either side of a drawn surface."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """MD on a grid over its own range.

    Attributes
    ----------
    runs : list of array, each of shape (T_i, d)
        Slow coordinates.
    edges : list of d arrays
    block : int
        Frames per block.
    enough : bool
        Whether blocks are as long as they should be.
    """

    runs: Runs
    edges: list[NDArray[np.float64]]
    block: int
    enough: bool

    @classmethod
    def of(cls, runs: Runs, bins: int) -> Distribution:
        """On so many bins along each axis."""
        return cls(runs, regular_edges(np.concatenate(list(runs)), bins), *block_length(runs))

    def drawn(self, runs: Runs) -> Histogram:
        """A histogram to draw, on a coarser grid with a margin."""
        edges = [
            np.linspace(
                edge[0] - MARGIN * (edge[-1] - edge[0]),
                edge[-1] + MARGIN * (edge[-1] - edge[0]),
                DRAWN_BINS + 1,
            )
            for edge in self.edges
        ]
        return histogram(np.concatenate(list(runs)), edges)


def distribution_figures(
    protocol: str, reference: Distribution, model: Runs, settings: EvaluationSettings
) -> dict[str, Figure]:
    """Divergences, coverage and precision, and the share that falls outside the bins.

    Parameters
    ----------
    protocol : str
        ``'nested'`` or ``'single'``: names the figures' generators.
    reference : Distribution
    model : sequence of array, each of shape (T_i, d)
        Slow coordinates of replicas, or of single jumps in the order of their starts.
    settings : EvaluationSettings
    """
    n_bins = int(np.prod([len(edge) - 1 for edge in reference.edges]))
    sides = [
        [bin_numbers(run, reference.edges) for run in runs] for runs in (reference.runs, model)
    ]
    blocks = reference.block, block_length(model)[0]
    found = {
        name: Figure.of_agreement(
            agreement(
                sides[0],
                sides[1],
                n_bins,
                figure,
                block_lengths=blocks,
                generator=settings.generator(f"{protocol} {name}"),
                splits=settings.splits,
                resamples=settings.resamples,
            )
        )
        for name, figure in COUNTED.items()
    }
    outside = np.concatenate(sides[1]) == n_bins
    return {**found, "outside_share": Figure(float(outside.mean()))}
