"""The torsion that a run as long as those of training hardly turns, and its two sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis import (
    TicaModel,
    Torsion,
    core_states,
    dihedrals,
    mixing,
    sine_cosine,
    state_steps,
    tica,
    torsion_atoms,
)
from ase_tito.analysis.mixing import ENOUGH_CROSSINGS
from ase_tito.evaluation.reference import Reference
from ase_tito.evaluation.settings import nearest_multiple

LAG_PS = 10.0
"""Of the slow coordinate within the circle of one torsion."""


@dataclass(frozen=True, eq=False)
class SlowTorsion:
    """A torsion and its two sides, side 0 that of the training-length run's first core.

    Attributes
    ----------
    torsion : Torsion
    model : TicaModel
        Of its cosine and sine.
    centres : (float, float)
        Of the two sides.
    populations : (float, float)
        In replica exchange.
    crossings : int
        Of the training-length run.
    """

    torsion: Torsion
    model: TicaModel
    centres: tuple[float, float]
    populations: tuple[float, float]
    crossings: int

    def coordinate(self, frames: NDArray[np.float32]) -> NDArray[np.float64]:
        """The slow coordinate, shape (T,), of frames (T, n, 3)."""
        angles = dihedrals(frames, torsion_atoms([self.torsion]))
        return self.model.project(sine_cosine(angles), 1)[:, 0]

    def states(self, frames: NDArray[np.float32]) -> NDArray[np.int64]:
        """The core that each frame (T, n, 3) was last in."""
        return core_states(self.coordinate(frames), self.centres)


def slowest_torsion(
    exchange: Reference,
    training: NDArray[np.float32],
    torsions: Sequence[Torsion],
    rarest: float = 0.05,
) -> SlowTorsion | None:
    """The torsion that a training-length run crosses least; None if it crosses all often enough.

    Parameters
    ----------
    exchange : Reference
        Replica exchange. A torsion counts if this crosses between its two sides often enough
        (`ase_tito.analysis.mixing`), and has frames enough on either.
    training : array, shape (T, n, 3)
        The run, in Å, at the same frame spacing.
    torsions : sequence of Torsion
    rarest : float
        Share of the frames of replica exchange that is on the rarer side at least.
    """
    found = []
    spacing = exchange.frame_spacing_ps
    lag = nearest_multiple(LAG_PS, spacing)
    for torsion in torsions:
        circle = [sine_cosine(run) for run in exchange.torsions(torsion_atoms([torsion]))]
        model = tica(circle, frame_spacing_ps=spacing, lag_time_ps=lag)
        mixed = mixing([model.project(run, 1)[:, 0] for run in circle])
        if not mixed.mixes or mixed.rarer_share < rarest:
            continue
        slow = SlowTorsion(torsion, model, mixed.centres, (0.5, 0.5), 0)
        states = slow.states(training)
        first = next((int(state) for state in states if state >= 0), 0)
        centres = mixed.centres[::-1] if first else mixed.centres
        cut = sum(centres) / 2
        every = np.concatenate([model.project(run, 1)[:, 0] for run in circle])
        share = float(np.mean((every < cut) == (centres[0] < cut)))
        crossings = int(state_steps([states])[[0, 1], [1, 0]].sum())
        found.append(SlowTorsion(torsion, model, centres, (share, 1 - share), crossings))
    best = min(found, key=lambda slow: slow.crossings, default=None)
    return best if best is not None and best.crossings < ENOUGH_CROSSINGS else None
