"""VAMP: singular functions of the transfer operator, and the VAMP-2 score.

The score is 1 + Σ σ_i² over the singular values of C_00^{-1/2} C_0τ C_ττ^{-1/2}, the means
removed. H. Wu, F. Noé, J. Nonlinear Sci. 30, 23 (2020), eq. 33. The decomposition is deeptime's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.block_sums import BlockSums, bootstrap_sums
from ase_tito.analysis.bootstrap import Interval
from ase_tito.analysis.correlation import lag_in_frames
from ase_tito.analysis.lags import frames_per_lag
from ase_tito.analysis.moments import SMALLEST_VARIANCE, covariance_model, lagged_moments
from ase_tito.analysis.spectrum import Spectrum
from ase_tito.errors import DataError


@dataclass(frozen=True, eq=False)
class VampModel:
    """Singular functions of the transfer operator in the span of the features.

    Attributes
    ----------
    left, right : array, shape (d, r)
        Coefficients of the left and right singular functions, slowest first.
    spectrum : Spectrum
        The singular values.
    score : float
        VAMP-2.
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    spectrum: Spectrum
    score: float


@dataclass(frozen=True)
class VampGap:
    """VAMP-2 scores of a reference and a model at one physical lag, and both gaps.

    Attributes
    ----------
    lag_time_ps : float
    reference_score : float
        score(reference, reference): the reference's singular functions on its own pairs.
    cross_score : float
        score(reference, model): the same functions on the model's pairs.
    model_score : float
        score(model, model).
    dimensions : int
        Number of singular functions that are scored.
    reference_pairs, model_pairs : int
    """

    lag_time_ps: float
    reference_score: float
    cross_score: float
    model_score: float
    dimensions: int
    reference_pairs: int
    model_pairs: int

    @property
    def cross_gap(self) -> float:
        """score(reference, reference) − score(reference, model): the released code's gap.

        Functions fitted to the reference do better on it by chance too: see the floor.
        """
        return self.reference_score - self.cross_score

    @property
    def separate_gap(self) -> float:
        """score(reference, reference) − score(model, model): the formula of arXiv 2510.07589.

        The ITO paper has the opposite sign.
        """
        return self.reference_score - self.model_score


def vamp(
    trajectories: Sequence[ArrayLike],
    *,
    frame_spacing_ps: float,
    lag_time_ps: float,
    weights: Sequence[ArrayLike] | None = None,
) -> VampModel:
    """Fit VAMP to one or several trajectories.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i, d)
        Features. Pairs never cross an end.
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
    fitted = _fitted(sums.total)
    return VampModel(
        np.asarray(fitted.instantaneous_coefficients),
        np.asarray(fitted.timelagged_coefficients),
        sums.spectrum(fitted.singular_values, lag_time_ps),
        float(fitted.score(2)),
    )


def vamp_gap(
    reference: Sequence[ArrayLike],
    model: Sequence[ArrayLike],
    *,
    reference_spacing_ps: float,
    model_spacing_ps: float,
    lag_time_ps: float | None = None,
    dimensions: int | None = None,
) -> VampGap:
    """Both VAMP-2 gaps between a reference and a model at equal physical lag.

    Parameters
    ----------
    reference, model : sequence of array_like, each of shape (T_i, d)
        The same features of either; several runs or replicas.
    reference_spacing_ps, model_spacing_ps : float
        Frame spacings; the model's is its jump.
    lag_time_ps : float, optional
        The model's frame spacing if not given. A whole number of frames of both.
    dimensions : int, optional
        Score only so many slowest singular functions. By default those of which the reference's
        singular values are above the noise level, one at least (`Spectrum.dimensions`).

    Raises
    ------
    DataError
        For a lag that does not fit both (it says which ones do), or features that differ.

    Notes
    -----
    All pairs of frames a lag apart count, overlapping ones too.

    With all singular functions both gaps are the same: a score does not depend on the basis, so
    that of the reference's functions on the model's pairs is the model's own. Only fewer functions
    ask whether the model's slow processes are the reference's. Those that are noise in the
    reference would add the model's noise.
    """
    lag_ps = model_spacing_ps if lag_time_ps is None else lag_time_ps
    lags = frames_per_lag(lag_ps, [reference_spacing_ps, model_spacing_ps])
    first, second = (
        lagged_moments(runs, lag) for runs, lag in zip((reference, model), lags, strict=True)
    )
    return gap_of_moments(first, second, lag_ps, dimensions)


def gap_of_moments(
    reference: BlockSums, model: BlockSums, lag_time_ps: float, dimensions: int | None = None
) -> VampGap:
    """Both VAMP-2 gaps from moments of pairs at one lag; see `vamp_gap`."""
    scored = _scored(reference, lag_time_ps, dimensions)
    scores = scores_of_moments(reference.total, model.total, scored)
    pairs = (int(sums.pairs.sum()) for sums in (reference, model))
    return VampGap(lag_time_ps, *scores, scored, *pairs)


def vamp_gap_intervals(
    reference: Sequence[ArrayLike],
    model: Sequence[ArrayLike],
    *,
    reference_spacing_ps: float,
    model_spacing_ps: float,
    block_time_ps: float,
    generator: np.random.Generator,
    lag_time_ps: float | None = None,
    dimensions: int | None = None,
    resamples: int = 200,
    level: float = 0.95,
) -> Interval:
    """Block-bootstrap intervals of (cross gap, separate gap), shape (2,).

    Parameters
    ----------
    reference, model, reference_spacing_ps, model_spacing_ps, lag_time_ps, dimensions
        As in `vamp_gap`.
    block_time_ps : float
        Length of a block, long against the slowest timescale.
    generator : numpy.random.Generator
    resamples, level
        As in `bootstrap_sums`.
    """
    lag_ps = model_spacing_ps if lag_time_ps is None else lag_time_ps
    spacings = [reference_spacing_ps, model_spacing_ps]
    lags = frames_per_lag(lag_ps, spacings)
    groups = [
        lagged_moments(runs, lag, block_length=max(1, round(block_time_ps / spacing)))
        for runs, lag, spacing in zip((reference, model), lags, spacings, strict=True)
    ]
    first, second = groups
    return gap_intervals_of_moments(
        first,
        second,
        lag_ps,
        dimensions,
        generator=generator,
        resamples=resamples,
        level=level,
    )


def gap_intervals_of_moments(
    reference: BlockSums,
    model: BlockSums,
    lag_time_ps: float,
    dimensions: int | None = None,
    *,
    generator: np.random.Generator,
    resamples: int = 200,
    level: float = 0.95,
) -> Interval:
    """Intervals of both gaps from moments in blocks; see `vamp_gap_intervals`."""
    scored = _scored(reference, lag_time_ps, dimensions)

    def gaps(first: NDArray[np.float64], second: NDArray[np.float64]) -> list[float]:
        own, cross, other = scores_of_moments(first, second, scored)
        return [own - cross, own - other]

    # Pairs that are drawn again correlate by chance with themselves, which raises scores.
    return bootstrap_sums(
        [reference, model],
        gaps,
        generator=generator,
        resamples=resamples,
        level=level,
        centred=True,
    )


def scores_of_moments(
    reference: NDArray[np.float64], model: NDArray[np.float64], dimensions: int | None = None
) -> tuple[float, float, float]:
    """score(reference, reference), score(reference, model), score(model, model).

    Parameters
    ----------
    reference, model : array, shape (2 d + 1, 2 d + 1)
        Moments of lagged pairs; see `lagged_moments`.
    dimensions : int, optional
        Of the slowest singular functions; all of them if not given.
    """
    if reference.shape != model.shape:
        raise DataError("the reference and the model must have the same features")
    fitted, other = _fitted(reference), _fitted(model)
    return (
        float(fitted.score(2, dim=dimensions)),
        float(fitted.score(2, test_model=other, dim=dimensions)),
        float(other.score(2, dim=dimensions)),
    )


def singular_values(moments: NDArray[np.float64]) -> NDArray[np.float64]:
    """Singular values (r,) of the transfer operator from moments of lagged pairs."""
    return np.asarray(_fitted(moments).singular_values)


def _scored(reference: BlockSums, lag_time_ps: float, dimensions: int | None) -> int:
    if dimensions is not None:
        return dimensions
    values = singular_values(reference.total)
    return reference.spectrum(values, lag_time_ps).dimensions


def _fitted(moments: NDArray[np.float64]) -> Any:
    from deeptime.decomposition import VAMP

    covariances = covariance_model(moments, reversible=False)
    return VAMP(epsilon=SMALLEST_VARIANCE).fit_from_covariances(covariances).fetch_model()
