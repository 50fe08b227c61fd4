"""Weighted histograms in any dimension, which remember what fell outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.internals import wrapped
from ase_tito.analysis.weights import as_weights
from ase_tito.errors import DataError


@dataclass(frozen=True, eq=False)
class Histogram:
    """Weight per bin of a regular or irregular grid.

    Attributes
    ----------
    edges : tuple of arrays, length d
        Bin edges along each axis, increasing.
    counts : array, shape (bins_1, ..., bins_d)
        Sum of the frames' weights in each bin (their number, where frames have no weights).
    outside : float
        Weight of the frames outside the grid.
    samples : int
        Number of frames, those outside included.
    """

    edges: tuple[NDArray[np.float64], ...]
    counts: NDArray[np.float64]
    outside: float
    samples: int

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Share of each bin in what is inside the grid; they sum to one."""
        return self.counts / self.counts.sum()

    @property
    def outside_share(self) -> float:
        """Share of the weight that is outside the grid."""
        return float(self.outside / (self.outside + self.counts.sum()))

    @property
    def centres(self) -> tuple[NDArray[np.float64], ...]:
        """Bin centres along each axis."""
        return tuple((edge[1:] + edge[:-1]) / 2 for edge in self.edges)

    def __add__(self, other: Histogram) -> Histogram:
        """The histogram of both sets of frames, so that long files can be read in chunks."""
        same_grid(self, other)
        return Histogram(
            self.edges,
            self.counts + other.counts,
            self.outside + other.outside,
            self.samples + other.samples,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for JSON."""
        return {
            "edges": [edge.tolist() for edge in self.edges],
            "counts": self.counts.tolist(),
            "outside": self.outside,
            "samples": self.samples,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Histogram:
        """The histogram that `to_dict` wrote.

        Raises
        ------
        DataError
            If an entry is missing, or the counts do not fit the edges.
        """
        try:
            edges = tuple(np.asarray(edge, np.float64) for edge in values["edges"])
            counts = np.asarray(values["counts"], np.float64)
            histogram = cls(edges, counts, float(values["outside"]), int(values["samples"]))
        except KeyError as missing:
            raise DataError(f"the histogram lacks its entry {missing}") from None
        if counts.shape != tuple(len(edge) - 1 for edge in edges):
            raise DataError(f"counts of shape {counts.shape} do not fit the histogram's edges")
        return histogram


def histogram(
    samples: ArrayLike, edges: Sequence[ArrayLike], weights: ArrayLike | None = None
) -> Histogram:
    """Histogram of samples on given edges.

    Parameters
    ----------
    samples : array_like, shape (T, d) or (T,)
        One row per frame; (T,) is one coordinate.
    edges : sequence of d arrays
        Each bin includes its lower edge, the last one its upper edge as well.
    weights : array_like, shape (T,), optional
        Weight of each frame.

    Raises
    ------
    DataError
        For no frames, numbers that are not finite, or shapes that do not fit.
    """
    samples = as_samples(samples)
    axes = tuple(np.asarray(edge, np.float64) for edge in edges)
    if samples.shape[1] != len(axes):
        raise DataError(f"samples have {samples.shape[1]} columns, the grid {len(axes)} axes")
    frame_weights = as_weights(weights, len(samples))
    counts, _ = np.histogramdd(samples, bins=axes, weights=frame_weights)
    outside = max(float(frame_weights.sum() - counts.sum()), 0.0)
    if weights is None:
        outside = float(round(outside))
    return Histogram(axes, counts, outside, len(samples))


def torsion_histogram(
    radians: ArrayLike, bins: int = 36, weights: ArrayLike | None = None
) -> Histogram:
    """Histogram of torsions over the full circle, -π to π, along each axis.

    Parameters
    ----------
    radians : array_like, shape (T, d) or (T,)
        Torsions; φ and ψ for a Ramachandran plot. They are wrapped, none falls outside.
    bins : int
        Along each axis.
    weights : array_like, shape (T,), optional
    """
    _check_bins(bins)
    values = wrapped(as_samples(radians))
    edge = np.linspace(-np.pi, np.pi, bins + 1)
    return histogram(values, [edge] * values.shape[1], weights)


def regular_edges(reference: ArrayLike, bins: int = 100) -> list[NDArray[np.float64]]:
    """Edges of equal bins over the range of reference samples (T, d), along each axis."""
    _check_bins(bins)
    reference = as_samples(reference)
    low, high = reference.min(0), reference.max(0)
    # As in numpy: a coordinate that never changes still needs bins of some width.
    flat = low == high
    return list(np.linspace(low - 0.5 * flat, high + 0.5 * flat, bins + 1).T)


def as_samples(samples: ArrayLike) -> NDArray[np.float64]:
    """Finite samples of shape (T, d), T > 0, from (T, d) or (T,); else DataError."""
    array = np.asarray(samples, np.float64)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or len(array) == 0:
        raise DataError(f"samples must have shape (frames, d) with frames, not {array.shape}")
    if not np.isfinite(array).all():
        frame = int(np.flatnonzero(~np.isfinite(array).all(1))[0])
        raise DataError(f"frame {frame} is not finite; leave out invalid frames first")
    return array


def _check_bins(bins: int) -> None:
    if bins < 1:
        raise DataError(f"a histogram needs at least one bin along each axis, not {bins}")


def same_grid(first: Histogram, second: Histogram) -> None:
    """Raise DataError unless both histograms have the same edges."""
    if len(first.edges) != len(second.edges) or not all(
        len(a) == len(b) and np.allclose(a, b)
        for a, b in zip(first.edges, second.edges, strict=True)
    ):
        raise DataError("histograms on different grids cannot be compared; use the same edges")
