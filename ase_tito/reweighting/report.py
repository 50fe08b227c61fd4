"""What weighted samples say: their worth, and basins' populations and free energies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ase_tito.errors import DataError
from ase_tito.reweighting.basins import Basin
from ase_tito.reweighting.free_energy import free_energy_difference
from ase_tito.reweighting.samples import WeightedSamples, effective_sample_size


def basin_entries(
    samples: WeightedSamples, basins: Sequence[Basin], *, seed: int = 0, level: float = 0.95
) -> list[dict[str, Any]]:
    """One JSON-able entry for each basin, with free energies relative to the first.

    Parameters
    ----------
    samples : WeightedSamples
    basins : sequence of Basin
    seed : int
        Of the bootstrap.
    level : float
        Of its intervals.

    Returns
    -------
    list of dict
        ``samples`` and ``effective_sample_size`` within the basin, its ``population`` and, in eV,
        ``free_energy_eV`` with ``low_eV`` and ``high_eV``: None where a basin holds no weight, or
        an end is infinite.
    """
    masks = [basin.holds(samples.positions) for basin in basins]
    entries = []
    for basin, inside in zip(basins, masks, strict=True):
        weightless = not samples.weights[inside].any()
        entry: dict[str, Any] = {
            "name": basin.name,
            "samples": int(inside.sum()),
            "effective_sample_size": (
                0.0 if weightless else effective_sample_size(samples.log_weights[inside])
            ),
            "population": float(samples.weights[inside].sum()),
            "free_energy_eV": None,
            "low_eV": None,
            "high_eV": None,
        }
        if inside is masks[0] and not weightless:
            entry |= {"free_energy_eV": 0.0, "low_eV": 0.0, "high_eV": 0.0}
        else:
            entry |= _difference(samples, masks[0], inside, seed, level)
        entries.append(entry)
    return entries


def _difference(
    samples: WeightedSamples, first: Any, second: Any, seed: int, level: float
) -> dict[str, float | None]:
    try:
        found = free_energy_difference(
            samples, first, second, generator=np.random.default_rng(seed), level=level
        )
    except DataError:  # a basin without weight, which its population says
        return {}
    values = {"free_energy_eV": found.estimate, "low_eV": found.low, "high_eV": found.high}
    return {key: float(v) if np.isfinite(v) else None for key, v in values.items()}
