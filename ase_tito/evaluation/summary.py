"""Mean and median over molecules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis import block_bootstrap
from ase_tito.evaluation.catalogue import all_keys
from ase_tito.evaluation.result import MoleculeResult

STATISTICS: dict[str, Callable[[NDArray[np.float64]], float]] = {
    "mean": lambda values: float(np.mean(values)),
    "median": lambda values: float(np.median(values)),
    "min": lambda values: float(np.min(values)),
    "max": lambda values: float(np.max(values)),
    "mean_abs": lambda values: float(np.mean(np.abs(values))),
    "median_abs": lambda values: float(np.median(np.abs(values))),
    "max_abs": lambda values: float(np.max(np.abs(values))),
}
"""Over molecules."""

COLUMNS = ("value", "equal", "floor", "excess")
"""Parts of a `Figure` that can be summed up."""

RESAMPLES = 1000


@dataclass(frozen=True)
class Summary:
    """One figure over the molecules that have it.

    Attributes
    ----------
    key : str
        Such as ``'nested.jsd'``.
    molecules : int
    mean, median : dict of str to float
        Of each of `COLUMNS`; nan where there is none.
    mean_interval, median_interval : (float, float)
        95 % bootstrap interval over molecules, of the value; of a single one its own.
    """

    key: str
    molecules: int
    mean: dict[str, float]
    median: dict[str, float]
    mean_interval: tuple[float, float]
    median_interval: tuple[float, float]


def column(results: Sequence[MoleculeResult], key: str, part: str = "value") -> NDArray[np.float64]:
    """One part of a figure of all molecules that have it, in their order."""
    values = [getattr(result.figures[key], part) for result in results if key in result.figures]
    array = np.array(values, np.float64)
    return array[~np.isnan(array)]


def summarize(results: Sequence[MoleculeResult]) -> list[Summary]:
    """All figures that any molecule has, in the catalogue's order."""
    found = []
    for key in all_keys():
        having = [result.figures[key] for result in results if key in result.figures]
        values = column(results, key)
        if having:
            own = (having[0].low, having[0].high) if len(having) == 1 else None
            parts = {part: column(results, key, part) for part in COLUMNS}
            found.append(
                Summary(
                    key,
                    len(values),
                    {part: statistic("mean", array) for part, array in parts.items()},
                    {part: statistic("median", array) for part, array in parts.items()},
                    own or _interval(values, "mean"),
                    own or _interval(values, "median"),
                )
            )
    return found


def statistic(name: str, values: NDArray[np.float64]) -> float:
    """One of `STATISTICS` of values (m,); nan where there is none."""
    with np.errstate(invalid="ignore"):  # of infinite timescales
        return STATISTICS[name](values) if len(values) else np.nan


def _interval(values: NDArray[np.float64], name: str) -> tuple[float, float]:
    if len(values) < 2 or not np.isfinite(values).all():
        return np.nan, np.nan
    found = block_bootstrap(
        [values], STATISTICS[name], 1, generator=np.random.default_rng(0), resamples=RESAMPLES
    )
    return float(found.low), float(found.high)
