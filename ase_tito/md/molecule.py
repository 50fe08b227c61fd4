"""A molecule as it goes into a simulation: its graph, and geometries to start from."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io.jsonio import decode, encode
from numpy.typing import NDArray

from ase_tito.atomic import write_atomically
from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph
from ase_tito.npzfile import opened_npz


@dataclass(frozen=True, eq=False)
class BuiltMolecule:
    """One molecule, ready to be simulated.

    Attributes
    ----------
    name : str
        Safe as a file name.
    graph : MolecularGraph
        With the stereochemistry of the starts.
    starts : array, shape (k, n, 3)
        Geometries in Å, one for each run.
    smiles : str
        Canonical, with stereochemistry; may be empty.
    charge : int
        In elementary charges.
    template : Atoms, optional
        What a calculator is to see besides positions: charges, magnetic moments, masses and info of
        a structure.
    """

    name: str
    graph: MolecularGraph
    starts: NDArray[np.float64]
    smiles: str = ""
    charge: int = 0
    template: Atoms | None = None


def save_molecule(path: Path, molecule: BuiltMolecule) -> None:
    """Write a molecule to an npz file, atomically."""
    content = io.BytesIO()
    np.savez(
        content,
        atomic_numbers=molecule.graph.atomic_numbers,
        bonds=molecule.graph.bonds,
        tetrahedral=molecule.graph.tetrahedral,
        double_bonds=molecule.graph.double_bonds,
        starts=molecule.starts,
        text=np.array(
            json.dumps(
                {"name": molecule.name, "smiles": molecule.smiles, "charge": molecule.charge}
            )
        ),
        template=np.array("" if molecule.template is None else encode(molecule.template)),
    )
    write_atomically(path, content.getvalue())


def load_molecule(path: Path) -> BuiltMolecule:
    """Read what `save_molecule` wrote; DataError if it is damaged."""
    with opened_npz(
        path,
        lambda error: DataError(f"{path}: damaged ({error}); delete its folder to build it anew"),
    ) as archive:
        graph = MolecularGraph(
            *(archive[k] for k in ("atomic_numbers", "bonds", "tetrahedral", "double_bonds"))
        )
        template = str(archive["template"]) if "template" in archive else ""  # older files
        return BuiltMolecule(
            graph=graph,
            starts=archive["starts"],
            template=decode(template) if template else None,
            **json.loads(str(archive["text"])),
        )
