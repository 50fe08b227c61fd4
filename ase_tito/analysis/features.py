"""Named features of frames: what TICA, VAMP and Markov models look at, computed in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import ArrayLike, NDArray

from ase_tito.analysis.internals import angles, dihedrals, distances, sine_cosine
from ase_tito.analysis.torsions import Torsion, neighbours, torsion_atoms
from ase_tito.errors import DataError


@dataclass(frozen=True, eq=False)
class Features:
    """Functions of one frame's geometry, with names; add two to have both.

    Attributes
    ----------
    names : tuple of str, length k
    function : callable
        Positions in Å (T, n, 3) to features (T, k).
    """

    names: tuple[str, ...]
    function: Callable[[NDArray[np.floating]], ArrayLike]

    def __call__(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Features of frames (T, n, 3) in Å, shape (T, k).

        Raises
        ------
        DataError
            If the function returns another shape, or something that is not finite.
        """
        frames = np.asarray(positions)
        values = np.asarray(self.function(frames), np.float64)
        if values.shape != (len(frames), len(self.names)):
            raise DataError(
                f"features of shape {values.shape} came where there are {len(frames)} frames and"
                f" {len(self.names)} names"
            )
        finite = np.isfinite(values)
        if not finite.all():
            frame, column = np.argwhere(~finite)[0]
            raise DataError(
                f"feature {self.names[column]!r} of frame {frame} is not finite; leave out invalid"
                " frames first"
            )
        return values

    def __add__(self, other: Features) -> Features:
        first, second = self.function, other.function
        return Features(
            self.names + other.names,
            lambda frames: np.concatenate([first(frames), second(frames)], axis=1),
        )

    def of_chunks(self, chunks: Iterable[ArrayLike]) -> NDArray[np.float32]:
        """Features of a long trajectory that is read in chunks, in single precision, (T, k)."""
        parts = [self(chunk).astype(np.float32) for chunk in chunks]
        if not parts:
            raise DataError("there are no frames to compute features of")
        return np.concatenate(parts)


def torsion_features(torsions: Sequence[Torsion]) -> Features:
    """Cosines, then sines, of torsions; `proper_torsions` gives the paper's."""
    atoms = torsion_atoms(list(torsions))
    return Features(
        tuple(f"{function} {t.name}" for function in ("cos", "sin") for t in torsions),
        lambda frames: sine_cosine(dihedrals(frames, atoms)),
    )


def distance_features(pairs: ArrayLike, atomic_numbers: ArrayLike) -> Features:
    """Distances in Å of atom pairs (k, 2); give a molecule's bonds for its bond lengths."""
    atoms = np.asarray(pairs, np.int64).reshape(-1, 2)
    return Features(_atom_names(atoms, atomic_numbers), lambda frames: distances(frames, atoms))


def angle_features(triples: ArrayLike, atomic_numbers: ArrayLike) -> Features:
    """Angles in radians of atom triples (k, 3); `bonded_triples` gives a molecule's."""
    atoms = np.asarray(triples, np.int64).reshape(-1, 3)
    return Features(_atom_names(atoms, atomic_numbers), lambda frames: angles(frames, atoms))


def bonded_triples(n_atoms: int, bonds: ArrayLike) -> NDArray[np.int64]:
    """All pairs of bonds that share an atom, as triples with that atom in the middle, (k, 3)."""
    return np.array(
        [
            (around[a], centre, around[b])
            for centre, around in enumerate(neighbours(n_atoms, bonds))
            for a in range(len(around))
            for b in range(a + 1, len(around))
        ],
        np.int64,
    ).reshape(-1, 3)


def _atom_names(atoms: NDArray[np.int64], atomic_numbers: ArrayLike) -> tuple[str, ...]:
    """Names such as ``'C4-N6'``."""
    numbers = np.asarray(atomic_numbers)
    if len(atoms) and (atoms.min() < 0 or atoms.max() >= len(numbers)):
        raise DataError(f"a feature names an atom outside 0..{len(numbers) - 1}")
    return tuple(
        "-".join(f"{chemical_symbols[numbers[atom]]}{atom}" for atom in row)
        for row in atoms.tolist()
    )
