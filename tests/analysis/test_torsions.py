from itertools import pairwise

import mdtraj
import numpy as np
import pytest
from mdtraj.geometry import dihedral as mdtraj_dihedral
from rdkit import Chem

from ase_tito.analysis import peptide_torsions, proper_torsions, rotatable_bonds, torsion_atoms
from ase_tito.analysis.torsions import shape_torsions
from ase_tito.errors import DataError

# Alanine dipeptide in the order of AMBER's prmtop.
NUMBERS = [1, 6, 1, 1, 6, 8, 7, 1, 6, 1, 6, 1, 1, 1, 6, 8, 7, 1, 6, 1, 1, 1]
BONDS = [
    *[(0, 1), (1, 2), (1, 3), (1, 4), (4, 5), (4, 6), (6, 7), (6, 8), (8, 9), (8, 10)],
    *[(10, 11), (10, 12), (10, 13), (8, 14), (14, 15), (14, 16), (16, 17), (16, 18)],
    *[(18, 19), (18, 20), (18, 21)],
]
RESIDUES = {
    "ACE": "C O CH3 H1 H2 H3",
    "ILE": "N H CA HA CB HB CG1 HG12 HG13 CG2 HG21 HG22 HG23 CD1 HD11 HD12 HD13 C O",
    "THR": "N H CA HA CB HB OG1 HG1 CG2 HG21 HG22 HG23 C O",
    "TRP": "N H CA HA CB HB2 HB3 CG CD1 HD1 NE1 HE1 CE2 CZ2 HZ2 CH2 HH2 CZ3 HZ3 CE3 HE3 CD2 C O",
    "PRO": "N CA HA CB HB2 HB3 CG HG2 HG3 CD HD2 HD3 C O",
    "ARG": "N H CA HA CB HB2 HB3 CG HG2 HG3 CD HD2 HD3 NE HE CZ NH1 HH11 HH12 NH2 HH21 HH22 C O",
    "GLY": "N H CA HA2 HA3 C O",
    "ASN": "N H CA HA CB HB2 HB3 CG OD1 ND2 HD21 HD22 C O",
    "NME": "N H C H1 H2 H3",
}


def peptide() -> mdtraj.Topology:
    topology = mdtraj.Topology()
    chain = topology.add_chain()
    for number, (name, atoms) in enumerate(RESIDUES.items()):
        residue = topology.add_residue(name, chain, resSeq=number)
        for atom in atoms.split():
            topology.add_atom(atom, mdtraj.element.Element.getBySymbol(atom[0]), residue)
    topology.create_standard_bonds()
    nme = list(topology.residues)[-1]
    cap = {atom.name: atom for atom in nme.atoms}
    known = {frozenset((a.index, b.index)) for a, b in topology.bonds}
    for pair in ("N H", "N C", "C H1", "C H2", "C H3"):
        first, second = (cap[name] for name in pair.split())
        if frozenset((first.index, second.index)) not in known:
            topology.add_bond(first, second)
    return topology


def test_alanine_dipeptide():
    torsions = {t.name: t.atoms for t in peptide_torsions(NUMBERS, BONDS)}
    assert torsions == {
        "ω0": (1, 4, 6, 8),
        "φ1": (4, 6, 8, 14),
        "ψ1": (6, 8, 14, 16),
        "ω1": (8, 14, 16, 18),
    }


def test_rotatable_bonds_and_all_their_torsions():
    bonds = rotatable_bonds(NUMBERS, BONDS)
    assert bonds == [(1, 4), (4, 6), (6, 8), (8, 10), (8, 14), (14, 16), (16, 18)]
    torsions = proper_torsions(NUMBERS, BONDS)
    assert len(torsions) == 6 + 4 + 6 + 9 + 6 + 4 + 6
    assert {t.name for t in torsions if t.kind} == {"ω0", "φ1", "ψ1", "ω1"}
    neighbours = {frozenset(bond) for bond in BONDS}
    for torsion in torsions:
        assert len(set(torsion.atoms)) == 4
        assert all(frozenset(pair) in neighbours for pair in pairwise(torsion.atoms))


def test_rings_and_linear_carbons_do_not_turn():
    ring = [(k, (k + 1) % 6) for k in range(6)]
    assert rotatable_bonds([6] * 7, [*ring, (0, 6)]) == []
    butyne = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (0, 6), (0, 7)]  # H3C-C≡C-CH2-C, skeleton
    assert rotatable_bonds([6, 6, 6, 6, 6, 1, 1, 1], butyne) == []
    assert proper_torsions([6, 1, 1, 1, 1], [(0, 1), (0, 2), (0, 3), (0, 4)]) == []


@pytest.mark.parametrize(
    ("kind", "indices"),
    [
        ("phi", mdtraj_dihedral.indices_phi),
        ("psi", mdtraj_dihedral.indices_psi),
        ("chi1", mdtraj_dihedral.indices_chi1),
        ("chi2", mdtraj_dihedral.indices_chi2),
        ("chi3", mdtraj_dihedral.indices_chi3),
        ("chi4", mdtraj_dihedral.indices_chi4),
    ],
)
def test_a_peptide_s_torsions_are_those_that_mdtraj_finds_by_atom_names(kind, indices):
    topology = peptide()
    numbers = [atom.element.atomic_number for atom in topology.atoms]
    bonds = [(a.index, b.index) for a, b in topology.bonds]
    found = [t for t in peptide_torsions(numbers, bonds) if t.kind == kind]
    # Proline's φ and χ are in its ring: no rotatable bonds.
    in_ring = {residue.index for residue in topology.residues if residue.name == "PRO"}
    atoms = list(topology.atoms)
    expected = {
        tuple(row)
        for row in indices(topology).tolist()
        if kind == "psi" or atoms[row[2]].residue.index not in in_ring
    }
    assert {t.atoms for t in found} == expected
    for torsion in found:
        assert torsion.residue == atoms[torsion.atoms[1]].residue.index


def test_omega_takes_the_alpha_carbon_of_proline():
    topology = peptide()
    numbers = [atom.element.atomic_number for atom in topology.atoms]
    bonds = [(a.index, b.index) for a, b in topology.bonds]
    names = [str(atom) for atom in topology.atoms]
    omegas = [t for t in peptide_torsions(numbers, bonds) if t.kind == "omega"]
    assert [t.residue for t in omegas] == list(range(8))
    assert [names[k].split("-")[1] for k in omegas[3].atoms] == ["CA", "C", "N", "CA"]


def test_names_do_not_depend_on_the_order_of_atoms():
    order = np.random.default_rng(0).permutation(22)
    place = np.argsort(order)
    shuffled = peptide_torsions(np.array(NUMBERS)[order], place[np.array(BONDS)])
    expected = {t.name: tuple(place[list(t.atoms)]) for t in peptide_torsions(NUMBERS, BONDS)}
    assert {t.name: t.atoms for t in shuffled} == expected


def test_what_is_no_peptide_has_no_names():
    assert peptide_torsions([6, 6, 8, 1, 1], [(0, 1), (1, 2), (0, 3), (0, 4)]) == []
    assert torsion_atoms([]).shape == (0, 4)
    with pytest.raises(DataError, match=r"outside 0\.\.1"):
        rotatable_bonds([6, 6], [(0, 2)])


@pytest.mark.parametrize(
    ("smiles", "names"),
    [
        ("CC[C@@H](N)C=O", {"χ1 1"}),
        ("N[C@@H](CO)C(=O)O", {"χ1 1"}),
        ("C[C@@H](C=O)NC=O", {"φ1"}),
        ("CNC(=O)CN", {"ψ1", "ω1"}),
    ],
)
def test_a_name_hides_no_rotatable_bond_of_what_is_no_peptide(smiles, names):
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    numbers = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
    bonds = [(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()) for bond in molecule.GetBonds()]
    assert {torsion.name for torsion in peptide_torsions(numbers, bonds)} == names
    found = shape_torsions(numbers, bonds)
    assert {torsion.name for torsion in found if torsion.kind} == names
    turned = {tuple(sorted(torsion.atoms[1:3])) for torsion in found}
    assert turned == set(rotatable_bonds(numbers, bonds))
    assert len(turned) > len(names)


def test_a_peptide_is_told_by_its_named_torsions():
    assert shape_torsions(NUMBERS, BONDS) == peptide_torsions(NUMBERS, BONDS)
