"""The Jensen-Shannon divergence between two sets of frames.

In nats and with no square root: JSD(p, q) = ½ KL(p ‖ m) + ½ KL(q ‖ m), m = (p + q)/2, between 0
and ln 2. J. Lin, IEEE Trans. Inf. Theory 37, 145 (1991).

A finite sample's JSD is biased upwards, and the more the finer the bins: quote it with the
sample counts, beside the floor (`ase_tito.analysis.floor`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import rel_entr

from ase_tito.analysis.histograms import (
    Histogram,
    histogram,
    regular_edges,
    same_grid,
    torsion_histogram,
)
from ase_tito.errors import DataError


@dataclass(frozen=True)
class Divergence:
    """How far a model's frames are from a reference's.

    Attributes
    ----------
    jsd : float
        What falls outside the bins counts as one more bin.
    jsd_release : float
        What falls outside is dropped, as in the released code of arXiv 2510.07589: the figure
        to set beside the paper's.
    outside_share : float
        Share of the model's frames outside the bins.
    n_reference, n_model : int
        Frames.
    """

    jsd: float
    jsd_release: float
    outside_share: float
    n_reference: int
    n_model: int


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    """JSD in nats of two discrete distributions of the same shape, normalized here.

    Raises
    ------
    DataError
        For different shapes, or a distribution that is negative, not finite or empty.
    """
    first, second = _normalized(p), _normalized(q)
    if first.shape != second.shape:
        raise DataError(
            f"distributions of shapes {first.shape} and {second.shape} cannot be compared"
        )
    middle = (first + second) / 2
    return float(np.sum(rel_entr(first, middle) + rel_entr(second, middle)) / 2)


def histogram_divergence(reference: Histogram, model: Histogram) -> Divergence:
    """Divergence between two histograms on the same grid."""
    same_grid(reference, model)
    return Divergence(
        jensen_shannon(
            np.append(reference.counts, reference.outside), np.append(model.counts, model.outside)
        ),
        # Not one frame inside: nothing overlaps.
        jensen_shannon(reference.counts, model.counts) if model.counts.any() else float(np.log(2)),
        model.outside_share,
        reference.samples,
        model.samples,
    )


def divergence(
    reference: ArrayLike,
    model: ArrayLike,
    *,
    bins: int = 100,
    reference_weights: ArrayLike | None = None,
    model_weights: ArrayLike | None = None,
) -> Divergence:
    """Divergence of a model's samples on equal bins over the reference's range.

    Parameters
    ----------
    reference, model : array_like, shape (T, d) or (T,)
        For instance the first two TICA components; the paper has 100 × 100 bins.
    bins : int
        Along each axis.
    reference_weights, model_weights : array_like, shape (T,), optional
        Weights of the frames.

    Raises
    ------
    DataError
        For no frames, numbers that are not finite, or shapes that do not fit.
    """
    edges = regular_edges(reference, bins)
    return histogram_divergence(
        histogram(reference, edges, reference_weights), histogram(model, edges, model_weights)
    )


def torsion_divergence(
    reference: ArrayLike,
    model: ArrayLike,
    *,
    bins: int = 36,
    reference_weights: ArrayLike | None = None,
    model_weights: ArrayLike | None = None,
) -> Divergence:
    """Divergence of torsions (radians, shape (T, d)) on equal bins over the full circle."""
    return histogram_divergence(
        torsion_histogram(reference, bins, reference_weights),
        torsion_histogram(model, bins, model_weights),
    )


def _normalized(weights: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(weights, np.float64)
    if not np.isfinite(values).all() or (values < 0).any() or values.sum() <= 0:
        raise DataError("a distribution must be finite, not negative, and not empty")
    return np.asarray(values / values.sum())
