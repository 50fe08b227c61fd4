"""A trajectory on disk, read in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph
from ase_tito.perception import build_graph

Chunk = NDArray[np.float32]

CHUNK = 5000
"""Frames that are read at once unless asked otherwise: 1.3 MB for 22 atoms."""


@dataclass(frozen=True, eq=False)
class TrajectorySource:
    """What is known of a trajectory before its frames are read; made by `open_trajectory`.

    Attributes
    ----------
    path : Path
    atomic_numbers : array of int, shape (n,)
    n_frames : int or None
        None where only reading the whole file would tell.
    frame_spacing_ps : float
    bonds : array of int, shape (m, 2), or None
    labels : tuple of arrays or None
        ``(tetrahedral, double_bonds)`` as in `MolecularGraph`, from headers of our runs.
    description : dict
        What the header says of the run, as JSON values.
    read : callable
        Chunk size to an iterator over positions (c, n, 3) in Å.
    """

    path: Path
    atomic_numbers: NDArray[np.int64]
    n_frames: int | None
    frame_spacing_ps: float
    bonds: NDArray[np.int64] | None
    labels: tuple[NDArray[np.int64], NDArray[np.int64]] | None
    description: dict[str, Any] = field(repr=False)
    read: Callable[[int], Iterator[Chunk]] = field(repr=False)

    def chunks(self, size: int = CHUNK, stride: int = 1, skip: int = 0) -> Iterator[Chunk]:
        """Positions in Å, chunks of up to `size` frames (c, n, 3) in single precision.

        Parameters
        ----------
        size : int
            Frames that are read at once.
        stride : int
            Keep every so many-th frame.
        skip : int
            Leave out so many frames at the beginning.

        Raises
        ------
        DataError
            If the file turns out to be damaged, or to hold other atoms than it should.
        """
        start = -skip
        for chunk in self.read(size):
            if chunk.shape[1:] != (len(self.atomic_numbers), 3):
                raise DataError(
                    f"{self.path}: frames have shape {chunk.shape[1:]} where"
                    f" {len(self.atomic_numbers)} atoms are expected"
                )
            kept = chunk[-start if start < 0 else -start % stride :: stride]
            start += len(chunk)
            if len(kept):
                yield np.ascontiguousarray(kept, np.float32)

    def frames(self, stride: int = 1) -> Chunk:
        """All positions in Å at once, shape (T, n, 3)."""
        parts = list(self.chunks(stride=stride))
        if not parts:
            raise DataError(f"{self.path}: there are no frames in this trajectory")
        return np.concatenate(parts)

    def first_frame(self) -> NDArray[np.float64]:
        """Positions of the first frame in Å, shape (n, 3)."""
        for chunk in self.read(1):
            return chunk[0].astype(np.float64)
        raise DataError(f"{self.path}: there are no frames in this trajectory")

    def graph(self) -> MolecularGraph:
        """The molecule: bonds and labels of the header or topology, else of the first frame.

        Stereochemistry is always the trajectory's own, for the coordinates of a topology file may
        be crude.
        """
        if self.bonds is not None and self.labels is not None:
            return MolecularGraph(self.atomic_numbers, self.bonds, *self.labels)
        return build_graph(self.atomic_numbers, self.first_frame(), self.bonds)
