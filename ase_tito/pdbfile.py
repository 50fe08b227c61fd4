"""Atoms and bonds of PDB files: atoms through ASE, bonds through mdtraj."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import ase.io
import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from ase_tito.errors import StructureError

if TYPE_CHECKING:
    import mdtraj

_LEAST_VOLUME_PER_ATOM = 1.0  # Å³; less is the dummy CRYST1 record of a structure without a cell


def read_pdb(path: str | Path) -> tuple[list[Atoms], NDArray[np.int64] | None]:
    """Read all models of a PDB file as frames of one molecule.

    Bonds are those of the standard residues and of the CONECT records, never from distances: the
    coordinates of a PDB file may be crude.

    Parameters
    ----------
    path : str or Path
        Needs element columns (77-78): without them ``CA`` is read as calcium.

    Returns
    -------
    frames : list of Atoms
        Positions in Å; residue and atom names as arrays, as ASE reads them.
    bonds : ndarray of int64, shape (m, 2), or None
        None if the file says nothing about bonds.

    Raises
    ------
    StructureError
        For missing elements or atoms without any bond (the line is named), alternate locations, or
        models of different atoms.
    """
    import mdtraj  # here, since it takes a second that no other format needs

    lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    atom_lines = [k for k, line in enumerate(lines) if line.startswith(("ATOM  ", "HETATM"))]
    if not atom_lines:
        raise StructureError(f"{path}: no ATOM or HETATM lines in this file")
    for k in atom_lines:
        element = lines[k][76:78].strip().capitalize()
        if element not in atomic_numbers:
            raise StructureError(
                f"{path}: line {k + 1} names no element in columns 77-78 "
                f"(they hold {lines[k][76:78].strip()!r}); write the file with element columns"
            )
    try:
        images = ase.io.iread(path, index=":", format="proteindatabank")
        frames = [atoms for atoms in images if len(atoms)]  # ENDMDL and END leave an empty one
        with warnings.catch_warnings():  # mdtraj warns of the dummy cells that are dropped below
            warnings.simplefilter("ignore")
            topology = mdtraj.load_topology(str(path))
    except Exception as error:
        raise StructureError(f"{path}: cannot be read as a PDB file: {error}") from error
    for k, atoms in enumerate(frames):
        if not np.array_equal(atoms.numbers, frames[0].numbers):
            raise StructureError(f"{path}: model {k + 1} has other atoms than model 1")
    elements = [atom.element.atomic_number for atom in topology.atoms]
    if not np.array_equal(elements, frames[0].numbers):
        raise StructureError(
            f"{path}: {len(frames[0])} atom lines make {len(elements)} atoms; remove alternate "
            "locations and repeated atoms"
        )
    cell, pbc = frames[0].cell, frames[0].pbc.any()
    for atoms in frames:
        if pbc and cell.volume > _LEAST_VOLUME_PER_ATOM * len(atoms):
            atoms.set_cell(cell)
            atoms.pbc = True
        else:
            atoms.set_cell(None)
            atoms.pbc = False
    bonds = topology_bonds(topology)
    if not len(bonds):
        return frames, None
    alone = np.setdiff1d(np.arange(len(elements)), bonds)
    if len(alone):
        atom = topology.atom(int(alone[0]))
        raise StructureError(
            f"{path}: line {atom_lines[alone[0]] + 1}, atom {atom.name} of residue "
            f"{atom.residue.name}, is bonded to nothing; give it a standard name or a CONECT "
            "record, and remove solvent and ions"
        )
    return frames, bonds


def topology_bonds(topology: mdtraj.Topology) -> NDArray[np.int64]:
    """Bonds of an mdtraj topology, shape (m, 2), each once with the lower index first."""
    bonds = np.array(
        [sorted((first.index, second.index)) for first, second in topology.bonds], dtype=np.int64
    ).reshape(-1, 2)
    return np.unique(bonds, axis=0)
