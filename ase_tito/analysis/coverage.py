"""Coverage and precision: does the model reach where the reference is, and does it stay there?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ase_tito.analysis.histograms import Histogram, histogram, regular_edges, same_grid


@dataclass(frozen=True)
class Coverage:
    """Weight of the bins that both sets of frames occupy.

    Attributes
    ----------
    coverage : float
        Σ p_reference over those bins: 1 if no part of the reference is missed.
    precision : float
        Σ p_model over the same bins: 1 if the model is nowhere the reference is not. What the
        model has outside the grid counts against it.
    n_reference, n_model : int
        Frames. Few frames leave bins empty, and lower both figures: compare with the floor.
    """

    coverage: float
    precision: float
    n_reference: int
    n_model: int


def histogram_coverage(reference: Histogram, model: Histogram) -> Coverage:
    """Coverage and precision of two histograms on the same grid."""
    same_grid(reference, model)
    both = (reference.counts > 0) & (model.counts > 0)
    return Coverage(
        float(reference.counts[both].sum() / (reference.counts.sum() + reference.outside)),
        float(model.counts[both].sum() / (model.counts.sum() + model.outside)),
        reference.samples,
        model.samples,
    )


def coverage(
    reference: ArrayLike,
    model: ArrayLike,
    *,
    bins: int = 100,
    reference_weights: ArrayLike | None = None,
    model_weights: ArrayLike | None = None,
) -> Coverage:
    """Coverage and precision on equal bins over the reference's range.

    Parameters
    ----------
    reference, model : array_like, shape (T, d) or (T,)
        For instance the first two TICA components.
    bins : int
        Along each axis.
    reference_weights, model_weights : array_like, shape (T,), optional
        Weights of the frames.

    Raises
    ------
    DataError
        For no frames, numbers that are not finite, or shapes that do not fit.
    """
    edges = regular_edges(np.asarray(reference), bins)
    return histogram_coverage(
        histogram(reference, edges, reference_weights), histogram(model, edges, model_weights)
    )
