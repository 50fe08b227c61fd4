"""Kinetic figures of a model beside those of MD against independent MD, at equal counts.

Singular functions fitted to one set of pairs do worse on any other, and finite data bias scores
and fast timescales upwards: a perfect model has gaps and errors too. What speaks of the model is
the excess over the floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ase_tito.analysis.block_sums import Array, BlockSums, sums_at_equal_counts
from ase_tito.analysis.floor import EqualCounts
from ase_tito.analysis.lags import strided
from ase_tito.analysis.moments import lagged_moments
from ase_tito.analysis.spectrum import implied_timescales
from ase_tito.analysis.timescales import relative_timescale_errors
from ase_tito.analysis.vamp import scores_of_moments, singular_values


@dataclass(frozen=True)
class KineticFloor:
    """Kinetic figures at equal counts of pairs, model and floor; see `EqualCounts`.

    Attributes
    ----------
    cross_gap, separate_gap : EqualCounts
        Of the VAMP-2 scores; see `VampGap`.
    timescale_error : EqualCounts
        Mean relative error of the top implied timescales that all the reference's pairs resolve;
        nan if they resolve none.
    resolved : int
        Number of those timescales.
    """

    cross_gap: EqualCounts
    separate_gap: EqualCounts
    timescale_error: EqualCounts
    resolved: int


def kinetics_at_equal_counts(
    reference: Sequence[ArrayLike],
    model: Sequence[ArrayLike],
    *,
    reference_spacing_ps: float,
    model_spacing_ps: float,
    block_time_ps: float,
    generator: np.random.Generator,
    top: int = 10,
    dimensions: int | None = None,
    splits: int = 20,
) -> KineticFloor:
    """VAMP-2 gaps and timescale errors of a model, and of MD against independent MD.

    Parameters
    ----------
    reference, model : sequence of array_like, each of shape (T_i, d)
        The same features of either.
    reference_spacing_ps, model_spacing_ps : float
        Frame spacings; the reference is strided to the model's jump, which is the lag.
    block_time_ps : float
        Length of the blocks of which halves are made, long against the slowest timescale.
    generator : numpy.random.Generator
    top : int
        At most so many timescales.
    dimensions : int, optional
        Of the scores; see `vamp_gap`.
    splits : int
        Random halvings to average over.

    Raises
    ------
    DataError
        If the jump is no whole number of the reference's frames, or blocks are too long or short.
    """
    thinned = strided(reference, reference_spacing_ps, model_spacing_ps)
    length = max(1, round(block_time_ps / model_spacing_ps))
    first, second = (lagged_moments(runs, 1, block_length=length) for runs in (thinned, model))
    return kinetics_of_moments(
        first,
        second,
        lag_time_ps=model_spacing_ps,
        generator=generator,
        top=top,
        dimensions=dimensions,
        splits=splits,
    )


def kinetics_of_moments(
    reference: BlockSums,
    model: BlockSums,
    *,
    lag_time_ps: float,
    generator: np.random.Generator,
    top: int = 10,
    dimensions: int | None = None,
    splits: int = 20,
) -> KineticFloor:
    """The same of moments in blocks: of `lagged_moments`, or of `moments_of_jumps`.

    Parameters
    ----------
    reference, model : BlockSums
        Of pairs that do not overlap.
    lag_time_ps : float
        Between the frames of a pair.
    generator, top, dimensions, splits
        As in `kinetics_at_equal_counts`.
    """
    spectrum = reference.spectrum(singular_values(reference.total), lag_time_ps)
    considered = np.flatnonzero(spectrum.resolved[:top])
    scored = spectrum.dimensions if dimensions is None else dimensions

    def error(a: Array, b: Array) -> float:
        if not len(considered):
            return np.nan
        scales = (_timescales(sums, lag_time_ps, len(spectrum.resolved)) for sums in (a, b))
        return float(relative_timescale_errors(*scales)[considered].mean())

    def cross_gap(a: Array, b: Array) -> float:
        own, cross, _ = scores_of_moments(a, b, scored)
        return own - cross

    def separate_gap(a: Array, b: Array) -> float:
        own, _, other = scores_of_moments(a, b, scored)
        return own - other

    of_cross, of_separate, of_timescales = (
        sums_at_equal_counts(reference, model, figure, generator=generator, splits=splits)
        for figure in (cross_gap, separate_gap, error)
    )
    return KineticFloor(of_cross, of_separate, of_timescales, len(considered))


def _timescales(moments: Array, lag_time_ps: float, processes: int) -> Array:
    """Implied timescales, zero for processes that a part of the data does not have."""
    values = np.zeros(processes)
    found = singular_values(moments)[:processes]
    values[: len(found)] = found
    return implied_timescales(values, lag_time_ps)
