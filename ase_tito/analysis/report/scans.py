"""What a report shows against the lag: implied timescales, and the memory of torsions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.memory import TorsionMemory, torsion_memory
from ase_tito.analysis.report.basis import stride_for
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.report.observe import Observed
from ase_tito.analysis.report.statistics import SCAN_RESAMPLES, Statistics
from ase_tito.analysis.timescales import Method, TimescaleScan, timescale_scan

MOST_LAGS = 9
"""In scans of lags."""

PROCESSES = 4
"""Timescales of a scan."""

LONGEST_MEMORY_PS = 5000.0


def scanned_timescales(
    name: str,
    runs: Sequence[NDArray],
    spacing_ps: float,
    lags_ps: Sequence[float],
    method: Method,
    block_time_ps: float,
    statistics: Statistics,
    notes: Notes,
) -> TimescaleScan | None:
    """Timescales at all lags the blocks are long enough for."""
    usable = [lag for lag in lags_ps if lag <= block_time_ps]
    if not usable:
        notes.append(f"Timescales of the {name}: not available, blocks are shorter than the lag.")
        return None
    return notes.attempt(
        f"Timescales of the {name} by {'TICA' if method == 'tica' else 'the Markov model'}",
        lambda: timescale_scan(
            runs,
            frame_spacing_ps=spacing_ps,
            lag_times_ps=usable,
            method=method,
            top=PROCESSES,
            block_time_ps=block_time_ps,
            generator=statistics.generator(f"{name} {method}"),
            resamples=SCAN_RESAMPLES,
        ),
    )


def scan_lags(side: Observed, lag_ps: float) -> list[float]:
    """Lags that grow evenly on a logarithmic scale, up to a tenth of the longest trajectory."""
    longest = max(map(len, side.gyration)) * side.frame_spacing_ps
    spacing = side.frame_spacing_ps * stride_for(side, lag_ps)
    most = max(1, int(min(longest / 10, 20 * lag_ps) / spacing))
    return [float(k * spacing) for k in np.unique(np.round(np.geomspace(1, most, MOST_LAGS)))]


def memory_of_torsions(
    side: Observed,
    shown: list[int],
    block_time_ps: float,
    statistics: Statistics,
    notes: Notes,
    name: str,
) -> TorsionMemory | None:
    """⟨cos Δθ⟩ of the torsions that are shown."""
    if not shown:
        return None
    longest = max(map(len, side.torsions)) * side.frame_spacing_ps / 5
    spacing = side.frame_spacing_ps
    most = max(1, min(longest, LONGEST_MEMORY_PS) / spacing)
    steps = np.unique(np.round(np.geomspace(1, most, 16)))
    return notes.attempt(
        f"Correlation functions of the {name}",
        lambda: torsion_memory(
            [run[:, shown] for run in side.torsions],
            frame_spacing_ps=spacing,
            lag_times_ps=(steps * spacing).tolist(),
            block_time_ps=block_time_ps,
            generator=statistics.generator(f"{name} memory"),
            resamples=SCAN_RESAMPLES,
        ),
    )
