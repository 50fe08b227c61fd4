"""Structures that are no molecule, files that are no structure."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import Trajectory, write


def ethanol(scale=1.0, **changes):
    atoms = molecule("CH3CH2OH")
    atoms.positions *= scale
    for name, value in changes.items():
        setattr(atoms, name, value)
    return atoms


def without(*symbols):
    atoms = ethanol()
    del atoms[[k for k, atom in enumerate(atoms) if atom.symbol in symbols]]
    return atoms


def moved(atom, to):
    atoms = ethanol()
    atoms.positions[atom] = to
    return atoms


def line(n):
    places = np.array([0.4, *1.4 * np.arange(1, n - 1), 1.4 * (n - 1) - 0.4])
    return Atoms(f"HO{n - 2}H", positions=places[:, None] * [1.0, 0.0, 0.0])


MOLECULES = {
    "a position that is not finite": (moved(2, np.nan), "the position of atom 2 is not finite"),
    "one atom": (Atoms("C"), "a molecule has at least two atoms, not 1"),
    "nanometres": (ethanol(0.1), "positions must be in Å"),
    "bohr": (ethanol(1.8897), "positions must be in Å"),
    "picometres": (ethanol(100), "positions must be in Å"),
    "all atoms in one place": (Atoms("CH4", positions=np.zeros((5, 3))), "atoms 0 and 1 overlap"),
    "an atom twice": (ethanol() + ethanol()[8:], "atoms 8 and 9 overlap: they are 0.00 Å apart"),
    "an atom far away": (moved(8, [30, 0, 0]), "the bonds leave 2 separate molecules"),
    "two molecules": (
        ethanol() + Atoms("OH2", [[9, 0, 0], [9.9, 0, 0], [9, 0.9, 0]]),
        "2 separate molecules (of [9, 3] atoms)",
    ),
    "a periodic cell": (
        ethanol(cell=[9, 9, 9], pbc=True),
        "set atoms.pbc = False, or remove it from the file (the CRYST1 record of a PDB file, "
        "Lattice and pbc of an extended XYZ file)",
    ),
    "no hydrogens": (without("H"), "has no hydrogens, which its carbon atoms need"),
    "an element the model has not seen": (molecule("CH3Cl"), "it has not seen Cl, only H, C, O"),
    "a ring": (molecule("C6H6"), "acyclic molecules only, this one has 1 ring"),
    "atoms in a line": (line(9), "system 0 is linear and has no well-defined orientation"),
    "a dummy atom": (
        Atoms("OHX", positions=[[0, 0, 0], [0.96, 0, 0], [-0.9, 0, 0]]),
        "atoms must be elements, and there is none of number 0",
    ),
}


@pytest.mark.parametrize("case", MOLECULES)
def test_molecules(refused, workplace, case):
    atoms, text = MOLECULES[case]
    write("bad.xyz", atoms)
    refused(text, "run", "bad.xyz", "--model", "tiny", "--output", "x.traj", "--quiet")


FILES = {
    "empty.xyz": (b"", "no atoms in this file, which is empty"),
    "empty.pdb": (b"", "no ATOM or HETATM lines"),
    "empty.sdf": (b"", "empty.sdf: "),
    "noise.pdb": (b"\xff\xfe\x00\x01" * 40, "no ATOM or HETATM lines"),
    "noise.sdf": (b"junk", "the molecule that starts in line 1 is cut off"),
    "noise.traj": (b"- of Ulm" + b"\0" * 60, "noise.traj: cannot be read as a structure"),
    "noise.json": (b"{}", "noise.json: "),
    "short.xyz": (b"9\n\nC 0 0 0\n", "frame 0 announces 9 atoms, and 9 bytes follow"),
    "shorter.xyz": (b"3\n\nC 0 0 0\nH 0 0 1\n", "Frame has 2 atoms, expected 3"),
    "endless.xyz": (b"99999999\n\nC 0 0 0\n", "frame 0 announces 99999999 atoms"),
    "endless": (b"99999999\n\nC 0 0 0\n", "frame 0 announces 99999999 atoms"),
    "second.xyz": (b"1\n\nC 0 0 0\n999\n\nC 0 0 0\n", "frame 1 announces 999 atoms, and 9"),
    "letters.xyz": (b"2\n\nC a b c\nH 0 0 1\n", "could not convert string to float"),
    "symbol.xyz": (b"1\n\nQq 0 0 0\n", "it has no place for 'Qq'"),
    "negative.xyz": (b"-3\n\n", "no atoms in this file"),
    "infinite.xyz": (b"2\n\nO 0 0 inf\nH 0 0 1\n", "the position of atom 0 is not finite"),
    "cut.mol": (b"\n\n\n  3  2  0", "announces 3 atoms and 2 bonds, but the file ends before"),
    "what.abc": (b"C 0 0 0", "no format of structures that ASE knows"),
}


@pytest.mark.parametrize("name", FILES)
def test_files(refused, workplace, name):
    content, text = FILES[name]
    Path(name).write_bytes(content)
    refused(text, "run", name, "--model", "tiny", "--output", "x.traj", "--quiet")


def test_places(refused, workplace):
    Path("folder.pdb").mkdir()
    refused("folder.pdb: a folder, no file", "run", "folder.pdb", "--output", "x.traj")
    refused(".: a folder, no file", "run", "", "--output", "x.traj")
    refused("absent.xyz: no such file", "run", "absent.xyz", "--output", "x.traj")


def test_a_trajectory_of_two_molecules(refused, workplace):
    with Trajectory("two.traj", "w") as trajectory:
        trajectory.write(ethanol())
        trajectory.write(molecule("H2O"))
    text = "frame 1 has other atoms than frame 0"
    refused(text, "run", "two.traj", "--model", "tiny", "--output", "x.traj")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6])
def test_a_trajectory_cut_off(refused, workplace, share):
    write("whole.traj", [ethanol(), ethanol()])
    content = Path("whole.traj").read_bytes()
    Path("cut.traj").write_bytes(content[: int(share * len(content))])
    text = "cut.traj: cannot be read as a structure"
    refused(text, "run", "cut.traj", "--model", "tiny", "--output", "x.traj")
