"""GAFF2 with AM1-BCC charges, by AmberTools.

J. Wang et al., J. Comput. Chem. 25, 1157 (2004); A. Jakalian, D. B. Jack, C. I. Bayly, J. Comput.
Chem. 23, 1623 (2002).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from ase_tito.errors import StructureError
from ase_tito.md.ambertools import run_program
from ase_tito.md.molecule import BuiltMolecule
from ase_tito.md.smiles import molfile

_PROGRAMS = (
    "antechamber -i molecule.sdf -fi sdf -o molecule.mol2 -fo mol2 -at gaff2 -c bcc -nc {charge}"
    " -pf y -dr no -s 0",
    "parmchk2 -i molecule.mol2 -f mol2 -o molecule.frcmod -s gaff2",
)

_LEAP = """source leaprc.gaff2
molecule = loadmol2 molecule.mol2
loadamberparams molecule.frcmod
saveamberparm molecule molecule.prmtop molecule.inpcrd
quit
"""


def gaff_prmtop(molecule: BuiltMolecule) -> str:
    """The text of an Amber topology file of a molecule, atoms in its order.

    Raises
    ------
    StructureError
        Naming the program that failed and what it said: odd numbers of electrons, elements that
        GAFF2 does not have, ...
    """
    with tempfile.TemporaryDirectory(prefix="ase-tito-") as name:
        folder = Path(name)
        (folder / "molecule.sdf").write_text(molfile(molecule))
        (folder / "leap.in").write_text(_LEAP)
        try:
            for line in _PROGRAMS:
                program, *words = line.format(charge=molecule.charge).split()
                run_program(program, words, folder)
            if "ATTN, need revision" in (folder / "molecule.frcmod").read_text():
                raise StructureError("GAFF2 has no parameters for some of its bonds or angles")
            said = run_program("tleap", ["-f", "leap.in"], folder)
        except StructureError as error:
            raise StructureError(f"{molecule.name}: {error}") from error
        prmtop = folder / "molecule.prmtop"
        if not prmtop.exists() or not prmtop.stat().st_size:
            raise StructureError(f"{molecule.name}: tleap wrote no topology: {said[-300:]}")
        return prmtop.read_text()
