import ase.io
import numpy as np
import pytest
from ase import Atoms

from ase_tito.errors import GraphError, StructureError
from ase_tito.structure import graph_from_atoms, read_structure
from tests.molecules import DATA, atoms_and_bonds


@pytest.mark.parametrize("suffix", ["traj", "xyz", "extxyz", "json"])
def test_reads_all_frames_of_what_ase_reads(tmp_path, suffix):
    atoms, _ = atoms_and_bonds("threonine")
    path = tmp_path / f"x.{suffix}"
    ase.io.write(path, [atoms, atoms, atoms])
    frames, bonds = read_structure(path)
    assert bonds is None
    assert len(frames) == 3
    assert np.allclose(frames[2].positions, atoms.positions, atol=1e-6)


def test_reads_bonds_where_the_format_has_them(tmp_path):
    _, bonds = read_structure(DATA / "threonine.mol")
    assert len(bonds) == 16
    upper = tmp_path / "T.SDF"
    upper.write_text((DATA / "threonine.mol").read_text() + "$$$$\n")
    assert np.array_equal(read_structure(str(upper))[1], bonds)


def test_an_at_sign_in_a_name_is_no_slice(tmp_path):
    atoms, _ = atoms_and_bonds("ethanimine")
    path = tmp_path / "run@300.xyz"
    ase.io.write(path, [atoms, atoms])
    assert len(read_structure(path)[0]) == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.pdb", None, "missing.pdb: no such file"),
        ("damaged.traj", b"not a trajectory", "cannot be read as a structure"),
        ("empty.xyz", b"", "no atoms in this file, which is empty"),
        ("strange.abc", b"x", "strange.abc: no format of structures that ASE knows"),
        ("symbol.xyz", b"1\nx\nQq 0 0 0\n", "it has no place for 'Qq'"),
    ],
)
def test_unreadable_files_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StructureError, match=message):
        read_structure(path)


def test_a_folder_is_no_structure(tmp_path):
    with pytest.raises(StructureError, match="a folder, no file"):
        read_structure(tmp_path)


def test_frames_of_different_molecules_are_refused(tmp_path):
    path = tmp_path / "x.traj"
    ase.io.write(path, [atoms_and_bonds("e-2-butene")[0], atoms_and_bonds("ethanimine")[0]])
    with pytest.raises(StructureError, match="frame 1 has other atoms"):
        read_structure(path)


def test_graph_of_atoms_has_bonds_and_stereochemistry():
    atoms, bonds = atoms_and_bonds("threonine")
    before = atoms.copy()
    graph = graph_from_atoms(atoms)
    assert np.array_equal(graph.bonds, bonds)
    assert np.flatnonzero(graph.tetrahedral).tolist() == [1, 3]
    assert atoms == before


def test_given_bonds_are_taken():
    atoms, bonds = atoms_and_bonds("threonine")
    stretched = Atoms(atoms.numbers, 1.4 * atoms.positions)
    assert np.array_equal(graph_from_atoms(stretched, bonds).bonds, bonds)


def test_a_cell_without_periodicity_is_fine():
    atoms = atoms_and_bonds("ethanimine")[0].copy()
    atoms.center(vacuum=5)
    assert graph_from_atoms(atoms).n_atoms == len(atoms)


def changed(change):
    atoms = atoms_and_bonds("ethanimine")[0].copy()
    change(atoms)
    return atoms


@pytest.mark.parametrize(
    ("atoms", "error", "message"),
    [
        (changed(lambda a: a.set_pbc([True, False, True])), StructureError, r"along a, c"),
        (Atoms(), StructureError, "at least two atoms, not 0"),
        (Atoms("He"), StructureError, "at least two atoms, not 1"),
        (changed(lambda a: a.positions.fill(np.nan)), StructureError, "atom 0 is not finite"),
        (changed(lambda a: a.positions.fill(0)), StructureError, "overlap"),
        (changed(lambda a: a.set_positions(9 * a.positions)), StructureError, "bonding distance"),
        (
            changed(lambda a: a.extend(Atoms("H2", [(9, 9, 9), (9, 9, 9.74)]))),
            GraphError,
            r"2 separate molecules \(of \[8, 2\]",
        ),
    ],
)
def test_refuses_what_no_graph_can_be_made_of(atoms, error, message):
    with pytest.raises(error, match=message):
        graph_from_atoms(atoms)
