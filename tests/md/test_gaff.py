"""What GAFF2 does not know about double bonds."""

import pytest

pytest.importorskip("rdkit")
pytest.importorskip("openmm")

import openmm

from ase_tito.errors import StructureError
from ase_tito.md.gaff import check_double_bonds
from ase_tito.md.smiles import double_bonds, molecule_from_smiles

IMINE, NEXT = (1, 2), (2, 3)


def with_torsions(*torsions):
    system = openmm.System()
    force = openmm.PeriodicTorsionForce()
    for torsion in torsions:
        force.addTorsion(*torsion)
    system.addForce(force)
    return system


def test_a_double_bond_that_turns_like_a_single_one_is_refused():
    terms = [(i, 1, 2, j) for i in (0, 4) for j in (3, 5)]
    stiff = with_torsions(*((*atoms, 2, 3.14159, 17.4) for atoms in terms))
    check_double_bonds(stiff, [IMINE])
    limp = with_torsions(*((*atoms, 2, 3.14159, 1.6) for atoms in terms))
    with pytest.raises(StructureError, match=r"between atoms 1 and 2.*barrier 13 kJ/mol"):
        check_double_bonds(limp, [IMINE])
    check_double_bonds(limp, [])
    with pytest.raises(StructureError, match="between atoms 2 and 3"):
        check_double_bonds(stiff, [IMINE, NEXT])


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("C=CC=O", [(0, 1)]),
        ("N=CC=N", [(0, 1), (2, 3)]),
        ("C=C=C", []),
        ("CC(N)=O", []),
        ("c1cc[nH]c1", []),
    ],
)
def test_double_bonds_that_could_turn(smiles, expected):
    assert double_bonds(molecule_from_smiles(smiles)) == expected
