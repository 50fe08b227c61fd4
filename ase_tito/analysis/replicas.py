"""Do replicas from different starts agree?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.blocks import concatenated
from ase_tito.analysis.histograms import as_samples
from ase_tito.errors import DataError


@dataclass(frozen=True, eq=False)
class ReplicaAgreement:
    """Spread between replicas against the spread within.

    Attributes
    ----------
    scale_reduction : array, shape (d,)
        Split R̂ of each coordinate; 1 if all replicas sample the same distribution.
    replicas : int
    frames : int
        Of each replica that were used: those of the shortest.
    """

    scale_reduction: NDArray[np.float64]
    replicas: int
    frames: int

    @property
    def worst(self) -> float:
        """The largest R̂ of all coordinates."""
        return float(self.scale_reduction.max())


def replica_agreement(
    trajectories: Sequence[ArrayLike], *, discard: float = 0.0
) -> ReplicaAgreement:
    """Split R̂ of replicas' coordinates.

    Parameters
    ----------
    trajectories : sequence of array_like, each of shape (T_i, d) or (T_i,)
        Slow coordinates of each replica. R̂ tells something only if their starts lie further
        apart than the equilibrium distribution is wide.
    discard : float
        Share of each replica's first frames to leave out.

    Raises
    ------
    DataError
        For fewer than two replicas, fewer than four frames in one, or coordinates that never
        change in any.

    Notes
    -----
    Each replica is cut into halves, so that a drift within replicas shows as well; with W the
    mean variance within the halves of n frames and B/n the variance of their means,
    R̂² = (n − 1)/n + B/(n W). A. Gelman, D. B. Rubin, Stat. Sci. 7, 457 (1992); A. Vehtari et
    al., Bayesian Anal. 16, 667 (2021), who take 1.01 for agreement in mean and 1.1 as the older,
    laxer limit.
    """
    if len(trajectories) < 2:
        raise DataError("agreement between replicas needs two of them at least")
    if not 0 <= discard < 1:
        raise DataError(f"the share to discard must be between 0 and 1, not {discard}")
    frames, lengths = concatenated(trajectories)
    ends = np.cumsum(lengths)
    frames = as_samples(frames)
    kept = min(length - int(discard * length) for length in lengths)
    n = kept // 2
    if n < 2:
        raise DataError("each replica needs four frames at least")
    halves = np.stack(
        [frames[end - n : end] for end in ends] + [frames[end - 2 * n : end - n] for end in ends]
    )
    within = halves.var(1, ddof=1).mean(0)
    between = halves.mean(1).var(0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        squared = (n - 1) / n + between / within
    if np.isnan(squared).any():
        raise DataError("a coordinate never changes in any replica")
    return ReplicaAgreement(np.sqrt(squared), len(lengths), 2 * n)
