"""The potential-energy part of a report, in kJ/mol."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import units
from numpy.typing import NDArray

from ase_tito.analysis.agreement import bin_numbers
from ase_tito.analysis.energies import energy_distribution, median_shift, potential_energies
from ase_tito.analysis.report.observe import Observed, Progress
from ase_tito.analysis.report.result import Energies
from ase_tito.analysis.report.statistics import Statistics
from ase_tito.errors import DataError

KJ_MOL_PER_EV = units.mol / units.kJ

BINS = 40
"""So few that each holds dozens of the frames that energies are computed of by default."""


def analyse_energies(
    energy: Any,
    reference: Observed | None,
    model: Observed,
    statistics: Statistics,
    progress: Progress = lambda _: None,
) -> Energies:
    """Energies of frames evenly spread over each side, with any calculator or batched function.

    Parameters
    ----------
    energy : ASE calculator or callable
        See `potential_energies`.
    reference, model : Observed
        Their files are read again: of the positions nothing is kept.
    statistics : Statistics
    progress : callable
        Called with the number of frames done since the last call.
    """
    sides = [
        None
        if side is None
        else _energies(energy, side, statistics.settings.energy_frames, progress)
        for side in (reference, model)
    ]
    first, second = sides
    if second is None:
        raise DataError("there are no frames of the model to compute energies of")
    every = np.concatenate([run for side in sides if side is not None for run in side])
    # A single clash would leave all else in one bin.
    low, high = np.quantile(every, [0.002, 0.998])
    margin = 0.15 * (high - low) or 1.0
    edges = np.linspace(low - margin, high + margin, BINS + 1)
    result = _distribution(edges, first), _distribution(edges, second)
    shift = found = None
    if first is not None and reference is not None:
        strides = [
            -(-side.frames // sum(map(len, runs)))
            for side, runs in ((reference, first), (model, second))
        ]
        blocks = (
            max(1, statistics.reference_block // strides[0]),
            max(1, statistics.model_block // strides[1]),
        )
        numbers = [[bin_numbers(run, [edges]) for run in runs] for runs in (first, second)]
        thin = Statistics(statistics.settings, *blocks)
        found = thin.agreement("energy", numbers[0], numbers[1], BINS, "JSD")
        shift = median_shift(
            first,
            second,
            blocks,
            generator=statistics.generator("energy median"),
            resamples=statistics.settings.resamples,
        )
    return Energies(
        edges,
        None if first is None else result[0],
        result[1],  # type: ignore[arg-type]
        None if first is None else energy_distribution(np.concatenate(first)),
        energy_distribution(np.concatenate(second)),
        shift,
        found,
    )


def _energies(
    energy: Any, side: Observed, most: int, progress: Progress
) -> list[NDArray[np.float64]]:
    stride = max(1, -(-side.frames // most))
    found = []
    for source in side.sources:
        positions = np.concatenate(list(source.chunks(stride=stride, skip=side.skipped)))
        positions = positions[np.isfinite(positions).all((1, 2))]
        values = potential_energies(positions, energy, source.atomic_numbers, progress=progress)
        found.append(KJ_MOL_PER_EV * values)
    return found


def _distribution(
    edges: NDArray[np.float64], runs: list[NDArray[np.float64]] | None
) -> NDArray[np.float64] | None:
    if runs is None:
        return None
    return np.histogram(np.concatenate(runs), edges)[0] / sum(map(len, runs)) / np.diff(edges)
