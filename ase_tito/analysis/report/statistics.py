"""How a report computes uncertainties: the same way for all its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.agreement import (
    Agreement,
    agreement,
    counts_in_blocks,
    coverage_of_counts,
    jsd_of_counts,
    precision_of_counts,
    release_jsd_of_counts,
)
from ase_tito.analysis.report.settings import ReportSettings

Runs = Sequence[NDArray[Any]]

FIGURES = {
    "JSD": jsd_of_counts,
    "JSD, outside dropped": release_jsd_of_counts,
    "coverage": coverage_of_counts,
    "precision": precision_of_counts,
}
"""Figures of two histograms that reports hold."""

LEVEL = 0.95

SCAN_RESAMPLES = 100
"""Bootstrap samples of what is costly to compute."""


@dataclass(frozen=True)
class Statistics:
    """Settings, and blocks that are long enough for all figures.

    Attributes
    ----------
    settings : ReportSettings
    reference_block, model_block : int
        Frames per block.
    """

    settings: ReportSettings
    reference_block: int
    model_block: int

    def thinned(self, stride: int) -> Statistics:
        """The same for every so many-th frame."""
        return Statistics(
            self.settings,
            max(1, self.reference_block // stride),
            max(1, self.model_block // stride),
        )

    def generator(self, name: str) -> np.random.Generator:
        """A generator of its own for each figure, so that one more changes no other."""
        return np.random.default_rng([self.settings.seed, *name.encode()])

    def agreement(
        self, name: str, reference: Runs, model: Runs, n_bins: int, figure: str
    ) -> Agreement:
        """One of `FIGURES` of bin numbers, with floor and interval."""
        return agreement(
            reference,
            model,
            n_bins,
            FIGURES[figure],
            block_lengths=(self.reference_block, self.model_block),
            generator=self.generator(f"{name} {figure}"),
            splits=self.settings.splits,
            resamples=self.settings.resamples,
            level=LEVEL,
        )

    def density(
        self, name: str, runs: Runs, n_bins: int, block_length: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Share of the frames in each bin (n_bins,), and its block-bootstrap interval."""
        sums = counts_in_blocks(runs, n_bins, block_length)
        n = len(sums.pairs)
        drawn = self.generator(f"{name} density").multinomial(
            n, np.full(n, 1 / n), size=self.settings.resamples
        )
        counts = drawn @ sums.values
        shares = counts[:, :-1] / counts.sum(1, keepdims=True)
        low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        return sums.total[:-1] / sums.total.sum(), low, high
