"""The MD of one molecule, in several independent runs, as the measure of a model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis import dihedrals, lag_in_frames, lagged_starts
from ase_tito.data.trajectory import MolecularTrajectory, read_npz
from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph


@dataclass(frozen=True, eq=False)
class Reference:
    """Independent MD runs of one molecule with the same frame spacing.

    Parameters
    ----------
    runs : sequence of MolecularTrajectory

    Raises
    ------
    DataError
        If there is none, they differ in atoms, bonds, stereochemistry, frame spacing or
        temperature, or frames are of unequal weight: figures count each frame once.
    """

    runs: Sequence[MolecularTrajectory]

    def __post_init__(self) -> None:
        if not self.runs:
            raise DataError("a reference needs at least one MD run")
        for run in self.runs:
            if run.weights is not None:
                raise DataError(
                    f"{run.name}: frames of unequal weight are no reference, each frame of which "
                    "counts once; take replica exchange, or resample them by their weights"
                )
        first = self.runs[0]
        for run in self.runs[1:]:
            for what, same in (
                (
                    "atoms or bonds",
                    np.array_equal(run.graph.atomic_numbers, first.graph.atomic_numbers)
                    and np.array_equal(run.graph.bonds, first.graph.bonds),
                ),
                (
                    "stereochemistry",
                    np.array_equal(run.graph.tetrahedral, first.graph.tetrahedral)
                    and np.array_equal(run.graph.double_bonds, first.graph.double_bonds),
                ),
                ("frame spacing", run.frame_spacing_ps == first.frame_spacing_ps),
                ("temperature", run.temperature_K == first.temperature_K),
            ):
                if not same:
                    raise DataError(f"{run.name} differs from {first.name} in its {what}")

    @classmethod
    def from_files(cls, paths: Sequence[str | os.PathLike[str]]) -> Reference:
        """Read runs from ``.npz`` files; see `ase_tito.data.read_npz`."""
        return cls([read_npz(path) for path in paths])

    @property
    def graph(self) -> MolecularGraph:
        return self.runs[0].graph

    @property
    def frame_spacing_ps(self) -> float:
        return self.runs[0].frame_spacing_ps

    @property
    def temperature_K(self) -> float:
        return self.runs[0].temperature_K

    @property
    def lengths(self) -> list[int]:
        """Frames of each run."""
        return [len(run) for run in self.runs]

    @property
    def frames(self) -> NDArray[np.float32]:
        """All frames of all runs, shape (T, n, 3)."""
        return np.concatenate([run.positions for run in self.runs])

    def torsions(self, quadruples: ArrayLike) -> list[NDArray[np.float64]]:
        """Torsions of each run in radians, each of shape (T_i, k)."""
        return [dihedrals(run.positions, quadruples) for run in self.runs]

    def spread_frames(self, count: int, longest_lag_ps: float = 0.0) -> NDArray[np.int64]:
        """Indices of `count` frames spread evenly over all that have a frame a lag later.

        Raises
        ------
        DataError
            If there are fewer.
        """
        lag = lag_in_frames(longest_lag_ps, self.frame_spacing_ps) if longest_lag_ps else 0
        starts = lagged_starts(self.lengths, lag)
        if not 1 <= count <= len(starts):
            raise DataError(f"{count} starting frames are asked for, the MD has {len(starts)}")
        return starts[(np.arange(count) * len(starts)) // count]
