"""Peptides in Amber force fields, built by AmberTools.

ff14SB (J. A. Maier et al., J. Chem. Theory Comput. 11, 3696 (2015)) and ff96 (P. A. Kollman et al.,
1997); OBC2 implicit solvent (A. Onufriev, D. Bashford, D. A. Case, Proteins 55, 383 (2004)).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from openmm import app, unit

from ase_tito.analysis.torsions import Torsion, peptide_torsions
from ase_tito.errors import StructureError
from ase_tito.graph import MolecularGraph
from ase_tito.limits import distance_limits
from ase_tito.md.ambertools import run_program
from ase_tito.md.molecule import BuiltMolecule
from ase_tito.md.torsions import turned
from ase_tito.perception import build_graph

LEAP_FILES = {"ff14SB": "leaprc.protein.ff14SB", "ff96": "oldff/leaprc.ff96"}
"""What tleap reads for each force field."""

_BACKBONES = ((-75.0, -40.0), (-75.0, 150.0), (-130.0, 130.0), (55.0, 45.0))
"""φ and ψ in degrees that starts are drawn around: α, polyproline II, β, and left-handed α."""
_ROTAMERS = (-60.0, 60.0, 180.0)
_SPREAD = 15.0
_TRIES = 1000


def build_peptide(
    residues: tuple[str, ...],
    *,
    name: str,
    force_field: str = "ff14SB",
    radii: str = "mbondi2",
    starts: int = 1,
    seed: int = 0,
) -> tuple[BuiltMolecule, str]:
    """A peptide with one geometry for each run, and the text of its Amber topology file.

    Parameters
    ----------
    residues : tuple of str
        As `parse_sequence` gives them.
    name : str
    force_field : {'ff14SB', 'ff96'}
    radii : {'mbondi2', 'mbondi3'}
        Of the implicit solvent.
    starts : int
        Geometries with φ, ψ and χ drawn around where they like to be.
    seed : int

    Raises
    ------
    StructureError
        If tleap does not know a residue, or no geometry without clashes is found.
    """
    inner = residues
    if residues[0] != "ACE":
        inner = ("N" + residues[0], *residues[1:-1], "C" + residues[-1])
    with tempfile.TemporaryDirectory(prefix="ase-tito-") as path:
        folder = Path(path)
        (folder / "leap.in").write_text(
            f"source {LEAP_FILES[force_field]}\nset default PBRadii {radii}\n"
            f"molecule = sequence {{ {' '.join(inner)} }}\n"
            "saveamberparm molecule molecule.prmtop molecule.inpcrd\nquit\n"
        )
        said = run_program("tleap", ["-f", "leap.in"], folder)
        prmtop = folder / "molecule.prmtop"
        if not prmtop.exists() or not prmtop.stat().st_size:
            raise StructureError(f"{name}: tleap wrote no topology: {said[-300:]}")
        topology = app.AmberPrmtopFile(str(prmtop)).topology
        extended = app.AmberInpcrdFile(str(folder / "molecule.inpcrd")).getPositions(asNumpy=True)
        text = prmtop.read_text()
    positions = np.asarray(extended.value_in_unit(unit.angstrom))
    numbers = np.array([atom.element.atomic_number for atom in topology.atoms()])
    bonds = np.array([(first.index, second.index) for first, second in topology.bonds()])
    # Without stereochemistry first: what tleap stretches out may clash, as before proline.
    flat, generator = MolecularGraph(numbers, bonds), np.random.default_rng(seed)
    geometries = np.stack([random_geometry(flat, positions, generator) for _ in range(starts)])
    graph = build_graph(numbers, geometries[0], bonds)
    charge = sum({"ASP": -1, "GLU": -1, "LYS": 1, "ARG": 1, "HIP": 1}.get(r, 0) for r in residues)
    return BuiltMolecule(name, graph, geometries, "", charge), text


def random_geometry(
    graph: MolecularGraph, positions: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.float64]:
    """Positions (n, 3) in Å with backbone and side-chain torsions drawn at random, free of clashes.

    Raises
    ------
    StructureError
        If a thousand draws all clash.
    """
    torsions = peptide_torsions(graph.atomic_numbers, graph.bonds)
    limits = distance_limits(graph)
    lower = np.where(limits.bonded, 0, limits.lower)
    for _ in range(_TRIES):
        x = positions
        for torsion, angle in _draw(torsions, generator):
            x = turned(x, graph, torsion.atoms, angle)
        distances = np.linalg.norm(x[:, None] - x, axis=-1)
        if (distances >= lower).all():
            return x
    raise StructureError(f"no start without clashes was found in {_TRIES} draws")


def _draw(torsions: list[Torsion], generator: np.random.Generator) -> list[tuple[Torsion, float]]:
    """Torsions and their new angles in radians."""
    residues = sorted({torsion.residue for torsion in torsions})
    backbone = {
        residue: _BACKBONES[generator.choice(4, p=(0.3, 0.3, 0.3, 0.1))] for residue in residues
    }
    drawn = []
    for torsion in torsions:
        if torsion.kind == "omega":
            continue
        if torsion.kind in ("phi", "psi"):
            centre = backbone[torsion.residue][torsion.kind == "psi"]
        else:
            centre = _ROTAMERS[generator.integers(3)]
        drawn.append((torsion, np.radians(centre + _SPREAD * generator.standard_normal())))
    return drawn
