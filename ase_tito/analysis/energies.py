"""Potential energies of frames, and where their distribution lies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.bootstrap import block_bootstrap
from ase_tito.analysis.weights import as_weights
from ase_tito.errors import DataError

BatchedEnergy = Callable[[NDArray[np.float64]], ArrayLike]
"""Positions (T, n, 3) in Å to potential energies (T,) in eV."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class EnergyDistribution:
    """Where potential energies lie, in the unit they were given in.

    Attributes
    ----------
    mean, std : float
    quantiles : tuple of float
        At `QUANTILES`: 5 %, 25 %, 50 %, 75 % and 95 %.
    samples : int
    """

    mean: float
    std: float
    quantiles: tuple[float, ...]
    samples: int


def potential_energies(
    positions: ArrayLike,
    energy: Any,
    atomic_numbers: ArrayLike,
    *,
    chunk: int = 1000,
    progress: Callable[[int], object] | None = None,
) -> NDArray[np.float64]:
    """Potential energy of each frame in eV, shape (T,).

    Parameters
    ----------
    positions : array_like, shape (T, n, 3)
        Frames in Å.
    energy : ASE calculator or callable
        A callable gets chunks of frames (c, n, 3) in Å and returns energies (c,) in eV. A
        calculator is asked for one frame after another, and for energies alone. It sees elements
        and positions, and none of the charges, magnetic moments and info that a file may have: what
        it needs to know of charge and spin has to be said when it is made.
    atomic_numbers : array_like of int, shape (n,)
    chunk : int
        Frames that a callable gets at once.
    progress : callable, optional
        Called with the number of frames done since the last call.

    Raises
    ------
    DataError
        If the energies are not one finite number for each frame; it names the frame.
    """
    frames = np.asarray(positions, np.float64)
    if hasattr(energy, "get_potential_energy"):
        compute, chunk = _one_by_one(energy, np.asarray(atomic_numbers)), min(chunk, 50)
    elif callable(energy):
        compute = energy
    else:
        raise DataError(
            f"energies need an ASE calculator or a function of positions, not {energy!r}"
        )
    energies = np.empty(len(frames))
    for start in range(0, len(frames), chunk):
        part = frames[start : start + chunk]
        values = np.asarray(compute(part), np.float64)
        if values.shape != (len(part),):
            raise DataError(f"energies of shape {values.shape} came for {len(part)} frames")
        energies[start : start + len(part)] = values
        if progress is not None:
            progress(len(part))
    if not np.isfinite(energies).all():
        frame = int(np.flatnonzero(~np.isfinite(energies))[0])
        raise DataError(f"the energy of frame {frame} is not finite; leave out invalid frames")
    return energies


def energy_distribution(
    energies: ArrayLike, weights: ArrayLike | None = None
) -> EnergyDistribution:
    """Mean, standard deviation and quantiles of energies (T,), of weighted frames too."""
    values = np.asarray(energies, np.float64)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise DataError(f"energies must be finite and of shape (frames,), not {values.shape}")
    each = as_weights(weights, len(values))
    shares = each / each.sum()
    mean = float(shares @ values)
    return EnergyDistribution(
        mean,
        float(np.sqrt(shares @ (values - mean) ** 2)),
        # Of this kind, so that a weight of two is the same as two frames.
        tuple(np.quantile(values, QUANTILES, method="inverted_cdf", weights=each).tolist()),
        len(values),
    )


def median_shift(
    reference: Sequence[ArrayLike],
    model: Sequence[ArrayLike],
    block_lengths: tuple[int, int],
    *,
    generator: np.random.Generator,
    resamples: int = 200,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Median energy of a model − that of a reference, and the ends of its bootstrap interval.

    Parameters
    ----------
    reference, model : sequence of array_like, each of shape (T_i,)
        Energies, run by run.
    block_lengths : (int, int)
        Frames per block of either.
    generator : numpy.random.Generator
    resamples : int
    level : float

    Raises
    ------
    DataError
        For fewer than two blocks on either side.
    """
    first, second = (
        block_bootstrap(
            runs, np.median, length, generator=generator, resamples=resamples, level=level
        )
        for runs, length in zip((reference, model), block_lengths, strict=True)
    )
    shift = float(second.estimate - first.estimate)
    # Independent sides: their one-sided widths add in squares.
    below = float(np.hypot(second.estimate - second.low, first.high - first.estimate))
    above = float(np.hypot(second.high - second.estimate, first.estimate - first.low))
    return shift, shift - below, shift + above


def _one_by_one(calculator: Any, numbers: NDArray[np.int64]) -> BatchedEnergy:
    atoms = Atoms(numbers, np.zeros((len(numbers), 3)))
    atoms.calc = calculator

    def compute(frames: NDArray[np.float64]) -> list[float]:
        energies = []
        for frame in frames:
            atoms.set_positions(frame)
            energies.append(float(atoms.get_potential_energy()))
        return energies

    return compute
