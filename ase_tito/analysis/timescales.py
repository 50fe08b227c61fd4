"""Implied timescales along a scan of lags, and how far a model's are from a reference's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.block_sums import BlockSums, bootstrap_sums
from ase_tito.analysis.correlation import lag_in_frames
from ase_tito.analysis.lags import strided
from ase_tito.analysis.markov import eigenvalues_of_counts, transition_counts
from ase_tito.analysis.moments import lagged_moments
from ase_tito.analysis.spectrum import Spectrum, implied_timescales
from ase_tito.analysis.tica import tica_eigenvalues
from ase_tito.analysis.vamp import singular_values
from ase_tito.errors import DataError

Method = Literal["tica", "vamp", "msm"]

Values = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""What makes eigenvalues or singular values of a sum over pairs."""


@dataclass(frozen=True, eq=False)
class TimescaleScan:
    """Implied timescales as functions of the lag: level, where the lag is long enough.

    Attributes
    ----------
    lag_times_ps : array, shape (L,)
    timescales_ps : array, shape (L, k)
        Slowest first; zero where the data have fewer than k processes.
    resolved : array of bool, shape (L, k)
        Which of them the data resolve; see `Spectrum`.
    low, high : array, shape (L, k), or None
        Bootstrap interval, if blocks were asked for.
    level : float
    blocks : int
        Of the bootstrap; zero without.
    """

    lag_times_ps: NDArray[np.float64]
    timescales_ps: NDArray[np.float64]
    resolved: NDArray[np.bool_]
    low: NDArray[np.float64] | None
    high: NDArray[np.float64] | None
    level: float
    blocks: int


@dataclass(frozen=True, eq=False)
class TimescaleError:
    """How far a model's implied timescales are from the reference's, at one lag.

    Attributes
    ----------
    reference, model : Spectrum
        At the same physical lag, the reference strided to the model's jump.
    relative_errors : array, shape (k,)
        ``|t_i(reference) − t_i(model)| / t_i(reference)``, for i up to the top processes both have.
    considered : array of bool, shape (k,)
        Which of those processes the reference resolves.
    """

    reference: Spectrum
    model: Spectrum
    relative_errors: NDArray[np.float64]
    considered: NDArray[np.bool_]

    @property
    def mean(self) -> float:
        """Mean over the resolved processes; nan if there is none."""
        return float(self.relative_errors[self.considered].mean()) if self.resolved else np.nan

    @property
    def resolved(self) -> int:
        """Number of processes in `mean`."""
        return int(self.considered.sum())

    @property
    def mean_release(self) -> float:
        """Mean over all the top processes, resolved or not: to set beside the paper's figure."""
        return float(self.relative_errors.mean())


def timescale_scan(
    trajectories: Sequence[ArrayLike],
    *,
    frame_spacing_ps: float,
    lag_times_ps: Sequence[float],
    method: Method = "tica",
    top: int = 5,
    block_time_ps: float | None = None,
    generator: np.random.Generator | None = None,
    resamples: int = 200,
    level: float = 0.95,
) -> TimescaleScan:
    """Implied timescales t_i = −τ / ln abs(σ_i) at several lags.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i, d), or (T_i,) of int
        Features for ``'tica'`` and ``'vamp'``, states for ``'msm'``.
    frame_spacing_ps : float
    lag_times_ps : sequence of float
        Each a whole number of frames.
    method : {'tica', 'vamp', 'msm'}
        Eigenvalues of TICA or of a Markov state model, or singular values of VAMP.
    top : int
        Number of processes.
    block_time_ps : float, optional
        Length of the bootstrap's blocks, long against the slowest timescale. No interval without.
    generator : numpy.random.Generator, optional
        For the bootstrap.
    resamples, level
        As in `bootstrap_sums`.

    Raises
    ------
    DataError
        For a lag that does not fit, an unknown method, or blocks without a generator.
    """
    if block_time_ps is not None and generator is None:
        raise DataError("a bootstrap needs a generator")
    length = None if block_time_ps is None else max(1, round(block_time_ps / frame_spacing_ps))
    spectra, intervals = [], []
    for lag_ps in lag_times_ps:
        lag = lag_in_frames(lag_ps, frame_spacing_ps)
        sums, values = _decomposition(trajectories, lag, length, method)
        spectra.append(sums.spectrum(values(sums.total), lag_ps))
        if length is not None and generator is not None:
            statistic = _top_timescales(values, lag_ps, top)
            intervals.append(
                bootstrap_sums(
                    [sums], statistic, generator=generator, resamples=resamples, level=level
                )
            )
    return TimescaleScan(
        np.array(lag_times_ps, np.float64),
        np.stack([_padded(spectrum.timescales_ps, top) for spectrum in spectra]),
        np.stack([_padded(spectrum.resolved, top) for spectrum in spectra]),
        np.stack([interval.low for interval in intervals]) if intervals else None,
        np.stack([interval.high for interval in intervals]) if intervals else None,
        level,
        intervals[0].blocks if intervals else 0,
    )


def timescale_error(
    reference: Sequence[ArrayLike],
    model: Sequence[ArrayLike],
    *,
    reference_spacing_ps: float,
    model_spacing_ps: float,
    method: Method = "vamp",
    top: int = 10,
) -> TimescaleError:
    """Relative error of a model's slowest implied timescales.

    Parameters
    ----------
    reference, model : sequence of array_like
        Features (T_i, d), or states (T_i,) for ``'msm'``; the same ones of either.
    reference_spacing_ps, model_spacing_ps : float
        Frame spacings. The model's is its jump and the lag; the reference is strided to it, so
        that neither side has overlapping pairs.
    method : {'tica', 'vamp', 'msm'}
    top : int
        At most so many processes.

    Raises
    ------
    DataError
        If the jump is no whole number of the reference's frames.
    """
    thinned = strided(reference, reference_spacing_ps, model_spacing_ps)
    spectra = []
    for runs in (thinned, model):
        sums, values = _decomposition(runs, 1, None, method)
        spectra.append(sums.spectrum(values(sums.total), model_spacing_ps))
    return error_of_spectra(spectra[0], spectra[1], top)


def error_of_spectra(reference: Spectrum, model: Spectrum, top: int = 10) -> TimescaleError:
    """Relative error of a model's implied timescales from both spectra at one lag."""
    k = min(top, len(reference.singular_values), len(model.singular_values))
    return TimescaleError(
        reference,
        model,
        relative_timescale_errors(reference.timescales_ps[:k], model.timescales_ps[:k]),
        reference.resolved[:k],
    )


def relative_timescale_errors(reference: ArrayLike, model: ArrayLike) -> NDArray[np.float64]:
    """Relative errors abs(t − u) / t of the timescales (k,) t of a reference and u of a model.

    Two that are both infinite agree, of one the error is infinite or (of an infinite reference)
    one. A reference's timescale of zero agrees with nothing but zero.
    """
    first, second = np.asarray(reference, np.float64), np.asarray(model, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = np.abs(first - second) / first
    errors = np.where(np.isinf(first) & np.isfinite(second), 1.0, errors)
    return np.where(first == second, 0.0, errors)


def _decomposition(
    trajectories: Sequence[ArrayLike], lag: int, block_length: int | None, method: Method
) -> tuple[BlockSums, Values]:
    """Sums over blocks, and what turns a sum into eigenvalues or singular values."""
    if method == "msm":
        counts = transition_counts(trajectories, lag, block_length=block_length)
        return counts, eigenvalues_of_counts
    sums = lagged_moments(trajectories, lag, block_length=block_length)
    if method == "vamp":
        return sums, singular_values
    if method == "tica":
        return sums, tica_eigenvalues
    raise DataError(f"no such method: {method!r}; there are 'tica', 'vamp' and 'msm'")


def _top_timescales(values: Values, lag_ps: float, top: int) -> Values:
    """The statistic that the scan's bootstrap resamples."""
    return lambda total: _padded(implied_timescales(values(total), lag_ps), top)


def _padded(values: NDArray, length: int) -> NDArray:
    padded = np.zeros(length, values.dtype)
    padded[: min(length, len(values))] = values[:length]
    return padded
