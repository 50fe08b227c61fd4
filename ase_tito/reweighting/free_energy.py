"""Free-energy differences between states from weighted samples, with error bars."""

from __future__ import annotations

import numpy as np
from ase import units
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.bootstrap import Interval, block_bootstrap
from ase_tito.errors import DataError
from ase_tito.reweighting.samples import WeightedSamples

_NOTHING = 1e-250
"""A share of the weight that stands for none, so that logarithms stay finite."""


def free_energy_difference(
    samples: WeightedSamples,
    first: ArrayLike,
    second: ArrayLike,
    *,
    generator: np.random.Generator,
    resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """F(second) − F(first) = −k_BT ln(P_second / P_first) in eV, with a bootstrap interval.

    Samples with a common ancestor are resampled together. The interval knows nothing of what no
    sample has reached: heavy weights that are rare make it too narrow. Look at the effective
    sample size before it.

    Parameters
    ----------
    samples : WeightedSamples
    first, second : array_like of bool, shape (N,)
        Which samples are in each state.
    generator : numpy.random.Generator
    resamples : int
    level : float
        Probability inside the interval; an end is infinite where resamples lack a state.

    Raises
    ------
    DataError
        For masks of a wrong shape, and for a state without any weight.
    """
    count = len(samples.log_weights)
    inside = []
    for name, mask in (("first", first), ("second", second)):
        states = np.asarray(mask)
        if states.shape != (count,) or states.dtype != bool:
            raise DataError(f"the {name} state must be a truth value for each of {count} samples")
        if not samples.weights[states].sum() > 0:
            raise DataError(f"the {name} state holds no weight: no sample has reached it")
        inside.append(np.where(states, samples.weights, 0.0))
    shares = np.stack(inside, 1)
    families = [shares[samples.groups == group] for group in np.unique(samples.groups)]
    kT = units.kB * samples.temperature_K

    def difference(drawn: NDArray[np.float64]) -> float:
        low, high = np.maximum(drawn.sum(0), _NOTHING)
        return float(-kT * np.log(high / low))

    longest = max(map(len, families))
    found = block_bootstrap(
        families, difference, longest, generator=generator, resamples=resamples, level=level
    )
    impossible = 0.5 * kT * -np.log(_NOTHING)
    low, high = (
        np.where(np.abs(end) > impossible, np.sign(end) * np.inf, end)
        for end in (found.low, found.high)
    )
    return Interval(found.estimate, low, high, found.level, found.blocks)
