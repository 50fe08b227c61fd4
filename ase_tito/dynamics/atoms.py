"""From Atoms to a molecular graph, and the refusal of Atoms that a learned jump cannot move."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase import Atoms
from ase.constraints import FixCom
from numpy.typing import ArrayLike

from ase_tito.errors import StructureError
from ase_tito.graph import MolecularGraph
from ase_tito.structure import check_atoms, check_not_periodic, graph_from_atoms


def molecular_graph(
    atoms: Atoms, *, bonds: ArrayLike | None = None, graph: MolecularGraph | None = None
) -> MolecularGraph:
    """The graph of Atoms that are fit for dynamics.

    Parameters
    ----------
    atoms : Atoms
        One molecule without periodic boundaries; not changed.
    bonds : array_like of int, shape (m, 2), optional
        Covalent bonds; inferred from the distances by default.
    graph : MolecularGraph, optional
        The graph itself, where bonds and stereochemistry are known; it must fit the atoms.

    Raises
    ------
    StructureError
        For anything but Atoms (filters too), periodic cells, constraints other than FixCom,
        positions that are not finite, overlapping atoms, and if no bonds are found.
    GraphError
        For bonds that are inconsistent or leave more than one molecule.
    """
    check_movable(atoms)
    if graph is None:
        return graph_from_atoms(atoms, bonds)
    if bonds is not None:
        raise StructureError("pass bonds or a graph, not both")
    if not np.array_equal(graph.atomic_numbers, atoms.numbers):
        raise StructureError(
            f"the graph is of other atoms ({Atoms(graph.atomic_numbers).get_chemical_formula()}, "
            f"in its own order) than the structure ({atoms.get_chemical_formula()})"
        )
    check_atoms(atoms)
    return graph


def check_movable(atoms: Any) -> None:
    """StructureError unless these are Atoms, not periodic, with no constraint other than FixCom."""
    if not isinstance(atoms, Atoms):
        inner = getattr(atoms, "atoms", None)
        hint = "a filter changes which coordinates move; " if isinstance(inner, Atoms) else ""
        raise StructureError(
            f"dynamics needs ase.Atoms, not {type(atoms).__name__}; {hint}pass the Atoms themselves"
        )
    for constraint in atoms.constraints:
        if type(constraint) is not FixCom:
            raise StructureError(
                f"the constraint {type(constraint).__name__} cannot be kept: a jump moves all "
                "atoms, and projecting it is not the conditional distribution; remove it by "
                "atoms.set_constraint() (FixCom is allowed)"
            )
    check_not_periodic(atoms)
