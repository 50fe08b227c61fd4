"""A model's samples of one molecule by either protocol, run by run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ase_tito.evaluation.references import MoleculeReference
from ase_tito.evaluation.samples import Samples
from ase_tito.evaluation.settings import SamplingPlan
from ase_tito.evaluation.slow import Frames, SlowCoordinates

FARTHEST = 1000.0
"""Å; of what diverged further, angles in single precision are noise."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """A model's frames of one protocol.

    Attributes
    ----------
    protocol : str
        ``'nested'`` or ``'single'``.
    samples : Samples
    runs : list of array, each of shape (T_i, n, 3)
        Of the nested jumps one for each replica, of the single jumps one in the order of the
        starts; without frames that are not finite.
    projected : list of array, each of shape (T_i, d)
        Their slow coordinates.
    """

    protocol: str
    samples: Samples
    runs: list[Frames]
    projected: list[NDArray[np.float64]]

    @property
    def by_time(self) -> Frames:
        """All frames that are finite, by time, then replica."""
        return self.samples.frames

    @property
    def for_energies(self) -> Frames:
        """Single jumps keep what is invalid, and its energy means nothing: those are left out."""
        if self.protocol == "nested":
            return self.by_time
        return np.asarray(self.samples.positions[self.samples.first_valid])


def starting_frames(
    reference: MoleculeReference, plan: SamplingPlan
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frames that replicas, and single jumps, start from.

    Both are evenly spread: the replicas' over the equilibrium runs, the single jumps' over the
    dynamics, where each has a frame a lag later (over the equilibrium runs if there are none).
    """
    nested = reference.equilibrium.spread_frames(plan.replicas)
    if not plan.single_jumps:
        return nested, np.zeros(0, np.int64)
    if reference.dynamics is None:
        return nested, reference.equilibrium.spread_frames(plan.single_jumps)
    return nested, reference.dynamics.spread_frames(plan.single_jumps, plan.lag_time_ps)


def sampled_runs(protocol: str, samples: Samples, slow: SlowCoordinates) -> Sampled:
    """Nested: a run for each replica. Single: one, in the order of the starts."""
    positions = samples.positions.swapaxes(0, 1) if protocol == "nested" else samples.positions
    runs = [run[np.isfinite(run).all((1, 2))] for run in positions]
    runs = [run for run in runs if len(run)]
    return Sampled(protocol, samples, runs, [slow.project(run) for run in runs])


def without_lost(samples: Samples) -> Samples:
    """The same, with frames that have an atom beyond `FARTHEST` as lost as those not finite."""
    with np.errstate(invalid="ignore"):
        near = np.asarray((np.abs(samples.positions) < FARTHEST).all((2, 3)))
    positions = np.where(near[..., None, None], samples.positions, np.float32(np.nan))
    return replace(samples, positions=positions)
