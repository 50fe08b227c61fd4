"""The molecules of ``tests/data``: force-field minima, bonds written by RDKit."""

from functools import cache
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import molecule as build_molecule

from ase_tito.graph import MolecularGraph
from ase_tito.molfile import read_molfile
from ase_tito.perception import build_graph

DATA = Path(__file__).parent / "data"
NAMES = sorted(path.stem for path in DATA.glob("*.mol"))


@cache
def atoms_and_bonds(name: str) -> tuple[Atoms, np.ndarray]:
    frames, bonds = read_molfile(DATA / f"{name}.mol")
    return frames[0], bonds


def molecule(name: str) -> tuple[MolecularGraph, np.ndarray]:
    """Graph and positions in Å, shape (n, 3)."""
    atoms, bonds = atoms_and_bonds(name)
    return build_graph(atoms.numbers, atoms.positions, bonds), atoms.positions.copy()


def write_vibrating_ethanol(path: Path) -> None:
    """400 frames of noise about one geometry, as training data."""
    ethanol = build_molecule("CH3CH2OH")
    noise = np.random.default_rng(0).normal(size=(400, len(ethanol), 3))
    np.savez(
        path,
        positions=ethanol.positions + 0.03 * noise,
        atomic_numbers=ethanol.numbers,
        bonds=build_graph(ethanol.numbers, ethanol.positions).bonds,
        frame_spacing_ps=1.0,
        temperature_K=300.0,
    )
