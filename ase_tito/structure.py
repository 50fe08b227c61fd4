"""From files and Atoms to molecular graphs, refusing what no graph can be made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.io import ulm
from ase.io.formats import UnknownFileTypeError, filetype
from numpy.typing import ArrayLike, NDArray

from ase_tito.errors import StructureError
from ase_tito.graph import MolecularGraph
from ase_tito.molfile import read_molfile
from ase_tito.pdbfile import read_pdb
from ase_tito.perception import build_graph, checked_frame
from ase_tito.xyzfile import check_announced_atoms


def read_structure(path: str | Path) -> tuple[list[Atoms], NDArray[np.int64] | None]:
    """Read all frames of a structure file, and its bonds where the format has them.

    Parameters
    ----------
    path : str or Path
        PDB (bonds of standard residues and CONECT records), MOL and SDF (V2000), or any format that
        ASE reads by itself: ``.traj``, (extended) XYZ, …

    Returns
    -------
    frames : list of Atoms
        At least one; positions in Å.
    bonds : ndarray of int64, shape (m, 2), or None
        None if the file holds no bonds; `graph_from_atoms` then infers them.

    Raises
    ------
    StructureError
        For files that are missing, damaged or empty, frames of different molecules, and frames
        that hold several replicas each.
    """
    path = Path(path)
    if not path.is_file():
        raise StructureError(f"{path}: {'a folder, no file' if path.is_dir() else 'no such file'}")
    suffix = path.suffix.lower()
    if suffix in (".pdb", ".ent"):
        return read_pdb(path)
    if suffix in (".sdf", ".sd", ".mol"):
        return read_molfile(path)
    if not path.stat().st_size:
        raise StructureError(f"{path}: no atoms in this file, which is empty")
    several = ""
    try:
        kind = filetype(str(path))
        if kind in ("extxyz", "xyz"):
            check_announced_atoms(path)
        elif kind == "traj":
            with ulm.open(str(path)) as file:
                several = several_replicas(file.get("description") or {})
        images = ase.io.iread(path, index=":", do_not_split_by_at_sign=True)
        frames = [] if several else list(images)
    except UnknownFileTypeError as error:
        raise StructureError(f"{path}: no format of structures that ASE knows") from error
    except Exception as error:  # a KeyError says nothing but the symbol it does not know
        reason = f"it has no place for {error}" if isinstance(error, KeyError) else error
        raise StructureError(f"{path}: cannot be read as a structure: {reason}") from error
    if several:
        raise StructureError(f"{path}: {several}")
    if not frames or not len(frames[0]):
        raise StructureError(f"{path}: no atoms in this file")
    for k, atoms in enumerate(frames):
        if not np.array_equal(atoms.numbers, frames[0].numbers):
            raise StructureError(f"{path}: frame {k} has other atoms than frame 0")
    return frames, None


def several_replicas(description: Mapping[str, Any]) -> str:
    """Why the frames of an ASE trajectory with this header are of no molecule; empty if they are.

    `ase_tito.dynamics.packed_run` writes all replicas of a run to one file, and their keys to its
    header.
    """
    if "replicas" not in description:
        return ""
    return (
        f"each frame holds {len(description['replicas'])} replicas (--one-file); write a file of "
        "each, or take them apart by ase_tito.dynamics.packed_run.read_packed"
    )


def graph_from_atoms(atoms: Atoms, bonds: ArrayLike | None = None) -> MolecularGraph:
    """The molecular graph of Atoms, which are the reference frame.

    Parameters
    ----------
    atoms : Atoms
        One molecule, all hydrogens present, no periodic boundary. Not changed.
    bonds : array_like of int, shape (m, 2), optional
        By default inferred from the distances.

    Raises
    ------
    StructureError
        For periodic cells, fewer than two atoms, positions that are not finite, overlapping atoms,
        and if no bonds are found.
    GraphError
        For bonds that are inconsistent or leave more than one molecule.
    """
    check_atoms(atoms)
    return build_graph(atoms.numbers, atoms.positions, bonds)


def check_atoms(atoms: Atoms) -> None:
    """StructureError for Atoms that no graph can be made of, whatever their bonds are."""
    check_not_periodic(atoms)
    if len(atoms) < 2:
        raise StructureError(f"a molecule has at least two atoms, not {len(atoms)}")
    checked_frame(atoms.numbers, atoms.positions)


def check_not_periodic(atoms: Atoms) -> None:
    """StructureError for Atoms in a periodic cell, with the ways out of it."""
    if atoms.pbc.any():
        axes = ", ".join("abc"[k] for k in np.flatnonzero(atoms.pbc))
        raise StructureError(
            f"the cell is periodic (along {axes}), and only molecules without periodic boundaries "
            "can be modelled; if the cell means nothing, set atoms.pbc = False, or remove it from "
            "the file (the CRYST1 record of a PDB file, Lattice and pbc of an extended XYZ file)"
        )
