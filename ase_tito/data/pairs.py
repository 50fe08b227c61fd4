"""Time-lagged pairs (x_t, x_{t+τ}) cut out of trajectories, for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ase_tito.canonical import graph_key
from ase_tito.data.trajectory import MolecularTrajectory
from ase_tito.errors import DataError
from ase_tito.graph import GraphBatch, MolecularGraph


@dataclass(frozen=True, eq=False)
class PairBatch:
    """A batch of lagged pairs.

    Attributes
    ----------
    graphs : GraphBatch
    condition, target : Tensor, shape (B, N, 3)
        x_t and x_{t+τ} in Å, centred, not superposed; zero where padded.
    lag_time : Tensor, shape (B,)
        τ in ps.
    temperature : Tensor, shape (B,)
        In K.
    """

    graphs: GraphBatch
    condition: Tensor
    target: Tensor
    lag_time: Tensor
    temperature: Tensor

    def to(self, device: torch.device) -> PairBatch:
        """The same pairs on another device."""
        return PairBatch(
            self.graphs.to(device),
            self.condition.to(device),
            self.target.to(device),
            self.lag_time.to(device),
            self.temperature.to(device),
        )

    def part(self, part: slice) -> PairBatch:
        """The pairs of a slice of the batch."""
        return PairBatch(
            self.graphs.select(torch.arange(len(self.lag_time))[part]),
            self.condition[part],
            self.target[part],
            self.lag_time[part],
            self.temperature[part],
        )


class LaggedPairs:
    """Draws pairs with log-uniform lags, molecules balanced, no pair across a trajectory's end.

    Parameters
    ----------
    trajectories : sequence of MolecularTrajectory
        Several may be of one molecule: these are drawn in proportion to their frames.
    lag_range_ps : tuple of float
        Shortest and longest lag; rounded down to whole frames.

    Raises
    ------
    DataError
        If a trajectory's frames are too far apart for the shortest lag, or it ends before the
        longest.
    """

    def __init__(
        self, trajectories: Sequence[MolecularTrajectory], lag_range_ps: tuple[float, float]
    ) -> None:
        if not trajectories:
            raise DataError("there are no trajectories to draw pairs from")
        low, high = lag_range_ps
        for trajectory in trajectories:
            spacing = trajectory.frame_spacing_ps
            if low < spacing * (1 - 1e-6):
                raise DataError(
                    f"{trajectory.name}: frames are {spacing:g} ps apart, "
                    f"too far for lags from {low:g} ps"
                )
            if high >= spacing * (len(trajectory) - 1):
                raise DataError(
                    f"{trajectory.name}: {len(trajectory)} frames of {spacing:g} ps are too few "
                    f"for lags up to {high:g} ps"
                )
        self.lag_range_ps = (float(low), float(high))
        molecules: dict[str, list[MolecularTrajectory]] = {}
        for trajectory in trajectories:
            molecules.setdefault(_identity(trajectory.graph), []).append(trajectory)
        self._molecules = list(molecules.values())
        # one graph instance a molecule: batches store its tables once
        self._graphs = [group[0].graph for group in self._molecules]

    @property
    def graphs(self) -> list[MolecularGraph]:
        """One graph for each distinct molecule."""
        return list(self._graphs)

    def sample(self, count: int, rng: np.random.Generator) -> PairBatch:
        """Draw `count` pairs."""
        low, high = self.lag_range_ps
        chosen = rng.integers(len(self._molecules), size=count)
        lags = np.exp(rng.uniform(np.log(low), np.log(high), size=count))
        uniform = rng.random((count, 2))
        graphs = GraphBatch.from_graphs(self._graphs[m] for m in chosen)
        pairs = np.zeros((2, *graphs.mask.shape, 3), np.float32)
        lag_time, temperature = np.empty(count), np.empty(count)
        for k, (molecule, lag, (which, where)) in enumerate(
            zip(chosen, lags, uniform, strict=True)
        ):
            group = self._molecules[molecule]
            edges = np.cumsum([len(trajectory) for trajectory in group])
            trajectory = group[int(np.searchsorted(edges, which * edges[-1], side="right"))]
            frames = max(1, int(lag / trajectory.frame_spacing_ps + 1e-6))
            start = int(where * (len(trajectory) - frames))
            n = trajectory.graph.n_atoms
            pairs[0, k, :n] = trajectory.positions[start]
            pairs[1, k, :n] = trajectory.positions[start + frames]
            lag_time[k] = frames * trajectory.frame_spacing_ps
            temperature[k] = trajectory.temperature_K
        condition, target = torch.from_numpy(pairs)
        return PairBatch(
            graphs,
            condition,
            target,
            torch.from_numpy(lag_time).to(condition.dtype),
            torch.from_numpy(temperature).to(condition.dtype),
        )


def _identity(graph: MolecularGraph) -> str:
    """Equal for trajectories of one molecule with one order of atoms."""
    return f"{graph_key(graph)} {graph.atomic_numbers.tolist()} {graph.bonds.tolist()}" + str(
        graph.tetrahedral.tolist() + graph.double_bonds.tolist()
    )
