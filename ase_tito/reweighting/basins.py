"""Basins of a molecule as ranges of its torsions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.internals import dihedrals
from ase_tito.analysis.torsions import Torsion, peptide_torsions
from ase_tito.errors import ConfigError
from ase_tito.graph import MolecularGraph


@dataclass(frozen=True)
class TorsionRange:
    """A torsion from one angle to another, upwards, through 180° where the second is the smaller.

    Attributes
    ----------
    atoms : tuple of int
        The torsion's four atoms.
    low, high : float
        In degrees, within [−180, 180].

    Raises
    ------
    ConfigError
        For angles outside, or that are equal.
    """

    atoms: tuple[int, int, int, int]
    low: float
    high: float

    def __post_init__(self) -> None:
        for angle in (self.low, self.high):
            if not (math.isfinite(angle) and -180 <= angle <= 180):
                raise ConfigError(f"an angle of a basin lies between -180 and 180, not {angle:g}")
        if self.low == self.high:
            raise ConfigError(f"a basin from {self.low:g} to {self.high:g} degrees is empty")

    def holds(self, positions: ArrayLike) -> NDArray[np.bool_]:
        """Which frames (T, n, 3) in Å lie in the range, shape (T,)."""
        angle = np.degrees(dihedrals(positions, [self.atoms])[:, 0])
        above, below = angle >= self.low, angle < self.high
        return above & below if self.low < self.high else above | below


@dataclass(frozen=True)
class Basin:
    """Frames all of whose torsions are in their ranges.

    Attributes
    ----------
    name : str
    ranges : tuple of TorsionRange
    """

    name: str
    ranges: tuple[TorsionRange, ...]

    def holds(self, positions: ArrayLike) -> NDArray[np.bool_]:
        """Which frames (T, n, 3) in Å lie in the basin, shape (T,)."""
        inside = np.ones(len(np.asarray(positions)), bool)
        for part in self.ranges:
            inside &= part.holds(positions)
        return inside


def torsion_named(graph: MolecularGraph, name: str) -> tuple[int, int, int, int]:
    """The atoms of a torsion: ``'phi'`` or ``'phi2'`` of a peptide, or ``'4-6-8-14'``.

    Raises
    ------
    ConfigError
        For a name that no torsion has, or several, and atoms that are not four different ones.
    """
    parts = name.split("-")
    if len(parts) == 4 and all(part.isdecimal() for part in parts):
        i, j, k, m = (int(part) for part in parts)
        if len({i, j, k, m}) < 4 or max(i, j, k, m) >= graph.n_atoms:
            raise ConfigError(
                f"the torsion {name} needs four different atoms from 0 to {graph.n_atoms - 1}"
            )
        return i, j, k, m
    known = peptide_torsions(graph.atomic_numbers, graph.bonds)
    found = [torsion for torsion in known if name in (torsion.kind, _label(torsion))]
    if len(found) == 1:
        return found[0].atoms
    labels = ", ".join(_label(torsion) for torsion in known) or "none, for it is no peptide"
    several = "several torsions have" if found else "no torsion has"
    raise ConfigError(
        f"{several} the name {name!r}; the molecule's are {labels}, and any four atoms as 4-6-8-14"
    )


def _label(torsion: Torsion) -> str:
    kind = torsion.kind
    return f"{kind}-{torsion.residue}" if kind.startswith("chi") else f"{kind}{torsion.residue}"
