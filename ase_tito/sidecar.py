"""Topologies beside trajectories that hold no elements: ``run.xtc`` and ``run.xtc.pdb``."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from ase_tito.atomic import write_atomically
from ase_tito.errors import OutputError, StructureError
from ase_tito.structure import read_structure

if TYPE_CHECKING:
    import mdtraj

_OF_MDTRAJ = frozenset((".pdb", ".ent", ".gro", ".prmtop", ".parm7", ".psf", ".mol2", ".h5"))
"""Suffixes of topologies that mdtraj reads better than ASE does, or alone."""

_NAMES = "atomtypes"
"""ASE's array of atom names of PDB files; the others are ``residuenames``, ``residuenumbers``."""


def sidecar_of(trajectory: str | os.PathLike[str]) -> Path:
    """Where the topology of a trajectory is kept: the same name with ``.pdb`` added."""
    return Path(f"{os.fspath(trajectory)}.pdb")


def write_sidecar(trajectory: str | os.PathLike[str], atoms: Atoms) -> None:
    """Write elements, and names of atoms and residues where Atoms have them, as a PDB file.

    The coordinates are those of `atoms`, so that other programs can open it too.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    from mdtraj.formats import PDBTrajectoryFile

    path = sidecar_of(trajectory)
    with TemporaryDirectory() as folder:  # mdtraj writes to paths alone
        scratch = Path(folder, path.name)
        try:
            with PDBTrajectoryFile(str(scratch), mode="w") as file:
                file.write(atoms.get_positions(), _topology(atoms))
        except ValueError as error:  # numbers that are too long for their columns
            raise OutputError(f"cannot write {path}: {error}") from error
        write_atomically(path, scratch.read_bytes())


def read_sidecar(trajectory: str | os.PathLike[str]) -> Atoms:
    """The atoms of a trajectory, by the file beside it.

    Raises
    ------
    StructureError
        If there is none, with its name and the way out, or if it cannot be read.
    """
    path = sidecar_of(trajectory)
    if not path.is_file():
        raise StructureError(
            f"{os.fspath(trajectory)} holds no elements, and {path}, where ase_tito writes them, "
            "is not there: copy the molecule's PDB file to that name, or pass topology=FILE"
        )
    return read_topology_atoms(path)


def read_topology_atoms(path: str | os.PathLike[str]) -> Atoms:
    """Atoms, all at the origin, with the elements and names that a file says.

    Parameters
    ----------
    path : path
        PDB, GRO, AMBER's, CHARMM's or Tripos's topologies, or whatever `read_structure` takes.

    Raises
    ------
    StructureError
        For files that are missing, damaged or without elements.
    """
    path = Path(path)
    if not path.is_file():
        raise StructureError(f"{path}: no such file")
    if path.suffix.lower() not in _OF_MDTRAJ:
        return Atoms(read_structure(path)[0][0].numbers)
    import mdtraj

    try:
        with warnings.catch_warnings():  # of dummy cells, which are not read here
            warnings.simplefilter("ignore")
            topology = mdtraj.load_topology(str(path), standard_names=False)
    except Exception as error:  # mdtraj's readers raise whatever occurs to them
        raise StructureError(
            f"{path}: cannot be read as a topology ({' '.join(str(error).split())})"
        ) from error
    found = list(topology.atoms)
    unknown = [k for k, atom in enumerate(found) if atom.element is None]
    if unknown or not found:
        where = f"atom {unknown[0]} is of no known element" if unknown else "no atoms"
        raise StructureError(f"{path}: {where} in this topology")
    atoms = Atoms([atom.element.atomic_number for atom in found])
    atoms.set_array(_NAMES, np.array([atom.name for atom in found]))
    atoms.set_array("residuenames", np.array([atom.residue.name for atom in found]))
    atoms.set_array("residuenumbers", np.array([atom.residue.resSeq for atom in found]))
    return atoms


def _topology(atoms: Atoms) -> mdtraj.Topology:
    """Residues are runs of atoms with one name and number; without names all are of one residue."""
    import mdtraj

    symbols, count = atoms.get_chemical_symbols(), len(atoms)
    names = atoms.arrays.get(_NAMES, [f"{s}{k + 1}"[:4] for k, s in enumerate(symbols)])
    residue_names = atoms.arrays.get("residuenames", ["MOL"] * count)
    residue_numbers = atoms.arrays.get("residuenumbers", [1] * count)
    topology = mdtraj.Topology()
    chain = topology.add_chain()
    residue: Any = None
    before: Any = None
    for number, name, *key in zip(
        atoms.numbers.tolist(), names, residue_names, residue_numbers, strict=True
    ):
        if key != before:
            residue = topology.add_residue(str(key[0]).strip(), chain, resSeq=int(key[1]))
            before = key
        element = (
            mdtraj.element.Element.getByAtomicNumber(number) if number else mdtraj.element.virtual
        )
        topology.add_atom(str(name).strip(), element, residue)
    return topology
