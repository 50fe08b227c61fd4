"""How fast torsions forget: ⟨cos[θ(t + τ) − θ(t)]⟩ with its block-bootstrap interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.block_sums import bootstrap_sums, sums_over_pairs
from ase_tito.analysis.blocks import concatenated
from ase_tito.analysis.correlation import lag_in_frames


@dataclass(frozen=True, eq=False)
class TorsionMemory:
    """Correlation of torsions with themselves a lag later.

    Attributes
    ----------
    lag_times_ps : array, shape (L,)
    correlation, low, high : array, shape (L, k)
        ⟨cos Δθ⟩ and its interval: 1 at no motion, ``|⟨exp iθ⟩|²`` when all memory is lost.
    level : float
    """

    lag_times_ps: NDArray[np.float64]
    correlation: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    level: float


def torsion_memory(
    trajectories: Sequence[ArrayLike],
    *,
    frame_spacing_ps: float,
    lag_times_ps: Sequence[float],
    block_time_ps: float,
    generator: np.random.Generator,
    resamples: int = 200,
    level: float = 0.95,
) -> TorsionMemory:
    """⟨cos Δθ⟩ of torsions at several lags.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i, k)
        Torsions in radians. Pairs never cross a trajectory's end.
    frame_spacing_ps : float
    lag_times_ps : sequence of float
        Whole numbers of frames.
    block_time_ps : float
        Length of the bootstrap's blocks; never shorter than the lag.
    generator : numpy.random.Generator
    resamples, level
        As in `bootstrap_sums`.

    Raises
    ------
    DataError
        For a lag that does not fit, or a single block.
    """
    frames, lengths = concatenated(trajectories)
    vectors = np.exp(1j * frames)
    found = []
    for lag_ps in lag_times_ps:
        lag = lag_in_frames(lag_ps, frame_spacing_ps)
        sums = sums_over_pairs(
            vectors,
            lengths,
            lag,
            lambda before, after, _: [len(before), *(after * before.conj()).real.sum(0)],
            # cut into equal pieces, so that none is shorter than the lag
            block_length=max(3 * lag // 2 + 1, round(block_time_ps / frame_spacing_ps)),
        )
        found.append(
            bootstrap_sums(
                [sums],
                lambda total: total[1:] / total[0],
                generator=generator,
                resamples=resamples,
                level=level,
            )
        )
    return TorsionMemory(
        np.array(lag_times_ps, np.float64),
        np.stack([interval.estimate for interval in found]),
        np.stack([interval.low for interval in found]),
        np.stack([interval.high for interval in found]),
        level,
    )
