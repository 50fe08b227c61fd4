"""Weighted samples and what they are worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import units
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from ase_tito.errors import DataError


@dataclass(frozen=True, eq=False)
class WeightedSamples:
    """Samples whose weighted averages are those of a Boltzmann distribution.

    Attributes
    ----------
    positions : ndarray, shape (N, n, 3)
        In Å, centred, of any orientation.
    log_weights : ndarray, shape (N,)
        Without a common constant; −∞ where a sample counts for nothing.
    energies : ndarray, shape (N,)
        Potential energies in eV.
    log_normalizer : float
        ln ∫ e^{−U/k_BT} dx over centred positions, as these samples estimate it, in Å^(3n − 3).
    groups : ndarray of int, shape (N,)
        Samples of one group have a common ancestor, and are not independent.
    temperature_K : float
    """

    positions: NDArray[np.float64]
    log_weights: NDArray[np.float64]
    energies: NDArray[np.float64]
    log_normalizer: float
    groups: NDArray[np.int64]
    temperature_K: float

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights that sum to one, shape (N,): what `ase_tito.analysis` takes as ``weights``."""
        return normalized(self.log_weights)

    @property
    def effective_sample_size(self) -> float:
        """Kish's 1 / Σ w²; with common ancestors an upper bound."""
        return effective_sample_size(self.log_weights)

    @property
    def free_energy(self) -> float:
        """−k_BT `log_normalizer` in eV; of use in differences between like systems alone."""
        return -units.kB * self.temperature_K * self.log_normalizer


def normalized(log_weights: ArrayLike) -> NDArray[np.float64]:
    """Weights that sum to one.

    Raises
    ------
    DataError
        If no sample has any weight.
    """
    logarithms = np.asarray(log_weights, np.float64)
    top = logarithms.max(initial=-np.inf)
    if not np.isfinite(top):
        raise DataError("no sample has a finite weight: all energies or densities are impossible")
    weights = np.exp(logarithms - top)
    return np.asarray(weights / weights.sum())


def effective_sample_size(log_weights: ArrayLike) -> float:
    """1 / Σ w² of normalized weights (Kish, Survey Sampling, 1965): from 1 to their number."""
    return float(1.0 / np.square(normalized(log_weights)).sum())


def log_mean_weight(log_weights: NDArray[np.float64]) -> float:
    """The logarithm of the mean weight: an estimate of the ratio of two normalizers."""
    return float(logsumexp(log_weights) - np.log(len(log_weights)))
