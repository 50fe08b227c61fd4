"""Validity of every frame of a trajectory, by the limits that a model's samples are held to.

The rules are those of `ase_tito.validity`, computed here without PyTorch; beyond them, frames can
be compared with the range that a reference covers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.features import Features, angle_features, bonded_triples, distance_features
from ase_tito.analysis.gyration import radius_of_gyration
from ase_tito.analysis.internals import distances
from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph
from ase_tito.limits import distance_limits, labelled_stereochemistry
from ase_tito.stereo import LEAST_CISNESS, LEAST_HANDEDNESS, cisness, handedness

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FrameGeometry:
    """What is wrong with each of T frames. True means bad.

    Attributes
    ----------
    not_finite : array of bool, shape (T,)
        Some position is not finite; the frame is not looked at further.
    broken_bonds : array of bool, shape (T,)
        A bond is shorter or longer than its range.
    clashes : array of bool, shape (T,)
        Two atoms without a bond are too close.
    chirality_flips : array of bool, shape (T,)
        A labelled stereocentre is inverted or flat.
    cis_trans_flips : array of bool, shape (T,)
        A labelled double bond is inverted or twisted.
    """

    not_finite: Mask
    broken_bonds: Mask
    clashes: Mask
    chirality_flips: Mask
    cis_trans_flips: Mask

    def __len__(self) -> int:
        return len(self.not_finite)

    @property
    def invalid(self) -> Mask:
        """Frames with anything wrong, shape (T,)."""
        return np.any([getattr(self, kind) for kind in KINDS], axis=0)

    @property
    def counts(self) -> dict[str, int]:
        """Number of bad frames of each kind."""
        return {kind: int(getattr(self, kind).sum()) for kind in KINDS}

    @property
    def frames(self) -> dict[str, NDArray[np.int64]]:
        """Indices of the bad frames of each kind."""
        return {kind: np.flatnonzero(getattr(self, kind)) for kind in KINDS}

    @classmethod
    def joined(cls, parts: Sequence[FrameGeometry]) -> FrameGeometry:
        """Frames of several chunks or trajectories, one after another."""
        if not parts:
            raise DataError("there are no frames whose geometry could be checked")
        return cls(*(np.concatenate([getattr(part, kind) for part in parts]) for kind in KINDS))


KINDS = tuple(item.name for item in fields(FrameGeometry))
"""What can be wrong with a frame."""


def check_frames(positions: ArrayLike, graph: MolecularGraph) -> FrameGeometry:
    """Check frames (T, n, 3) in Å against a molecule's bonds, radii and stereochemistry.

    Raises
    ------
    DataError
        For frames of another shape.
    """
    x = np.asarray(positions)
    if x.ndim != 3 or x.shape[1:] != (graph.n_atoms, 3):
        raise DataError(
            f"frames have shape {x.shape}, the molecule needs (frames, {graph.n_atoms}, 3)"
        )
    finite = np.isfinite(x).all((1, 2))
    # What is not finite is set aside: its comparisons mean nothing.
    x = np.where(finite[:, None, None], x, 0.0).astype(np.float64, copy=False)
    limits = distance_limits(graph)
    pairs = np.column_stack(np.triu_indices(graph.n_atoms, 1))
    d = distances(x, pairs)
    i, j = pairs.T
    outside = (d < limits.lower[i, j]) | (d > limits.upper[i, j])
    bonded = limits.bonded[i, j]
    stereo = labelled_stereochemistry(graph)
    hands = handedness(x[:, stereo.centres], x[:, stereo.neighbours]) * stereo.hands
    a, i, j, b, label = stereo.double_bonds.T
    sides = cisness(x[:, a], x[:, i], x[:, j], x[:, b]) * label
    return FrameGeometry(
        ~finite,
        outside[:, bonded].any(1) & finite,
        outside[:, ~bonded].any(1) & finite,
        (hands < LEAST_HANDEDNESS).any(1) & finite,
        (sides < LEAST_CISNESS).any(1) & finite,
    )


@dataclass(frozen=True, eq=False)
class GeometryRange:
    """Smallest and largest value that a reference's frames have, coordinate by coordinate.

    Attributes
    ----------
    coordinates : Features
    low, high : array, shape (k,)
    frames : int
        Of the reference: more frames have a wider range.
    """

    coordinates: Features
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    frames: int

    def outside(self, positions: ArrayLike) -> Mask:
        """Which frames (T, n, 3) are out of the range in any coordinate, shape (T,)."""
        values = self.coordinates(positions)
        return np.asarray(((values < self.low) | (values > self.high)).any(1))


def range_coordinates(graph: MolecularGraph) -> Features:
    """All bond lengths, all angles, and the radius of gyration."""
    numbers = graph.atomic_numbers
    size = Features(("radius of gyration",), lambda frames: radius_of_gyration(frames)[:, None])
    triples = bonded_triples(graph.n_atoms, graph.bonds)
    return distance_features(graph.bonds, numbers) + angle_features(triples, numbers) + size


def geometry_range(chunks: Iterable[ArrayLike], coordinates: Features) -> GeometryRange:
    """The range of a reference, read in chunks of frames (T, n, 3)."""
    low, high = np.full(len(coordinates.names), np.inf), np.full(len(coordinates.names), -np.inf)
    count = 0
    for chunk in chunks:
        values = coordinates(chunk)
        low, high = np.minimum(low, values.min(0)), np.maximum(high, values.max(0))
        count += len(values)
    if not count:
        raise DataError("there are no frames that a range could be taken from")
    return GeometryRange(coordinates, low, high, count)
