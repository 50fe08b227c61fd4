"""Discrete states of continuous coordinates: k-means centres and their Voronoi cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import KDTree

from ase_tito.analysis.blocks import concatenated
from ase_tito.analysis.histograms import as_samples
from ase_tito.errors import DataError


@dataclass(frozen=True, eq=False)
class Clusters:
    """Cells around centres.

    Attributes
    ----------
    centres : array, shape (n_states, d)
    """

    centres: NDArray[np.float64]

    def assign(self, coordinates: ArrayLike) -> NDArray[np.int64]:
        """State of each frame: its nearest centre.

        Parameters
        ----------
        coordinates : array_like, shape (T, d)

        Returns
        -------
        array of int, shape (T,)
        """
        frames = as_samples(coordinates)
        if frames.shape[1] != self.centres.shape[1]:
            raise DataError(
                f"{frames.shape[1]} coordinates do not fit centres of {self.centres.shape[1]}"
            )
        return np.asarray(KDTree(self.centres).query(frames)[1], np.int64)


def k_means(
    trajectories: Sequence[ArrayLike], n_states: int, *, seed: int, frames: int = 50_000
) -> Clusters:
    """Cluster the frames of several trajectories by k-means, from a k-means++ start.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i, d)
        For instance the slowest TICA coordinates.
    n_states : int
    seed : int
        Of the start.
    frames : int
        At most so many, evenly spread, are clustered.

    Raises
    ------
    DataError
        If there are fewer distinct frames than states.
    """
    from deeptime.clustering import KMeans
    from threadpoolctl import threadpool_limits

    every = as_samples(concatenated(trajectories)[0])
    if len(every) > frames:
        every = every[(np.arange(frames) * len(every)) // frames]
    if not 1 <= n_states <= len(np.unique(every, axis=0)):
        raise DataError(f"{len(every)} frames cannot be clustered into {n_states} states")
    estimator = KMeans(n_states, fixed_seed=int(seed), n_jobs=1)
    # deeptime sets OpenMP's number of threads for the whole process, and leaves it so
    with threadpool_limits(1, user_api="openmp"):
        centres = np.asarray(estimator.fit(every).fetch_model().cluster_centers, np.float64)
    # In the order of the first coordinate, whatever the start.
    return Clusters(centres[np.argsort(centres[:, 0], kind="stable")])
