"""Limits that the geometry of a molecule must keep, and the stereochemistry it must have.

Tables of one molecular graph, without positions and without PyTorch: the check of a model's samples
(`ase_tito.validity`) and that of trajectories (`ase_tito.analysis.geometry`) share them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from ase.data.vdw_alvarez import vdw_radii
from numpy.typing import NDArray

from ase_tito.errors import GraphError
from ase_tito.graph import MolecularGraph
from ase_tito.perception import BOND_TOLERANCE
from ase_tito.stereo import tetrahedral_centres
from ase_tito.valence import neighbour_counts, valences

# Fractions of the sum of covalent radii (Cordero et al., Dalton Trans. 2008, 2832) for bonds and of
# van der Waals radii (Alvarez, Dalton Trans. 2013, 8617) for the rest. Classical MD of 57 organic
# molecules at 300 K, 311,000 frames, stays within .87 to 1.16 (single bonds; .73 where multiple),
# above .57 two bonds apart and above .55 (.71 between heavy atoms) beyond.
SHORTEST_SINGLE_BOND = 0.80
SHORTEST_MULTIPLE_BOND = 0.70
SHORTEST_ANGLE_SPAN = 0.48
SHORTEST_CONTACT = 0.50
SHORTEST_HEAVY_CONTACT = 0.60

_UNKNOWN_VDW_RADIUS = 2.0
_HYDROGEN = atomic_numbers["H"]


@dataclass(frozen=True, eq=False)
class DistanceLimits:
    """Allowed distances between the atoms of one molecule.

    Attributes
    ----------
    lower, upper : array, shape (n, n)
        In Å; 0 and infinity where there is no limit.
    bonded : array of bool, shape (n, n)
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    bonded: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LabelledStereochemistry:
    """The labelled stereocentres and double bonds of one molecule.

    Attributes
    ----------
    centres : array of int, shape (k,)
    neighbours : array of int, shape (k, 4)
        In the order that `ase_tito.stereo.handedness` takes them.
    hands : array of int, shape (k,)
        +1 or −1.
    double_bonds : array of int, shape (m, 5)
        Rows as in `MolecularGraph`.
    """

    centres: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    hands: NDArray[np.int64]
    double_bonds: NDArray[np.int64]


def distance_limits(graph: MolecularGraph) -> DistanceLimits:
    """Limits as fractions of sums of covalent radii (bonds) and van der Waals radii (contacts)."""
    numbers = graph.atomic_numbers
    steps = graph.bond_distances
    covalent = covalent_radii[numbers][:, None] + covalent_radii[numbers]
    radii = np.nan_to_num(vdw_radii[numbers], nan=_UNKNOWN_VDW_RADIUS)
    contact = radii[:, None] + radii
    # only two atoms that both have a valence to spare (or to exceed) can share a multiple bond
    saturated = neighbour_counts(graph) == valences(graph)
    single = saturated[:, None] | saturated
    heavy = (numbers != _HYDROGEN)[:, None] & (numbers != _HYDROGEN)
    lower = np.where(heavy, SHORTEST_HEAVY_CONTACT, SHORTEST_CONTACT) * contact
    lower = np.where(steps == 2, SHORTEST_ANGLE_SPAN * contact, lower)
    shortest = np.where(single, SHORTEST_SINGLE_BOND, SHORTEST_MULTIPLE_BOND) * covalent
    lower = np.where(steps == 1, shortest, lower)
    lower[np.diag_indices_from(lower)] = 0
    upper = np.where(steps == 1, BOND_TOLERANCE * covalent, np.inf)
    return DistanceLimits(lower, upper, steps == 1)


def labelled_stereochemistry(graph: MolecularGraph) -> LabelledStereochemistry:
    """What of the stereochemistry carries a label; GraphError for a label astray."""
    centres, neighbours = tetrahedral_centres(graph)
    astray = np.setdiff1d(np.flatnonzero(graph.tetrahedral), centres)
    if len(astray):
        raise GraphError(f"atom {astray[0]} has a tetrahedral label but is no stereocentre")
    labelled = graph.tetrahedral[centres] != 0
    return LabelledStereochemistry(
        centres[labelled],
        neighbours[labelled],
        graph.tetrahedral[centres[labelled]],
        graph.double_bonds,
    )
