"""From the coordinates of one reference frame to a molecular graph."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.neighborlist import natural_cutoffs, neighbor_list
from numpy.typing import ArrayLike, NDArray

from ase_tito.errors import StructureError, warn
from ase_tito.graph import HEAVIEST_ELEMENT, MolecularGraph
from ase_tito.stereo import (
    LEAST_CISNESS,
    LEAST_HANDEDNESS,
    cisness,
    handedness,
    stereogenic_double_bonds,
    tetrahedral_centres,
)

BOND_TOLERANCE = 1.2
"""Atoms are bonded below this multiple of the sum of their covalent radii.

At 300 K bonds reach 1.165 and atoms two bonds apart come down to 1.40.
"""

FARTHEST = 1e6
"""Å from the origin; distances of larger positions are lost to rounding."""

SHORTEST_DISTANCE = 0.5
"""Å; atoms closer than this overlap. The shortest bond, H-H, is 0.74 Å."""


def infer_bonds(atomic_numbers: ArrayLike, positions: ArrayLike) -> NDArray[np.int64]:
    """Bonds by covalent radii (Cordero et al., Dalton Trans. 2008, 2832; as listed in ASE).

    Parameters
    ----------
    atomic_numbers : array_like of int, shape (n,)
    positions : array_like of float, shape (n, 3)
        Å. One frame with reasonable bond lengths; infer once and keep the result.

    Returns
    -------
    bonds : ndarray of int64, shape (m, 2)
        Each pair once, the lower index first.

    Raises
    ------
    StructureError
        For positions of a wrong shape, not finite, or of overlapping atoms.
    """
    numbers, positions = checked_frame(atomic_numbers, positions)
    atoms = Atoms(numbers, positions)
    i, j = neighbor_list("ij", atoms, natural_cutoffs(atoms, mult=BOND_TOLERANCE))
    bonds = np.column_stack([i, j])[i < j]
    return bonds[np.lexsort(bonds.T[::-1])].astype(np.int64)


def tetrahedral_labels(graph: MolecularGraph, positions: ArrayLike) -> NDArray[np.int64]:
    """Handedness of every tetrahedral stereocentre in a reference frame.

    The sign of the triple product of the bond directions in ascending order of canonical rank:
    no matter how the atoms are ordered, and opposite in the mirror image. Since the nearest
    difference decides the rank, like centres of different molecules are labelled alike: the Cα of
    every L-amino acid is +1.

    Parameters
    ----------
    graph : MolecularGraph
        Its own labels are not read.
    positions : array_like of float, shape (n, 3)
        Å.

    Returns
    -------
    labels : ndarray of int64, shape (n,)
        +1 or −1 at stereocentres, else 0.

    Warns
    -----
    TITOWarning
        For a stereocentre that is nearly planar in this frame: it gets 0.

    Notes
    -----
    `ase_tito.stereo.tetrahedral_centres` says what counts as a stereocentre.
    """
    _, positions = checked_frame(graph.atomic_numbers, positions)
    centres, neighbours = tetrahedral_centres(graph)
    values = handedness(positions[centres], positions[neighbours])
    for atom in centres[abs(values) < LEAST_HANDEDNESS]:
        warn(
            f"stereocentre {atom} is nearly planar in the reference frame and gets no label; "
            "use a frame with a regular geometry"
        )
    labels = np.zeros(graph.n_atoms, np.int64)
    labels[centres] = np.where(abs(values) < LEAST_HANDEDNESS, 0, np.sign(values))
    return labels


def double_bond_labels(graph: MolecularGraph, positions: ArrayLike) -> NDArray[np.int64]:
    """Configuration of every stereogenic double bond in a reference frame.

    Parameters
    ----------
    graph : MolecularGraph
        Its own labels are not read.
    positions : array_like of float, shape (n, 3)
        Å.

    Returns
    -------
    double_bonds : ndarray of int64, shape (k, 5)
        Rows ``(a, i, j, b, label)`` as in `MolecularGraph`: +1 cis, −1 trans.

    Warns
    -----
    TITOWarning
        For a double bond that is neither cis nor trans in this frame: it gets no row.

    Notes
    -----
    `ase_tito.stereo.stereogenic_double_bonds` says which bonds are considered. The constitution
    decides, not the bond length: at 300 K the lengths of C=C and conjugated C-C overlap.
    """
    _, positions = checked_frame(graph.atomic_numbers, positions)
    rows = stereogenic_double_bonds(graph)
    a, i, j, b = rows.T
    values = cisness(positions[a], positions[i], positions[j], positions[b])
    planar = abs(values) > LEAST_CISNESS
    for row in rows[~planar]:
        warn(
            f"double bond {row[1]}={row[2]} is twisted out of plane in the reference frame and "
            "gets no label; use a frame with a regular geometry"
        )
    labels = np.sign(values).astype(np.int64)
    return np.column_stack([rows, labels])[planar]


def build_graph(
    atomic_numbers: ArrayLike, positions: ArrayLike, bonds: ArrayLike | None = None
) -> MolecularGraph:
    """The graph of one molecule, with its stereochemistry read from a reference frame.

    Parameters
    ----------
    atomic_numbers : array_like of int, shape (n,)
    positions : array_like of float, shape (n, 3)
        The reference frame in Å, built, minimized or from a simulation.
    bonds : array_like of int, shape (m, 2), optional
        By default inferred from the reference frame (`infer_bonds`).

    Raises
    ------
    StructureError
        For positions of a wrong shape, not finite, or of overlapping atoms; if no bonds are found.
    GraphError
        For bonds that are inconsistent or leave more than one molecule.
    """
    numbers, positions = checked_frame(atomic_numbers, positions)
    if bonds is None:
        bonds = infer_bonds(numbers, positions)
        if not len(bonds):
            raise StructureError(
                "no two atoms are within bonding distance: positions must be in Å and hold a "
                "molecule of at least two atoms"
            )
    graph = MolecularGraph(numbers, np.asarray(bonds))
    return MolecularGraph(
        graph.atomic_numbers,
        graph.bonds,
        tetrahedral_labels(graph, positions),
        double_bond_labels(graph, positions),
    )


def checked_frame(
    atomic_numbers: ArrayLike, positions: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Atomic numbers and float64 positions of one frame of a molecule, fit for a graph.

    Raises
    ------
    StructureError
        For what is no element, positions of a wrong shape, not finite, farther than `FARTHEST`, or
        of overlapping atoms; it names the atom at fault.
    """
    numbers = np.asarray(atomic_numbers)
    x = np.array(positions, dtype=np.float64)
    unknown = numbers[(numbers < 1) | (numbers > HEAVIEST_ELEMENT)]
    if len(unknown):
        raise StructureError(f"atoms must be elements, and there is none of number {unknown[0]}")
    if x.shape != (len(numbers), 3):
        raise StructureError(
            f"positions of {len(numbers)} atoms must have shape ({len(numbers)}, 3), not {x.shape}"
        )
    if not np.isfinite(x).all():
        atom = np.argwhere(~np.isfinite(x))[0, 0]
        raise StructureError(f"the position of atom {atom} is not finite")
    far = np.abs(x).max(1)
    if (far > FARTHEST).any():
        atom = int(far.argmax())
        raise StructureError(
            f"atom {atom} is {far[atom]:.3g} Å from the origin: positions must be in Å"
        )
    i, j, d = neighbor_list("ijd", Atoms(numbers, x), SHORTEST_DISTANCE, self_interaction=False)
    if len(d):
        closest = d.argmin()
        raise StructureError(
            f"atoms {i[closest]} and {j[closest]} overlap: they are {d[closest]:.2f} Å apart; "
            "positions must be in Å"
        )
    return numbers, x
