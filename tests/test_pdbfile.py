from pathlib import Path

import ase.io
import numpy as np
import pytest

from ase_tito.errors import StructureError
from ase_tito.pdbfile import read_pdb
from ase_tito.perception import build_graph, infer_bonds
from tests.molecules import atoms_and_bonds

ALANINE_DIPEPTIDE = Path(__file__).parents[1] / "examples" / "data" / "alanine-dipeptide.pdb"
CONECT = [line for line in ALANINE_DIPEPTIDE.read_text().splitlines() if "CONECT" in line]
TEXT = "".join(
    line + "\n"
    for line in ALANINE_DIPEPTIDE.read_text().splitlines()
    if line.startswith(("ATOM", "END"))
)


def write(tmp_path, text):
    path = tmp_path / "x.pdb"
    path.write_text(text)
    return path


def ligand(name, conect=True):
    """PDB text of a molecule of no standard residue."""
    atoms, bonds = atoms_and_bonds(name)
    lines = [
        f"HETATM{k + 1:5d} {atom.symbol + str(k + 1):<4s} UNL A   1    "
        f"{atom.x:8.3f}{atom.y:8.3f}{atom.z:8.3f}  1.00  0.00          {atom.symbol:>2s}"
        for k, atom in enumerate(atoms)
    ]
    if conect:
        lines += [f"CONECT{i + 1:5d}{j + 1:5d}" for i, j in bonds]
    return "\n".join([*lines, "END", ""])


@pytest.mark.parametrize("records", [[], CONECT])
def test_standard_residues_bring_their_bonds(tmp_path, records):
    frames, bonds = read_pdb(write(tmp_path, TEXT.replace("END\n", "\n".join([*records, "END\n"]))))
    assert len(frames) == 1
    assert len(bonds) == 21
    assert np.array_equal(bonds, infer_bonds(frames[0].numbers, frames[0].positions))
    graph = build_graph(frames[0].numbers, frames[0].positions, bonds)
    assert np.flatnonzero(graph.tetrahedral).tolist() == [8]
    assert graph.tetrahedral[8] == 1  # an L-amino acid


def test_topology_wins_over_distances(tmp_path):
    # all atoms at the origin: no distance could tell the bonds
    lines = [
        line[:30] + f"{0.0:8.3f}" * 3 + line[54:] if line.startswith("ATOM") else line
        for line in TEXT.splitlines()
    ]
    _, bonds = read_pdb(write(tmp_path, "\n".join(lines)))
    assert len(bonds) == 21


def test_conect_records_bring_bonds(tmp_path):
    _, expected = atoms_and_bonds("2-butanol")
    _, bonds = read_pdb(write(tmp_path, ligand("2-butanol")))
    assert np.array_equal(bonds, expected)


def test_no_bonds_in_the_file_are_none(tmp_path):
    _, bonds = read_pdb(write(tmp_path, ligand("2-butanol", conect=False)))
    assert bonds is None


def test_what_ase_writes_can_be_read(tmp_path):
    atoms, _ = atoms_and_bonds("2-butanol")
    path = tmp_path / "ase.pdb"
    ase.io.write(path, [atoms, atoms])
    frames, bonds = read_pdb(path)
    assert len(frames) == 2
    assert bonds is None
    assert np.array_equal(frames[1].numbers, atoms.numbers)
    assert np.allclose(frames[1].positions, atoms.positions, atol=1e-3)


def test_models_are_frames(tmp_path):
    atoms = TEXT.replace("END\n", "")
    models = "".join(f"MODEL     {k:4d}\n{atoms}ENDMDL\n" for k in (1, 2, 3))
    frames, bonds = read_pdb(write(tmp_path, models + "END\n"))
    assert len(frames) == 3
    assert len(bonds) == 21


@pytest.mark.parametrize(("edge", "periodic"), [(1.0, False), (30.0, True)])
def test_a_unit_cell_of_one_angstrom_means_none(tmp_path, edge, periodic):
    record = "CRYST1" + 3 * f"{edge:9.3f}" + 3 * f"{90:7.2f}" + " P 1           1\n"
    frames, _ = read_pdb(write(tmp_path, record + TEXT))
    assert frames[0].pbc.tolist() == [periodic] * 3


def test_missing_element_columns_are_refused(tmp_path):
    lines = [line[:76].rstrip() for line in TEXT.splitlines()]
    first = next(k for k, line in enumerate(lines) if line.startswith("ATOM"))
    with pytest.raises(StructureError, match=f"line {first + 1} names no element in columns 77-78"):
        read_pdb(write(tmp_path, "\n".join(lines)))


def test_unknown_elements_are_refused(tmp_path):
    lines = TEXT.splitlines()
    last = max(k for k, line in enumerate(lines) if line.startswith("ATOM"))
    lines[last] = lines[last][:76] + " D"
    with pytest.raises(StructureError, match=f"line {last + 1} names no element .*'D'"):
        read_pdb(write(tmp_path, "\n".join(lines)))


def test_an_atom_of_unknown_name_needs_a_conect_record(tmp_path):
    text = TEXT.replace(" HB3 ALA", " HX9 ALA")
    with pytest.raises(StructureError, match="atom HX9 of residue ALA, is bonded to nothing"):
        read_pdb(write(tmp_path, text))
    _, bonds = read_pdb(write(tmp_path, text.replace("END\n", "CONECT   11   14\nEND\n")))
    assert len(bonds) == 21


def test_alternate_locations_are_refused(tmp_path):
    lines = TEXT.splitlines()
    where = next(k for k, line in enumerate(lines) if " HB3 ALA" in line)
    first, second = lines[where], lines[where]
    lines[where : where + 1] = [first[:16] + "A" + first[17:], second[:16] + "B" + second[17:]]
    with pytest.raises(StructureError, match="23 atom lines make 22 atoms"):
        read_pdb(write(tmp_path, "\n".join(lines)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing here\n", "no ATOM or HETATM lines"),
        (TEXT.replace("-3.616", "  ????"), "cannot be read as a PDB file"),
    ],
)
def test_damaged_files_are_refused(tmp_path, text, message):
    with pytest.raises(StructureError, match=message):
        read_pdb(write(tmp_path, text))
