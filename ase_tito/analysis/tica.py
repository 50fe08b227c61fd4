"""Time-lagged independent component analysis: the slow linear coordinates of a trajectory.

It solves C_τ r_i = λ_i C_0 r_i with covariances in which each pair counts in both directions.
G. Pérez-Hernández et al., J. Chem. Phys. 139, 015102 (2013); C. R. Schwantes, V. S. Pande,
J. Chem. Theory Comput. 9, 2000 (2013). The decomposition is deeptime's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.correlation import lag_in_frames
from ase_tito.analysis.histograms import as_samples
from ase_tito.analysis.moments import SMALLEST_VARIANCE, covariance_model, lagged_moments
from ase_tito.analysis.spectrum import Spectrum
from ase_tito.errors import DataError


@dataclass(frozen=True, eq=False)
class TicaModel:
    """Slow coordinates of a reference, onto which any frames can be projected.

    Attributes
    ----------
    mean : array, shape (d,)
        Of the features.
    components : array, shape (d, r)
        Columns r_i, slowest first; the projections have unit variance in the reference. The
        largest element of each column is positive.
    spectrum : Spectrum
        The eigenvalues λ_i.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    spectrum: Spectrum

    def project(self, features: ArrayLike, dimensions: int = 2) -> NDArray[np.float64]:
        """Slowest coordinates of frames.

        Parameters
        ----------
        features : array_like, shape (T, d)
            The same features as the model was fitted to.
        dimensions : int

        Returns
        -------
        array, shape (T, dimensions)

        Raises
        ------
        DataError
            For other features, or more dimensions than the model has.
        """
        frames = as_samples(features)
        if frames.shape[1] != len(self.mean):
            raise DataError(f"{frames.shape[1]} features do not fit the {len(self.mean)} of TICA")
        if not 1 <= dimensions <= self.components.shape[1]:
            raise DataError(
                f"TICA has {self.components.shape[1]} components where {dimensions} are asked for"
            )
        return (frames - self.mean) @ self.components[:, :dimensions]


def tica(
    trajectories: Sequence[ArrayLike],
    *,
    frame_spacing_ps: float,
    lag_time_ps: float,
    weights: Sequence[ArrayLike] | None = None,
) -> TicaModel:
    """Fit TICA to one or several trajectories.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i, d)
        Features, for instance `sine_cosine` of torsions. Pairs never cross an end.
    frame_spacing_ps, lag_time_ps : float
        The lag must be a whole number of frames.
    weights : sequence of array_like, each of shape (T_i,), optional
        Weights of the frames; a pair has that of its first.

    Raises
    ------
    DataError
        For a lag that does not fit, or features that are not finite or never change.
    """
    lag = lag_in_frames(lag_time_ps, frame_spacing_ps)
    sums = lagged_moments(trajectories, lag, weights=weights)
    mean, fitted = _fitted(sums.total)
    return TicaModel(
        mean,
        np.asarray(fitted.instantaneous_coefficients),
        sums.spectrum(fitted.singular_values, lag_time_ps),
    )


def tica_eigenvalues(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eigenvalues λ_i (r,) from moments of lagged pairs."""
    return np.asarray(_fitted(moments)[1].singular_values)


def _fitted(moments: NDArray[np.float64]) -> tuple[NDArray[np.float64], Any]:
    """Mean of the features and deeptime's decomposition."""
    from deeptime.decomposition import TICA

    covariances = covariance_model(moments, reversible=True)
    estimator = TICA(epsilon=SMALLEST_VARIANCE, scaling=None)
    fitted = estimator.fit_from_covariances(covariances).fetch_model()
    return np.asarray(covariances.mean_0), fitted
