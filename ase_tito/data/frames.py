"""Single equilibrium frames, for training a density without condition and lag."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from ase_tito.data.buckets import MoleculeBuckets
from ase_tito.data.pairs import PairBatch, by_molecule, check_drawn
from ase_tito.data.trajectory import MolecularTrajectory
from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph


class EquilibriumFrames:
    """Draws frames in proportion to their weights, every molecule equally often.

    A molecule is drawn first, then one of all frames of its trajectories. Where these are at
    several temperatures, a frame comes with its own.

    Parameters
    ----------
    trajectories : sequence of MolecularTrajectory
        Equilibrium samples, in any order. Frames of those without weights have the weight 1, and
        the weights of several trajectories of one molecule are on one scale.
    largest_padding : float
        Share of a batch's atoms that may be padding, on average (`size_buckets`).

    Raises
    ------
    DataError
        If there is none.
    """

    def __init__(
        self, trajectories: Sequence[MolecularTrajectory], *, largest_padding: float = 0.2
    ) -> None:
        if not trajectories:
            raise DataError("there are no trajectories to draw frames from")
        self._molecules = [_Molecule(group) for group in by_molecule(trajectories)]
        self._buckets = MoleculeBuckets(self.graphs, largest_padding)

    @property
    def graphs(self) -> list[MolecularGraph]:
        """One graph for each distinct molecule that frames are drawn of."""
        return [molecule.graph for molecule in self._molecules]

    def sample(self, count: int, rng: np.random.Generator) -> PairBatch:
        """Draw `count` frames of one bucket as pairs of infinite lag.

        They are the targets; all conditions are zero and say nothing.
        """
        drawn, graphs = self._buckets.draw(count, rng)
        targets = np.zeros((*graphs.mask.shape, 3), np.float32)
        temperature = np.empty(count, np.float32)
        names: list[str] = []
        for k, (m, uniform) in enumerate(zip(drawn, rng.random(count), strict=True)):
            molecule = self._molecules[m]
            trajectory, frame = molecule.choose(uniform)
            targets[k, : molecule.graph.n_atoms] = trajectory.positions[frame]
            names.append(f"{trajectory.name}: frame {frame}")
            temperature[k] = trajectory.temperature_K
        check_drawn(targets[None], names)
        target = torch.from_numpy(targets)
        lag_time = torch.full((count,), math.inf, dtype=torch.float32)
        return PairBatch(
            graphs, torch.zeros_like(target), target, lag_time, torch.from_numpy(temperature)
        )


class _Molecule:
    """All frames of one molecule, one after another."""

    def __init__(self, trajectories: Sequence[MolecularTrajectory]) -> None:
        self.graph = trajectories[0].graph
        self._trajectories = tuple(trajectories)
        self._starts = np.cumsum([0, *map(len, trajectories)])
        self._edges = np.cumsum(np.concatenate([_weights(t) for t in trajectories]))
        if not self._edges[-1] > 0:
            names = ", ".join(t.name for t in trajectories)
            raise DataError(f"{names}: no frame has a weight above zero")

    def choose(self, uniform: float) -> tuple[MolecularTrajectory, int]:
        """A trajectory and a frame of it."""
        frame = int(np.searchsorted(self._edges, uniform * self._edges[-1], side="right"))
        k = int(np.searchsorted(self._starts, frame, side="right")) - 1
        return self._trajectories[k], frame - int(self._starts[k])


def _weights(trajectory: MolecularTrajectory) -> np.ndarray:
    return np.ones(len(trajectory)) if trajectory.weights is None else trajectory.weights
