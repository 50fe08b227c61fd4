"""A model's single jumps beside what MD did from the same frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis import block_bootstrap, dihedrals, lag_in_frames, mean_cosine_change
from ase_tito.errors import DataError
from ase_tito.evaluation.reference import Reference
from ase_tito.evaluation.samples import Samples


@dataclass(frozen=True)
class CosineAgreement:
    """⟨cos Δθ⟩ of one torsion over one lag.

    Attributes
    ----------
    lag_time_ps : float
    reference, model : float
        From the same starting frames.
    low, high : float
        95 % block-bootstrap interval of the difference model − reference: what finite sampling
        of both leaves open.
    jumps : int
    """

    lag_time_ps: float
    reference: float
    model: float
    low: float
    high: float
    jumps: int

    @property
    def difference(self) -> float:
        return self.model - self.reference


def cosine_agreement(
    reference: Reference,
    starts: NDArray[np.int64],
    samples: Samples,
    quadruples: ArrayLike,
    lag_time_ps: float,
    *,
    block_length: int,
    generator: np.random.Generator,
) -> list[CosineAgreement]:
    """Compare single jumps with MD, torsion by torsion.

    Parameters
    ----------
    reference : Reference
    starts : array of int, shape (P,)
        Indices of the starting frames, increasing; each has a frame a lag later in its run.
    samples : Samples
        One jump from each of them. Those that are not finite are left out, on both sides.
    quadruples : array_like of int, shape (k, 4)
    lag_time_ps : float
    block_length : int
        In jumps, for the intervals: many correlation times' worth of starting frames.
    generator : numpy.random.Generator

    Returns
    -------
    list of CosineAgreement, length k
    """
    lag = lag_in_frames(lag_time_ps, reference.frame_spacing_ps)
    sampled = samples.positions[0]
    if len(sampled) != len(starts):
        raise DataError(f"{len(sampled)} jumps do not fit {len(starts)} starting frames")
    finite = np.isfinite(sampled).all((1, 2))
    starts, sampled = starts[finite], sampled[finite]
    every = np.concatenate(reference.torsions(quadruples))
    before, after = every[starts], every[starts + lag]
    jumped = dihedrals(sampled, quadruples)
    found = []
    for k, (md, model) in enumerate(
        zip(mean_cosine_change(before, after), mean_cosine_change(before, jumped), strict=True)
    ):
        change = np.cos(jumped[:, k] - before[:, k]) - np.cos(after[:, k] - before[:, k])
        interval = block_bootstrap([change], np.mean, block_length, generator=generator)
        found.append(
            CosineAgreement(
                lag_time_ps,
                float(md),
                float(model),
                float(interval.low),
                float(interval.high),
                len(starts),
            )
        )
    return found
