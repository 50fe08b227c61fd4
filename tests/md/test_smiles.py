"""SMILES in, molecules with starts out."""

import numpy as np
import pytest

pytest.importorskip("rdkit")

from rdkit import Chem

from ase_tito.analysis.internals import dihedrals
from ase_tito.data.names import name_of_smiles
from ase_tito.errors import StructureError
from ase_tito.md.smiles import (
    molecule_from_smiles,
    molfile,
    parse_smiles,
    read_sdf,
    slow_torsions,
)
from ase_tito.prostereo import prostereogenic_elements


@pytest.mark.parametrize(
    ("smiles", "reason"),
    [
        ("", "'' is no SMILES"),
        ("C(C", "'C(C' is no SMILES"),
        ("CC(C)(C)(C)C", "is no SMILES"),
        ("CCO.O", "'CCO.O' holds several molecules"),
        ("C[CH2]", "atom 1 (C) has unpaired electrons"),
        ("[O]N", "unpaired electrons"),
        ("[He]", "single atom"),
    ],
)
def test_refusals(smiles, reason):
    with pytest.raises(StructureError, match=reason.replace("(", r"\(").replace(")", r"\)")):
        molecule_from_smiles(smiles)


def test_names_are_file_names_and_differ():
    names = [
        name_of_smiles(s) for s in ("CC(C)=O", "C/C=C/C", "C/C=C\\C", "C[C@H](N)O", "CC#N", "CO")
    ]
    assert len(set(names)) == len(names)
    assert all(name.isalnum() for name in names)
    assert names[0] == "CClCrdO"


def test_unspecified_stereochemistry_does_not_depend_on_how_it_is_written():
    one, two = (Chem.MolToSmiles(parse_smiles(s)) for s in ("CC(O)CC", "CCC(C)O"))
    assert one == two
    assert "@" in one
    molecule = molecule_from_smiles("OC(CC)C")
    assert molecule.smiles == one
    assert np.abs(molecule.graph.tetrahedral).sum() == 1


def test_given_stereochemistry_is_kept():
    left, right = (molecule_from_smiles(s).graph for s in ("C[C@H](O)CC", "C[C@@H](O)CC"))
    assert left.tetrahedral.sum() == -right.tetrahedral.sum() != 0
    for smiles, label in (("C/C=C/C", -1), ("C/C=C\\C", 1)):
        assert molecule_from_smiles(smiles).graph.double_bonds[:, 4].tolist() == [label]


def test_rings_and_charges_are_fine():
    assert molecule_from_smiles("C1CC1O").graph.n_atoms == 10
    assert molecule_from_smiles("CC(=O)[O-]").charge == -1


@pytest.mark.parametrize(
    ("smiles", "count"),
    [
        ("CNC(C)=O", 1),
        ("NC(C)=O", 0),  # turning NH2 changes nothing
        ("COC(C)=O", 1),
        ("CC(=O)O", 1),
        ("C=CC=C", 1),
        ("CCO", 0),
        ("C=CC#N", 0),
        ("O=C1CCCCN1", 0),
    ],
)
def test_slow_torsions(smiles, count):
    assert len(slow_torsions(Chem.AddHs(Chem.MolFromSmiles(smiles)))) == count


def test_starts_take_both_sides_of_slow_torsions():
    molecule = molecule_from_smiles("CNC(C)=O", starts=1, slow_starts=4)
    assert molecule.starts.shape == (4, 12, 3)
    (torsion,) = slow_torsions(Chem.AddHs(Chem.MolFromSmiles(molecule.smiles)))
    cosines = np.cos(dihedrals(molecule.starts, [torsion])[:, 0])
    assert np.abs(cosines).min() > 0.9
    assert (np.sign(cosines) == cosines[0].round() * np.array([1, -1, 1, -1])).all()
    assert molecule_from_smiles("CCCC", starts=2, slow_starts=4).starts.shape[0] == 2


def test_starts_name_equal_atoms_alike():
    molecule = molecule_from_smiles("CC(C)CC=C", starts=6)
    sides = prostereogenic_elements(molecule.graph).sides(molecule.starts)
    assert sides.shape == (6, 5)  # three methyl or methylene carbons, CH, and =CH2
    assert sides.all()
    assert (sides == sides[0]).all()


def test_same_seed_same_starts():
    first, same, other = (molecule_from_smiles("CCCO", seed=s).starts for s in (1, 1, 1000))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_molfile_has_the_same_atoms_in_the_same_order(tmp_path):
    from ase_tito.molfile import read_molfile

    molecule = molecule_from_smiles("C/C=N/[C@H](C)O")
    path = tmp_path / "x.mol"
    path.write_text(molfile(molecule))
    frames, bonds = read_molfile(path)
    assert frames[0].numbers.tolist() == molecule.graph.atomic_numbers.tolist()
    np.testing.assert_allclose(frames[0].positions, molecule.starts[0], atol=1e-4)
    assert np.array_equal(bonds, molecule.graph.bonds)


def test_sd_files(tmp_path):
    written = ["CC[C@H](C)O", "C/C=C\\C"]
    path = tmp_path / "x.sdf"
    path.write_text("".join(f"my title{molfile(molecule_from_smiles(s))}$$$$\n" for s in written))
    assert read_sdf(path) == [(s, "my-title") for s in written]
    path.write_text("nonsense\n" * 6 + "$$$$\n")
    with pytest.raises(StructureError, match=r"x\.sdf: molecule 1 cannot be read"):
        read_sdf(path)
    with pytest.raises(StructureError, match=r"no\.sdf: cannot be read as molecules"):
        read_sdf(tmp_path / "no.sdf")
