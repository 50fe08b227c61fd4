"""The slow coordinates of a molecule's MD, in which distributions are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis import (
    TicaModel,
    lag_in_frames,
    sine_cosine,
    statistical_inefficiency,
    tica,
)
from ase_tito.analysis.report.observe import Coordinates
from ase_tito.evaluation.reference import Reference
from ase_tito.evaluation.settings import nearest_multiple

Frames = NDArray[np.float32]

CHUNK = 20_000
"""Frames whose features are in memory at once."""

MOST_FRAMES = 200_000
"""TICA and VAMP see every so many-th frame of longer MD."""

FEWEST_BLOCKS, MOST_BLOCKS = 10, 100
"""Of the bootstrap and the halvings."""

DIMENSIONS = 2
"""As many slow coordinates as the paper has, if there are that many."""


@dataclass(frozen=True, eq=False)
class SlowCoordinates:
    """TICA components of the features of a molecule.

    Attributes
    ----------
    coordinates : Coordinates
        The torsions of the features; where there are none, all angles take their place.
    tica : TicaModel
    lag_time_ps : float
        Of TICA.
    dimensions : int
        Two, or fewer where there are no more.
    """

    coordinates: Coordinates
    tica: TicaModel
    lag_time_ps: float
    dimensions: int

    @property
    def description(self) -> str:
        """What the features are."""
        count = len(self.coordinates.torsions)
        if count:
            return f"sine and cosine of {count} torsions"
        return f"sine and cosine of {len(self.coordinates.triples)} angles, for want of torsions"

    def features(self, frames: Frames) -> NDArray[np.float64]:
        """Cosines and sines, shape (T, d), of frames (T, n, 3) in Å."""
        return features(self.coordinates, frames)

    def reduced(self, features: NDArray[np.float64], most: int) -> NDArray[np.float64]:
        """Of the features (T, d) the slowest coordinates, at most so many."""
        return self.tica.project(features, min(most, self.tica.components.shape[1]))

    def project(self, frames: Frames) -> NDArray[np.float64]:
        """Slow coordinates, shape (T, dimensions), of frames (T, n, 3) in Å."""
        return np.concatenate(
            [
                self.tica.project(self.features(frames[k : k + CHUNK]), self.dimensions)
                for k in range(0, len(frames), CHUNK)
            ]
        )


def slow_coordinates(
    coordinates: Coordinates, reference: Reference, lag_time_ps: float
) -> SlowCoordinates:
    """Fit TICA to MD.

    Parameters
    ----------
    coordinates : Coordinates
    reference : Reference
        Frames that are no dynamics are taken in the order they have: replica exchange leaves its
        slowest coordinates the slowest.
    lag_time_ps : float
        Rounded to a whole number of frames.

    Raises
    ------
    DataError
        If nothing ever changes.
    """
    lag = nearest_multiple(lag_time_ps, reference.frame_spacing_ps)
    stride = stride_for(reference, lag)
    model = tica(
        strided_features(coordinates, reference, stride),
        frame_spacing_ps=stride * reference.frame_spacing_ps,
        lag_time_ps=lag,
    )
    return SlowCoordinates(coordinates, model, lag, min(DIMENSIONS, model.components.shape[1]))


def features(coordinates: Coordinates, frames: Frames) -> NDArray[np.float64]:
    """Cosines and sines, shape (T, d), of the angles that the features are made of."""
    return np.concatenate(
        [
            sine_cosine(coordinates.angular(frames[k : k + CHUNK]))
            for k in range(0, len(frames), CHUNK)
        ]
    )


def strided_features(
    coordinates: Coordinates, reference: Reference, stride: int
) -> list[NDArray[np.float64]]:
    """Features of every so many-th frame, run by run."""
    return [features(coordinates, run.positions[::stride]) for run in reference.runs]


def stride_for(reference: Reference, lag_time_ps: float) -> int:
    """Every so many-th frame keeps `MOST_FRAMES`, and the lag a whole number of them."""
    lag = lag_in_frames(lag_time_ps, reference.frame_spacing_ps)
    wanted = sum(reference.lengths) / MOST_FRAMES
    return min((d for d in range(1, lag + 1) if lag % d == 0 and d >= wanted), default=lag)


def block_length(runs: Sequence[NDArray[np.float64]]) -> tuple[int, bool]:
    """Twice the correlation time of the slowest coordinate, and whether the data allow as much.

    Parameters
    ----------
    runs : sequence of array, each of shape (T_i, d)
        The slowest coordinate comes first.

    Returns
    -------
    (int, bool)
        In frames: so that there are `FEWEST_BLOCKS` at least and some `MOST_BLOCKS` at most.
    """
    total = sum(len(run) for run in runs)
    longest = max(1, total // FEWEST_BLOCKS)
    slowest = [run[:, 0] for run in runs]
    if np.ptp(np.concatenate(slowest)) == 0:  # a model that does not move has no blocks at all
        return longest, False
    wanted = 2 * statistical_inefficiency(slowest)
    return int(min(longest, max(wanted, total / MOST_BLOCKS, 1))), bool(wanted <= longest)
