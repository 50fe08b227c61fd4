"""Free energies along one or more coordinates, in units of kT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.histograms import Histogram, histogram, regular_edges, torsion_histogram


@dataclass(frozen=True, eq=False)
class Profile:
    """A free-energy profile along one coordinate.

    Attributes
    ----------
    coordinate : array, shape (bins,)
        Bin centres.
    free_energy : array, shape (bins,)
        In kT, the lowest bin at zero, infinite where there is no frame.
    density : array, shape (bins,)
        Probability per unit of the coordinate.
    samples : int
    """

    coordinate: NDArray[np.float64]
    free_energy: NDArray[np.float64]
    density: NDArray[np.float64]
    samples: int


def free_energies(counts: Histogram) -> NDArray[np.float64]:
    """−ln of the probability density in each bin, in kT; the lowest is zero, empty bins are inf."""
    volume = np.ones(())
    for edge in counts.edges:
        volume = volume[..., None] * np.diff(edge)
    with np.errstate(divide="ignore"):
        values = -np.log(counts.probabilities / volume)
    return np.asarray(values - values.min())


def profile(
    values: ArrayLike,
    bins: int = 50,
    *,
    edges: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Profile:
    """Free-energy profile along a bond length, an angle, or any coordinate.

    Parameters
    ----------
    values : array_like, shape (T,)
    bins : int
        Equal bins over the values' range, unless `edges` are given.
    edges : array_like, shape (bins + 1,), optional
        Give the reference's when profiles are to be compared.
    weights : array_like, shape (T,), optional
    """
    grid = regular_edges(values, bins) if edges is None else [edges]
    return _profile(histogram(values, grid, weights))


def torsion_profile(
    radians: ArrayLike, bins: int = 72, weights: ArrayLike | None = None
) -> Profile:
    """Free-energy profile along a torsion (T,) over the full circle."""
    return _profile(torsion_histogram(radians, bins, weights))


def _profile(counts: Histogram) -> Profile:
    return Profile(
        counts.centres[0],
        free_energies(counts),
        counts.probabilities / np.diff(counts.edges[0]),
        counts.samples,
    )
