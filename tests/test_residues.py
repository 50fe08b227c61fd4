import numpy as np
import pytest

from ase_tito.graph import MolecularGraph
from ase_tito.residues import is_peptide

pytest.importorskip("rdkit")


@pytest.mark.parametrize(
    ("smiles", "answer"),
    [
        ("CC(=O)N[C@@H](C)C(=O)NC", True),  # capped alanine
        ("CC(=O)N1CCC[C@H]1C(=O)NC", True),  # capped proline
        ("[NH3+]CC(=O)N[C@@H](C)C(=O)[O-]", True),  # a zwitterion of two
        ("NCC(=O)O", False),  # a lone amino acid
        ("CC(=O)NC", False),
        ("CC(=O)NCCC(=O)NC", False),  # of beta-alanine
        ("CC(=O)OCC(=O)NC", False),
        ("CCO", False),
    ],
)
def test_a_peptide_has_a_residue_behind_an_amide(smiles, answer):
    from rdkit import Chem

    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    bonds = np.array([(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()])
    assert is_peptide(MolecularGraph(numbers, bonds)) is answer
