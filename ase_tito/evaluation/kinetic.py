"""A model's slow processes beside those of MD, at the lag of its jumps."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ase_tito.analysis import lag_in_frames
from ase_tito.analysis.block_sums import BlockSums
from ase_tito.analysis.kinetic_floor import kinetics_of_moments
from ase_tito.analysis.lags import strided
from ase_tito.analysis.moments import lagged_moments
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.timescales import error_of_spectra
from ase_tito.analysis.vamp import gap_intervals_of_moments, gap_of_moments, singular_values
from ase_tito.evaluation.reference import Reference
from ase_tito.evaluation.result import Figure
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
        Moments of all pairs.
    apart : BlockSums
        Of those that do not overlap, as a model's do not.
    """

    lag_time_ps: float
    block_time_ps: float
    overlapping: BlockSums
    apart: BlockSums

    @classmethod
    def of(
        cls, slow: SlowCoordinates, reference: Reference, lag_time_ps: float, block_time_ps: float
    ) -> LaggedReference:
        """Take the features' moments.

        Raises
        ------
        DataError
            If the MD is shorter than the lag.
        """
        stride = stride_for(reference, lag_time_ps)
        spacing = stride * reference.frame_spacing_ps
        runs = strided_features(slow.coordinates, reference, stride)
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
        )


def kinetic_figures(
    protocol: str,
    reference: LaggedReference,
    model: BlockSums,
    settings: EvaluationSettings,
    notes: Notes,
) -> dict[str, Figure]:
    """Both VAMP-2 gaps and the error of the slowest timescales.

    Parameters
    ----------
    protocol : str
        ``'nested'`` or ``'single'``.
    reference : LaggedReference
    model : BlockSums
        Moments of the model's jumps, in blocks.
    settings : EvaluationSettings
    notes : Notes
        Take what the data do not suffice for.
    """
    lag = reference.lag_time_ps
    gap = gap_of_moments(reference.overlapping, model, lag)
    first, second = (
        sums.spectrum(singular_values(sums.total), lag) for sums in (reference.apart, model)
    )
    error = error_of_spectra(first, second, settings.top)
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
        "timescale_error_release": Figure(error.mean_release),
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
    return found
