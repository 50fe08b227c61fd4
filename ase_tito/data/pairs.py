"""Time-lagged pairs (x_t, x_{t+τ}) cut out of trajectories, for training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ase_tito.data.buckets import MoleculeBuckets
from ase_tito.data.lags import lag_distribution as make_distribution
from ase_tito.data.lags import whole_frames
from ase_tito.data.trajectory import MolecularTrajectory
from ase_tito.errors import DataError, warn
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
    """Draws pairs a lag apart, every molecule equally often, none across a trajectory's end.

    A molecule is drawn first, then a lag, then one of all the pairs of frames that the molecule's
    trajectories hold at this lag. A batch has molecules of similar size: one group of them
    (bucket), drawn as often as it has molecules.

    Parameters
    ----------
    trajectories : sequence of MolecularTrajectory
        Several may be of one molecule, and at several temperatures. Positions may be views of a
        memory map: only frames that are drawn are read.
    lag_range_ps : tuple of float, optional
        Shortest and longest lag. A trajectory serves lags up to half its length, so that a short
        one limits the lags of its own molecule alone.
    lag_distribution : {'log-uniform', 'uniform'}
        Of the lags in that range, which are rounded down to whole frames.
    lags_ps : sequence of float, optional
        A list of lags, each drawn equally often, in place of the range.
    largest_padding : float
        Share of a batch's atoms that may be padding, on average (`size_buckets`); 1 makes batches
        of molecules of any size.

    Attributes
    ----------
    lags : LagDistribution
    left_out : tuple of str
        Names of trajectories that are too short for the shortest lag.

    Raises
    ------
    DataError
        If a trajectory's frames are too far apart for the shortest lag, or no trajectory is long
        enough for the longest.

    Warns
    -----
    TITOWarning
        Naming the trajectories that are left out.
    """

    def __init__(
        self,
        trajectories: Sequence[MolecularTrajectory],
        lag_range_ps: tuple[float, float] | None = None,
        *,
        lag_distribution: str = "log-uniform",
        lags_ps: Sequence[float] | None = None,
        largest_padding: float = 0.2,
    ) -> None:
        if not trajectories:
            raise DataError("there are no trajectories to draw pairs from")
        self.lags = make_distribution(lag_range_ps, lag_distribution, lags_ps)
        for trajectory in trajectories:
            self.lags.check_spacing(trajectory.name, trajectory.frame_spacing_ps)
        low, high = self.lags.range_ps
        longest = max(map(longest_lag_ps, trajectories))
        if longest < high * (1 - 1e-6):
            raise DataError(
                f"lags up to {high:g} ps need a trajectory of twice that time, and the longest "
                f"ends after {2 * longest:g} ps: shorten the lags, or give longer trajectories"
            )
        fitting = [t for t in trajectories if serves(t, low)]
        self.left_out = tuple(t.name for t in trajectories if not serves(t, low))
        if self.left_out:
            shown = ", ".join(self.left_out[:5]) + (", …" if len(self.left_out) > 5 else "")
            warn(
                f"{len(self.left_out)} trajectories are shorter than twice the shortest lag of "
                f"{low:g} ps and left out: {shown}"
            )
        self._molecules = [_Molecule(group, high) for group in by_molecule(fitting)]
        self._buckets = MoleculeBuckets(self.graphs, largest_padding)

    @property
    def graphs(self) -> list[MolecularGraph]:
        """One graph for each distinct molecule that pairs are drawn of."""
        return [molecule.graph for molecule in self._molecules]

    @property
    def lag_range_ps(self) -> tuple[float, float]:
        """The shortest and the longest lag."""
        return self.lags.range_ps

    def sample(self, count: int, rng: np.random.Generator) -> PairBatch:
        """Draw `count` pairs of one bucket; all that is random comes from `rng`.

        Raises
        ------
        DataError
            If a frame that is drawn is not finite.
        """
        drawn, graphs = self._buckets.draw(count, rng)
        uniform = rng.random((3, count))
        chosen = [self._molecules[m] for m in drawn]
        lags = self.lags.draw(
            uniform[0],
            np.array([molecule.longest_lag_ps for molecule in chosen]),
            np.array([molecule.frame_spacing_ps for molecule in chosen]),
        )
        pairs = np.zeros((2, *graphs.mask.shape, 3), np.float32)
        names: list[str] = []
        lag_time, temperature = np.empty(count, np.float32), np.empty(count, np.float32)
        for k, (molecule, lag, which, where) in enumerate(
            zip(chosen, lags.tolist(), *uniform[1:].tolist(), strict=True)
        ):
            trajectory, frames = molecule.choose(lag, which)
            start = int(where * (len(trajectory) - frames))
            n = molecule.graph.n_atoms
            pairs[0, k, :n] = trajectory.positions[start]
            pairs[1, k, :n] = trajectory.positions[start + frames]
            names.append(f"{trajectory.name}: frame {start} or {start + frames}")
            lag_time[k] = frames * trajectory.frame_spacing_ps
            temperature[k] = trajectory.temperature_K
        check_drawn(pairs, names)
        condition, target = torch.from_numpy(pairs)
        return PairBatch(
            graphs, condition, target, torch.from_numpy(lag_time), torch.from_numpy(temperature)
        )


def check_drawn(positions: NDArray[np.float32], drawn: Sequence[str]) -> None:
    """Refuse positions (k, B, N, 3) that are not finite, saying what was drawn, length B.

    Raises
    ------
    DataError
    """
    if np.isfinite(positions).all():
        return
    first = int(np.argmin(np.isfinite(positions).all(axis=(0, 2, 3))))
    raise DataError(
        f"{drawn[first]} holds positions that are not finite; 'ase-tito data info --check' reads "
        "all frames of a dataset"
    )


def longest_lag_ps(trajectory: MolecularTrajectory) -> float:
    """Half a trajectory's length: at longer lags, pairs are few and share their frames."""
    return 0.5 * trajectory.frame_spacing_ps * (len(trajectory) - 1)


def serves(trajectory: MolecularTrajectory, shortest_lag_ps: float) -> bool:
    """Whether a trajectory is long enough for pairs of the shortest lag; else it is left out."""
    return longest_lag_ps(trajectory) >= shortest_lag_ps * (1 - 1e-6)


class _Molecule:
    """All trajectories of one molecule."""

    def __init__(self, trajectories: Sequence[MolecularTrajectory], high: float) -> None:
        self.graph = trajectories[0].graph  # one instance, whose tables are stored once
        self.longest_lag_ps = min(high, max(map(longest_lag_ps, trajectories)))
        self.frame_spacing_ps = min(t.frame_spacing_ps for t in trajectories)
        self._trajectories = tuple(trajectories)
        self._longest = np.array([longest_lag_ps(t) * (1 + 1e-6) for t in trajectories])
        self._lengths = np.array([len(t) for t in trajectories])
        self._spacings = np.array([t.frame_spacing_ps for t in trajectories])

    def choose(self, lag: float, uniform: float) -> tuple[MolecularTrajectory, int]:
        """A trajectory, and the lag in its frames: each pair of this lag is equally likely."""
        if len(self._trajectories) == 1:
            return self._trajectories[0], int(whole_frames(lag, self.frame_spacing_ps))
        frames = whole_frames(lag, self._spacings)
        pairs = np.where(lag <= self._longest, self._lengths - frames, 0)
        edges = np.cumsum(pairs)
        k = int(np.searchsorted(edges, uniform * edges[-1], side="right"))
        return self._trajectories[k], int(frames[k])


def by_molecule(trajectories: Sequence[MolecularTrajectory]) -> list[list[MolecularTrajectory]]:
    """Trajectories of one molecule with one order of atoms together."""
    molecules: dict[bytes, list[MolecularTrajectory]] = {}
    for trajectory in trajectories:
        molecules.setdefault(_identity(trajectory.graph), []).append(trajectory)
    return list(molecules.values())


def _identity(graph: MolecularGraph) -> bytes:
    """Equal for trajectories of one molecule with one order of atoms."""
    arrays = (graph.atomic_numbers, graph.bonds, graph.tetrahedral, graph.double_bonds)
    return b"|".join(array.tobytes() for array in arrays)
