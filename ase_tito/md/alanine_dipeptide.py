"""Alanine dipeptide (ACE-ALA-NME) in the force field of its reference data.

AMBER ff96 (Kollman et al., 1997), OBC2 implicit solvent (Onufriev, Bashford, Case, Proteins 55,
383 (2004)) with mbondi2 radii and a surface-area term of 2.25936 kJ/mol/nm², no cutoff, no
constraints: the system of openmmtools' ``alanine-dipeptide-gbsa``.
"""

from __future__ import annotations

import openmm
from openmm import app

ATOM_NAMES = {
    "ACE": ("H1", "CH3", "H2", "H3", "C", "O"),
    "ALA": ("N", "H", "CA", "HA", "CB", "HB1", "HB2", "HB3", "C", "O"),
    "NME": ("N", "H", "C", "H1", "H2", "H3"),
}
"""Residues and their atoms in the order of positions."""

_BONDS = {
    "ACE": ("CH3 H1", "CH3 H2", "CH3 H3", "CH3 C", "C O"),
    "ALA": ("N H", "N CA", "CA HA", "CA CB", "CB HB1", "CB HB2", "CB HB3", "CA C", "C O"),
    "NME": ("N H", "N C", "C H1", "C H2", "C H3"),
}

# Screening factors of the pairwise descreening approximation, by element (Hawkins, Cramer,
# Truhlar, J. Phys. Chem. 100, 19824 (1996)), and mbondi2 radii in nm. Hydrogen's depends on
# what it is bonded to.
_SCREENING = {"H": 0.85, "C": 0.72, "N": 0.79, "O": 0.85}
_RADII_NM = {"C": 0.17, "N": 0.155, "O": 0.15}
_HYDROGEN_RADII_NM = {"C": 0.12, "N": 0.13}


def topology() -> app.Topology:
    """Residues, atoms and bonds, in the order of `ATOM_NAMES`."""
    molecule = app.Topology()
    chain = molecule.addChain()
    before = None
    for residue_name, names in ATOM_NAMES.items():
        residue = molecule.addResidue(residue_name, chain)
        atoms = {
            name: molecule.addAtom(name, app.Element.getBySymbol(name[0]), residue)
            for name in names
        }
        for bond in _BONDS[residue_name]:
            molecule.addBond(*(atoms[name] for name in bond.split()))
        if before is not None:
            molecule.addBond(before, atoms["N"])
        before = atoms["C"]
    return molecule


def alanine_dipeptide_system() -> openmm.System:
    """The system of 22 atoms; energies with `ase_tito.md.energies.potential_energies`."""
    molecule = topology()
    system = app.ForceField("amber96.xml").createSystem(
        molecule, nonbondedMethod=app.NoCutoff, constraints=None, removeCMMotion=False
    )
    (nonbonded,) = (f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    solvent = openmm.GBSAOBCForce()
    solvent.setNonbondedMethod(openmm.GBSAOBCForce.NoCutoff)
    partner = {}
    for first, second in molecule.bonds():
        partner[first] = second.element.symbol
        partner[second] = first.element.symbol
    for atom in molecule.atoms():
        symbol = atom.element.symbol
        radius = _HYDROGEN_RADII_NM[partner[atom]] if symbol == "H" else _RADII_NM[symbol]
        charge, _, _ = nonbonded.getParticleParameters(atom.index)
        solvent.addParticle(charge, radius, _SCREENING[symbol])
    system.addForce(solvent)
    return system
