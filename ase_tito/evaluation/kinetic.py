"""A model's slow processes beside those of MD, at the lag of its jumps.

They are looked for among the slowest coordinates of the MD, as many as timescales are compared.
Among all features, of which there may be a hundred, some hundred pairs show nothing but noise; the
error of the timescales among them is there as well, for it is what the paper reports.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ase_tito.analysis import lag_in_frames
from ase_tito.analysis.block_sums import BlockSums
from ase_tito.analysis.kinetic_floor import kinetics_of_moments
from ase_tito.analysis.lags import strided
from ase_tito.analysis.moments import lagged_moments
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.spectrum import Spectrum
from ase_tito.analysis.timescales import error_of_spectra
from ase_tito.analysis.vamp import gap_intervals_of_moments, gap_of_moments, singular_values
from ase_tito.evaluation.reference import Reference
from ase_tito.evaluation.result import Figure, Timescales
from ase_tito.evaluation.settings import EvaluationSettings
from ase_tito.evaluation.slow import SlowCoordinates, stride_for, strided_features


@dataclass(frozen=True, eq=False)
class LaggedReference:
    """Pairs of MD frames, a jump apart.

    Attributes
    ----------
    lag_time_ps : float
    block_time_ps : float
    overlapping : BlockSums
        Moments of the slow coordinates of all pairs.
    apart : BlockSums
        Of those that do not overlap, as a model's do not.
    in_all_features : Spectrum
        Of the latter, in the span of all features.
    """

    lag_time_ps: float
    block_time_ps: float
    overlapping: BlockSums
    apart: BlockSums
    in_all_features: Spectrum

    @classmethod
    def of(
        cls,
        slow: SlowCoordinates,
        reference: Reference,
        lag_time_ps: float,
        block_time_ps: float,
        most: int,
    ) -> LaggedReference:
        """Take the moments of at most so many slow coordinates.

        Raises
        ------
        DataError
            If the MD is shorter than the lag.
        """
        stride = stride_for(reference, lag_time_ps)
        spacing = stride * reference.frame_spacing_ps
        every = strided_features(slow.coordinates, reference, stride)
        runs = [slow.reduced(run, most) for run in every]
        lag = lag_in_frames(lag_time_ps, spacing)
        block_time = max(block_time_ps, lag_time_ps)
        return cls(
            lag_time_ps,
            block_time,
            lagged_moments(runs, lag, block_length=max(lag, round(block_time / spacing))),
            lagged_moments(
                strided(runs, spacing, lag_time_ps),
                1,
                block_length=max(1, round(block_time / lag_time_ps)),
            ),
            spectrum_of(lagged_moments(strided(every, spacing, lag_time_ps), 1), lag_time_ps),
        )


def spectrum_of(moments: BlockSums, lag_time_ps: float) -> Spectrum:
    """Singular values of the transfer operator from moments of pairs."""
    return moments.spectrum(singular_values(moments.total), lag_time_ps)


def kinetic_figures(
    protocol: str,
    reference: LaggedReference,
    model: BlockSums,
    in_all_features: Spectrum,
    settings: EvaluationSettings,
    notes: Notes,
) -> tuple[dict[str, Figure], Timescales]:
    """Both VAMP-2 gaps and the error of the slowest timescales, and these timescales.

    Parameters
    ----------
    protocol : str
        ``'nested'`` or ``'single'``.
    reference : LaggedReference
    model : BlockSums
        Moments of the slow coordinates of the model's jumps, in blocks.
    in_all_features : Spectrum
        Of all features of these jumps.
    settings : EvaluationSettings
    notes : Notes
        Take what the data do not suffice for.
    """
    lag = reference.lag_time_ps
    gap = gap_of_moments(reference.overlapping, model, lag)
    error = error_of_spectra(
        spectrum_of(reference.apart, lag), spectrum_of(model, lag), settings.top
    )
    release = error_of_spectra(reference.in_all_features, in_all_features, settings.top)
    interval = notes.attempt(
        f"Interval of the VAMP-2 gap ({protocol})",
        lambda: gap_intervals_of_moments(
            reference.overlapping,
            model,
            lag,
            generator=settings.generator(f"{protocol} gap"),
            resamples=settings.resamples // 2,
        ),
    )
    ends = (
        [(math.nan, math.nan)] * 2
        if interval is None
        else list(zip(interval.low.tolist(), interval.high.tolist(), strict=True))
    )
    found = {
        "vamp_gap": Figure(gap.cross_gap, *ends[0]),
        "vamp_gap_separate": Figure(gap.separate_gap, *ends[1]),
        "vamp_dimensions": Figure(gap.dimensions),
        "timescale_error": Figure(error.mean),
        "timescale_error_release": Figure(release.mean_release),
        "timescales_resolved": Figure(error.resolved),
    }
    floor = notes.attempt(
        f"Floor of the kinetic figures ({protocol})",
        lambda: kinetics_of_moments(
            reference.apart,
            model,
            lag_time_ps=lag,
            generator=settings.generator(f"{protocol} kinetics"),
            top=settings.top,
            splits=settings.splits,
        ),
    )
    if floor is not None:
        for key, counts in (
            ("vamp_gap", floor.cross_gap),
            ("vamp_gap_separate", floor.separate_gap),
            ("timescale_error", floor.timescale_error),
        ):
            value = found[key]
            found[key] = Figure.at_equal_counts(value.value, counts, (value.low, value.high))
    return found, Timescales.of(error)
