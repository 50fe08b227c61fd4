"""Singular values at a lag, the implied timescales behind them, and which the data resolve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RELAXATIONS = 10.0
"""A timescale counts as seen if the data are this many times as long: then its relative error,
√(2 t/T), is below one half."""


def implied_timescales(singular_values: ArrayLike, lag_time_ps: float) -> NDArray[np.float64]:
    """t_i = −τ / ln abs(σ_i) in ps; infinite for σ ≥ 1, zero for σ = 0.

    W. C. Swope, J. W. Pitera, F. Suits, J. Phys. Chem. B 108, 6571 (2004).
    """
    magnitudes = np.minimum(np.abs(np.asarray(singular_values, np.float64)), 1.0)
    with np.errstate(divide="ignore"):
        # A process that has decayed fully has −τ/−∞ = 0.
        return np.where(magnitudes < 1, lag_time_ps / -np.log(magnitudes), np.inf)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The nontrivial singular values (or eigenvalues) of a transfer operator.

    Attributes
    ----------
    singular_values : array, shape (r,)
        Slowest first. Eigenvalues of TICA may be negative: then they are noise.
    lag_time_ps : float
    pairs : int
        Pairs of frames behind them.
    lag_frames : int
        The lag in frames: so many overlapping pairs count as one.
    """

    singular_values: NDArray[np.float64]
    lag_time_ps: float
    pairs: int
    lag_frames: int

    @property
    def timescales_ps(self) -> NDArray[np.float64]:
        """Implied timescales, shape (r,)."""
        return implied_timescales(self.singular_values, self.lag_time_ps)

    @property
    def total_time_ps(self) -> float:
        """Length of the data that the pairs come from, all trajectories together."""
        return self.pairs * self.lag_time_ps / self.lag_frames

    @property
    def noise_level(self) -> float:
        """The largest singular value that pairs without any correlation would give.

        Notes
        -----
        For n independent pairs and r features on either side the squared canonical correlations
        of unrelated data end at 4 c (1 − c), c = r/n (K. W. Wachter, Ann. Stat. 8, 937 (1980)).
        n are the pairs that do not overlap.
        """
        ratio = len(self.singular_values) * self.lag_frames / self.pairs
        return 1.0 if ratio >= 0.5 else float(np.sqrt(4 * ratio * (1 - ratio)))

    @property
    def dimensions(self) -> int:
        """Number of processes above the noise level, one at least: those worth scoring.

        Processes so slow that they are seen too seldom to be resolved count here.
        """
        return max(1, int(np.sum(self.singular_values > self.noise_level)))

    @property
    def resolved(self) -> NDArray[np.bool_]:
        """Which processes the data resolve, shape (r,).

        Those above the noise level, and so fast that the data hold `RELAXATIONS` of their
        timescales.
        """
        return np.asarray(
            (self.singular_values > self.noise_level)
            & (RELAXATIONS * self.timescales_ps <= self.total_time_ps)
        )
