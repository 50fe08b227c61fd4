"""GAFF2 with AM1-BCC charges, by AmberTools.

J. Wang et al., J. Comput. Chem. 25, 1157 (2004); A. Jakalian, D. B. Jack, C. I. Bayly, J. Comput.
Chem. 23, 1623 (2002).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import openmm
from openmm import unit

from ase_tito.errors import StructureError
from ase_tito.md.ambertools import run_program
from ase_tito.md.molecule import BuiltMolecule
from ase_tito.md.smiles import double_bonds, molfile
from ase_tito.md.system import system_from_prmtop

LEAST_DOUBLE_BOND_BARRIER = 25.0
"""kJ/mol. GAFF2 has no torsion of a conjugated C=N, and that of a single bond (13) is taken in its
stead; those it has make 69 and more."""

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
        GAFF2 does not have, ...; or the double bond that would turn like a single one.
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
            prmtop = folder / "molecule.prmtop"
            if not prmtop.exists() or not prmtop.stat().st_size:
                raise StructureError(f"tleap wrote no topology: {said[-300:]}")
            check_double_bonds(system_from_prmtop(prmtop), double_bonds(molecule))
        except StructureError as error:
            raise StructureError(f"{molecule.name}: {error}") from error
        return prmtop.read_text()


def check_double_bonds(system: openmm.System, bonds: list[tuple[int, int]]) -> None:
    """Refuse a system whose torsions let a double bond turn like a single one.

    Raises
    ------
    StructureError
        Naming the bond, whose barrier is below `LEAST_DOUBLE_BOND_BARRIER`.
    """
    barriers = dict.fromkeys((frozenset(bond) for bond in bonds), 0.0)
    for force in system.getForces():
        if not isinstance(force, openmm.PeriodicTorsionForce):
            continue
        for k in range(force.getNumTorsions()):
            _, i, j, _, fold, _, constant = force.getTorsionParameters(k)
            if fold == 2 and frozenset((i, j)) in barriers:
                height = 2 * constant.value_in_unit(unit.kilojoule_per_mole)
                barriers[frozenset((i, j))] += height
    for bond, barrier in barriers.items():
        if barrier < LEAST_DOUBLE_BOND_BARRIER:
            i, j = sorted(bond)
            raise StructureError(
                f"GAFF2 has no torsion for its double bond between atoms {i} and {j}, and would "
                f"let it turn freely (barrier {barrier:.0f} kJ/mol); leave the molecule out"
            )
