"""What one jump of an ensemble did, and the judgement of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_tito.validity import CHECKS, Validity


@dataclass(frozen=True)
class EnsembleJump:
    """What one jump of an ensemble of B systems did.

    Attributes
    ----------
    jump : int
        Its number, from 1.
    valid : ndarray of bool, shape (B,)
        Whether the samples that were kept are valid geometries.
    first_valid : ndarray of bool, shape (B,)
        Whether the first proposals were.
    first_failed : ndarray of bool, shape (B, 5)
        Which of `ase_tito.validity.CHECKS` the first proposals failed.
    retries : ndarray of int, shape (B,)
        How often each system was drawn again.
    reasons : tuple of str, length B
        What is wrong with a kept sample; empty where it is valid.
    evaluations : int
        Calls of the velocity field, over all batches and retries.
    wall_time_s : float
        Time spent sampling.
    accepted : ndarray of bool, shape (B,), optional
        Of a corrected run: whether the proposals were accepted, or else the states kept.
    """

    jump: int
    valid: NDArray[np.bool_]
    first_valid: NDArray[np.bool_]
    first_failed: NDArray[np.bool_]
    retries: NDArray[np.int64]
    reasons: tuple[str, ...]
    evaluations: int
    wall_time_s: float
    accepted: NDArray[np.bool_] | None = None


@dataclass
class Draw:
    """Samples of a subset of the systems, in this order."""

    positions: NDArray[np.float64]
    failed: NDArray[np.bool_]
    reasons: list[str]
    evaluations: int
    wall_time_s: float

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Which samples failed no check, shape (b,)."""
        return passed(self.failed)


def joined(draws: Sequence[Draw], like: NDArray[np.float64]) -> Draw:
    """Draws of several subsets as one."""
    return Draw(
        np.concatenate([like[:0], *(draw.positions for draw in draws)]),
        np.concatenate([np.zeros((0, len(CHECKS)), bool), *(draw.failed for draw in draws)]),
        [reason for draw in draws for reason in draw.reasons],
        sum(draw.evaluations for draw in draws),
        sum(draw.wall_time_s for draw in draws),
    )


def judgement(validity: Validity) -> tuple[NDArray[np.bool_], list[str]]:
    """Which checks each system failed (B, 5), and that in words; empty where it is valid."""
    failed = validity.failed.cpu().numpy()
    return failed, ["" if fine else validity.describe(k) for k, fine in enumerate(passed(failed))]


def passed(failed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which systems failed no check: (B, 5) to (B,)."""
    return np.logical_not(failed.any(axis=1))
