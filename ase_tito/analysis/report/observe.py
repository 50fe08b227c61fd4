"""One pass over the files: every trajectory reduced to the coordinates that are analysed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.features import bonded_triples
from ase_tito.analysis.files import TrajectorySource
from ase_tito.analysis.geometry import FrameGeometry, check_frames
from ase_tito.analysis.gyration import radius_of_gyration
from ase_tito.analysis.internals import angles, dihedrals, distances
from ase_tito.analysis.torsions import Torsion, shape_torsions, torsion_atoms
from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph

Progress = Callable[[int], object]
Frames = list[NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Coordinates:
    """What is looked at in a molecule.

    Attributes
    ----------
    graph : MolecularGraph
    torsions : tuple of Torsion
        Of the features: φ, ψ, ω, χ of a peptide, else all proper torsions about rotatable bonds
        (`shape_torsions`).
    triples : array of int, shape (k, 3)
        All angles.
    """

    graph: MolecularGraph
    torsions: tuple[Torsion, ...]
    triples: NDArray[np.int64]

    @classmethod
    def of(cls, graph: MolecularGraph) -> Coordinates:
        """The coordinates of a molecule."""
        torsions = shape_torsions(graph.atomic_numbers, graph.bonds)
        return cls(graph, tuple(torsions), bonded_triples(graph.n_atoms, graph.bonds))

    @cached_property
    def shown(self) -> list[int]:
        """Torsions to draw: one for each rotatable bond, those that hydrogens end last."""
        numbers = self.graph.atomic_numbers
        chosen: dict[tuple[int, int], int] = {}
        for k, torsion in enumerate(self.torsions):
            bond = (torsion.atoms[1], torsion.atoms[2])
            best = chosen.setdefault(bond, k)
            if self._weight(k) > self._weight(best):
                chosen[bond] = k
        heavy = [k for k in chosen.values() if min(numbers[[*self.torsions[k].atoms]]) > 1]
        return heavy or list(chosen.values())

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """Columns of φ and ψ of each residue that has both; else of the first two torsions."""
        place = {(t.kind, t.residue): k for k, t in enumerate(self.torsions) if t.kind}
        residues = sorted(residue for kind, residue in place if kind == "phi")
        pairs = [(place["phi", r], place["psi", r]) for r in residues if ("psi", r) in place]
        if pairs or len(self.shown) < 2:
            return pairs
        return [(self.shown[0], self.shown[1])]

    def angular(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Torsions (P, k) in radians of frames (P, n, 3), or all angles where there are none."""
        if self.torsions:
            return dihedrals(positions, torsion_atoms(list(self.torsions)))
        return angles(positions, self.triples)

    def bond_groups(self) -> dict[str, NDArray[np.int64]]:
        """Rows of the bonds of each kind, such as ``'C-N'``."""
        return self._groups(self.graph.bonds)

    def angle_groups(self) -> dict[str, NDArray[np.int64]]:
        """Rows of the angles of each kind, such as ``'H-C-H'``."""
        return self._groups(self.triples)

    def _groups(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        groups: dict[str, list[int]] = {}
        for k, atoms in enumerate(rows):
            symbols = [chemical_symbols[z] for z in self.graph.atomic_numbers[atoms]]
            groups.setdefault("–".join(min(symbols, symbols[::-1])), []).append(k)
        return {name: np.array(members) for name, members in sorted(groups.items())}

    def _weight(self, k: int) -> tuple[bool, int]:
        torsion = self.torsions[k]
        ends = self.graph.atomic_numbers[[torsion.atoms[0], torsion.atoms[3]]]
        return bool(torsion.kind), int(ends.sum())


@dataclass(frozen=True, eq=False)
class Observed:
    """Several trajectories of one kind, the model's or the reference's.

    Trajectories are cut where frames are not finite, so that lists may be longer than `sources`.

    Attributes
    ----------
    label : str
    sources : tuple of TrajectorySource
    frame_spacing_ps : float
    torsions : list of array, each (T_i, k)
        Radians.
    bonds, angles : list of array, each (T_i, m)
        Å and radians.
    gyration : list of array, each (T_i,)
        Å.
    geometry : FrameGeometry
        Of all frames of all sources, one after another, nothing left out.
    lengths : list of int
        Frames of each source.
    skipped : int
        First frames of each source that are in none of the above.
    """

    label: str
    sources: tuple[TrajectorySource, ...]
    frame_spacing_ps: float
    torsions: Frames
    bonds: Frames
    angles: Frames
    gyration: Frames
    geometry: FrameGeometry
    lengths: list[int]
    skipped: int

    @property
    def frames(self) -> int:
        """Frames that are analysed, those that are not finite left out."""
        return sum(len(part) for part in self.gyration)

    @property
    def angular(self) -> Frames:
        """What features are made of: torsions, or all angles where there are none."""
        return self.torsions if self.torsions[0].shape[1] else self.angles

    @property
    def time_ps(self) -> float:
        return self.frames * self.frame_spacing_ps


def observe(
    label: str,
    sources: Sequence[TrajectorySource],
    coordinates: Coordinates,
    *,
    skip_ps: float = 0.0,
    progress: Progress = lambda _: None,
) -> Observed:
    """Read trajectories, once and in chunks.

    Parameters
    ----------
    label : str
    sources : sequence of TrajectorySource
        Of the same molecule, atoms in the same order, and with the same frame spacing.
    coordinates : Coordinates
    skip_ps : float
        Leave out the beginning of each trajectory, for instance the way from its start.
    progress : callable
        Called with the number of frames read since the last call.

    Raises
    ------
    DataError
        If the trajectories differ in frame spacing or atoms, or nothing is left of one.
    """
    first = sources[0]
    for source in sources[1:]:
        if abs(source.frame_spacing_ps - first.frame_spacing_ps) > 1e-6 * first.frame_spacing_ps:
            raise DataError(
                f"{source.path} has a frame each {source.frame_spacing_ps:g} ps, {first.path} each"
                f" {first.frame_spacing_ps:g} ps; analyse trajectories of equal spacing together"
            )
    for source in sources:
        if not np.array_equal(source.atomic_numbers, coordinates.graph.atomic_numbers):
            raise DataError(f"{source.path} holds other atoms, or in another order")
    if skip_ps < 0:
        raise DataError(f"a time to skip must not be negative, as {skip_ps:g} ps is")
    skipped = round(skip_ps / first.frame_spacing_ps)
    parts: list[Frames] = [[], [], [], []]
    checks, lengths = [], []
    for source in sources:
        columns, geometry = _read(source, coordinates, skipped, progress)
        checks.append(geometry)
        lengths.append(len(geometry))
        for segment in _segments(~geometry.not_finite):
            for kind, values in zip(parts, columns, strict=True):
                kind.append(values[segment])
    if not parts[0]:
        raise DataError(f"no frame of {first.path} is finite")
    torsions, bonds, angle_runs, gyration = parts
    return Observed(
        label,
        tuple(sources),
        first.frame_spacing_ps,
        torsions,
        bonds,
        angle_runs,
        gyration,
        FrameGeometry.joined(checks),
        lengths,
        skipped,
    )


def _read(
    source: TrajectorySource, coordinates: Coordinates, skipped: int, progress: Progress
) -> tuple[list[NDArray[np.float32]], FrameGeometry]:
    graph = coordinates.graph
    quadruples = torsion_atoms(list(coordinates.torsions))
    columns: list[Frames] = [[], [], [], []]
    checks = []
    ahead = skipped
    for chunk in source.chunks():
        progress(len(chunk))
        frames, ahead = chunk[ahead:], max(0, ahead - len(chunk))
        if not len(frames):
            continue
        checks.append(check_frames(frames, graph))
        for column, values in zip(
            columns,
            (
                dihedrals(frames, quadruples),
                distances(frames, graph.bonds),
                angles(frames, coordinates.triples),
                radius_of_gyration(frames),
            ),
            strict=True,
        ):
            column.append(values.astype(np.float32))
    if not checks:
        raise DataError(
            f"{source.path}: no frame is left after the first {skipped} are skipped"
            if skipped
            else f"{source.path}: there are no frames in this trajectory"
        )
    joined = []
    while columns:  # chunks are let go as they are joined: never two copies of everything
        joined.append(np.concatenate(columns.pop(0)))
    return joined, FrameGeometry.joined(checks)


def _segments(finite: NDArray[np.bool_]) -> list[slice]:
    """Runs of finite frames."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], finite, [False]])))
    return [slice(a, b) for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)]
