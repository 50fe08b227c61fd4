"""The slow coordinates that both sides of a report are seen in, and at which lags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, gcd

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.correlation import lag_in_frames, statistical_inefficiency
from ase_tito.analysis.internals import sine_cosine
from ase_tito.analysis.lags import frames_per_lag, shortest_shared_lag_ps
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.report.observe import Coordinates, Observed
from ase_tito.analysis.report.settings import SHORTEST_LAG_PS, ReportSettings
from ase_tito.analysis.tica import TicaModel, tica

Runs = list[NDArray[np.float64]]

MOST_FRAMES = 200_000
"""TICA, VAMP and Markov models see every so many-th frame of longer data."""

PROJECTED = 50_000
"""Frames that are projected at once."""

FEWEST_BLOCKS = 10
"""Blocks are never chosen so long that fewer are left."""

COMPONENTS = 3
"""TICA components that are kept, and that states of the Markov model are made of."""


@dataclass(frozen=True, eq=False)
class Basis:
    """What both sides are projected onto.

    Attributes
    ----------
    tica : TicaModel
        Fitted to the reference, or to the model where there is none.
    slow_lag_ps : float
        Its lag: short, so that it sees what a model's long jumps have forgotten.
    lag_time_ps : float
        At which kinetics are compared: a whole number of frames of both sides.
    reference, model : list of array, each (T_i, d)
        TICA components, at most `COMPONENTS`.
    """

    tica: TicaModel
    slow_lag_ps: float
    lag_time_ps: float
    reference: Runs | None
    model: Runs

    @property
    def fitted_to(self) -> Runs:
        """Projections of the side that TICA was fitted to."""
        return self.model if self.reference is None else self.reference

    def project(self, coordinates: Coordinates, positions: ArrayLike) -> NDArray[np.float64]:
        """TICA components (P, d) of frames (P, n, 3) in Å."""
        return self.tica.project(
            sine_cosine(coordinates.angular(positions)), self.model[0].shape[1]
        )


def features(observed: Observed, stride: int = 1) -> Runs:
    """Cosines and sines of the torsions of every so many-th frame; without torsions, of angles."""
    return [sine_cosine(run[::stride]) for run in observed.angular]


def choose_lag(settings: ReportSettings, spacings: Sequence[float]) -> float:
    """The lag in ps at which kinetics are compared, a whole number of frames of all sides."""
    if settings.lag_time_ps is not None:
        frames_per_lag(settings.lag_time_ps, spacings)
        return settings.lag_time_ps
    return _long_enough(shortest_shared_lag_ps(spacings))


def make_basis(
    settings: ReportSettings, reference: Observed | None, model: Observed, lag_time_ps: float
) -> Basis:
    """Fit TICA to the reference (or the model alone), and project both sides."""
    fitted_to = model if reference is None else reference
    slow_lag = settings.lag_time_ps or _long_enough(fitted_to.frame_spacing_ps)
    stride = stride_for(fitted_to, slow_lag)
    fitted = tica(
        features(fitted_to, stride),
        frame_spacing_ps=fitted_to.frame_spacing_ps * stride,
        lag_time_ps=slow_lag,
    )
    dimensions = min(COMPONENTS, fitted.components.shape[1])

    def projected(side: Observed) -> Runs:
        # features are twice the torsions, in double precision: never of all frames at once
        return [
            np.concatenate(
                [fitted.project(sine_cosine(part), dimensions) for part in _parts(run, PROJECTED)]
            )
            for run in side.angular
        ]

    return Basis(
        fitted,
        slow_lag,
        lag_time_ps,
        None if reference is None else projected(reference),
        projected(model),
    )


def choose_block_time(
    settings: ReportSettings,
    basis: Basis,
    reference: Observed | None,
    model: Observed,
    notes: Notes,
) -> float:
    """Twice the correlation time of the slowest coordinate, as far as the data allow."""
    if settings.block_time_ps is not None:
        return settings.block_time_ps
    # the Chapman–Kolmogorov test looks five lags ahead
    wanted, longest = 5 * basis.lag_time_ps, np.inf
    for side, runs in ((reference, basis.reference), (model, basis.model)):
        if side is None or runs is None:
            continue
        g = statistical_inefficiency([run[:, 0] for run in runs])
        wanted = max(wanted, 2 * g * side.frame_spacing_ps)
        longest = min(longest, side.time_ps / FEWEST_BLOCKS)
    if wanted > longest:
        notes.append(
            f"Blocks of {wanted:,.3g} ps are wanted, twice the slowest correlation time or five"
            f" lags, and the data are too short for them: with blocks of {longest:,.3g} ps"
            " intervals and floors may be too narrow."
        )
    return float(min(wanted, longest))


def stride_for(side: Observed, *lags_ps: float) -> int:
    """Every so many-th frame keeps `MOST_FRAMES`, and each lag a whole number of them."""
    lag = gcd(*(lag_in_frames(lag_ps, side.frame_spacing_ps) for lag_ps in lags_ps))
    wanted = side.frames / MOST_FRAMES
    return min((d for d in range(1, lag + 1) if lag % d == 0 and d >= wanted), default=lag)


def _long_enough(spacing_ps: float) -> float:
    """The shortest multiple of a frame spacing of at least `SHORTEST_LAG_PS`."""
    return spacing_ps * ceil(SHORTEST_LAG_PS / spacing_ps - 1e-9)


def _parts(frames: NDArray[np.float32], size: int) -> Sequence[NDArray[np.float32]]:
    return [frames[k : k + size] for k in range(0, len(frames), size)]
