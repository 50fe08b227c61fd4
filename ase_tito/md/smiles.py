"""From SMILES to geometries, by RDKit: distance geometry (ETKDG) and the MMFF94 force field.

S. Riniker, G. A. Landrum, J. Chem. Inf. Model. 55, 2562 (2015); T. A. Halgren, J. Comput. Chem. 17,
490 (1996).
"""

from __future__ import annotations

import os
from itertools import product

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import EnumerateStereoisomers, rdDistGeom, rdForceFieldHelpers
from rdkit.Chem import rdMolTransforms as transforms

from ase_tito.data.names import name_of_smiles
from ase_tito.errors import StructureError
from ase_tito.md.molecule import BuiltMolecule
from ase_tito.perception import build_graph
from ase_tito.prostereo import with_sides_of

_CONFORMERS = 10
"""That the start of lowest energy is chosen from."""


def parse_smiles(smiles: str) -> Chem.Mol:
    """The molecule of a SMILES, its unspecified stereochemistry fixed, without explicit hydrogens.

    Of several stereoisomers, the one whose canonical SMILES sorts first is taken, so that the
    choice does not depend on how the SMILES is written.

    Raises
    ------
    StructureError
        For what is no SMILES, several molecules, radicals, and a single atom.
    """
    with rdBase.BlockLogs():  # its errors are ours to report
        molecule = Chem.MolFromSmiles(smiles) if smiles.strip() else None
    if molecule is None:
        raise StructureError(f"{smiles!r} is no SMILES that RDKit understands")
    if len(Chem.GetMolFrags(molecule)) > 1:
        raise StructureError(f"{smiles!r} holds several molecules; give one at a time")
    radicals = [atom for atom in molecule.GetAtoms() if atom.GetNumRadicalElectrons()]
    if radicals:
        atom = radicals[0]
        raise StructureError(
            f"{smiles!r}: atom {atom.GetIdx()} ({atom.GetSymbol()}) has unpaired electrons; force "
            "fields know closed shells only"
        )
    if Chem.AddHs(molecule).GetNumAtoms() < 2:
        raise StructureError(f"{smiles!r} is a single atom, which has no dynamics to learn")
    isomers = EnumerateStereoisomers.EnumerateStereoisomers(
        molecule,
        options=EnumerateStereoisomers.StereoEnumerationOptions(onlyUnassigned=True, unique=True),
    )
    return Chem.MolFromSmiles(min(Chem.MolToSmiles(isomer) for isomer in isomers))


def molecule_from_smiles(
    smiles: str, *, starts: int = 1, slow_starts: int | None = None, seed: int = 0, name: str = ""
) -> BuiltMolecule:
    """Build a molecule with one geometry for each run.

    Parameters
    ----------
    smiles : str
    starts : int
        Geometries: conformers of distance geometry, minimized, that of lowest energy first.
    slow_starts : int, optional
        Instead of `starts` for molecules with torsions that hardly turn at room temperature
        (`slow_torsions`). These take both of their positions by turns.
    seed : int
    name : str
        By default made from the SMILES.

    Raises
    ------
    StructureError
        For what `parse_smiles` refuses, and for molecules that RDKit finds no geometry of.
    """
    flat = parse_smiles(smiles)
    canonical = Chem.MolToSmiles(flat)
    molecule = Chem.AddHs(flat)
    turnable = slow_torsions(molecule)
    count = slow_starts if turnable and slow_starts is not None else starts
    keys = rdDistGeom.ETKDGv3()
    keys.randomSeed = seed % 2**31  # type: ignore[assignment]  # its stubs are wrong
    conformers = list(rdDistGeom.EmbedMultipleConfs(molecule, max(_CONFORMERS, count), keys))
    if not conformers:
        raise StructureError(f"{smiles!r}: RDKit finds no geometry for this molecule")
    energies = _minimized(molecule)
    order = [conformers[k] for k in np.argsort(energies, kind="stable")]
    flips = list(product((False, True), repeat=len(turnable)))
    for k in range(1, count):
        conformer = molecule.GetConformer(order[k % len(order)])
        for torsion, flip in zip(turnable, flips[k % len(flips)][::-1], strict=True):
            if flip:
                angle = transforms.GetDihedralDeg(molecule.GetConformer(order[0]), *torsion)
                transforms.SetDihedralDeg(conformer, *torsion, angle + 180)
    if turnable and count > 1:
        _minimized(molecule)
    positions = np.stack(
        [molecule.GetConformer(order[k % len(order)]).GetPositions() for k in range(count)]
    )
    numbers = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
    bonds = [(b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.GetBonds()]
    graph = build_graph(numbers, positions[0], bonds)
    return BuiltMolecule(
        name or name_of_smiles(canonical),
        graph,
        # distance geometry names the hydrogens of a CH2 as it likes, MD keeps what it is given
        with_sides_of(positions[0], positions, graph),
        canonical,
        Chem.GetFormalCharge(molecule),
    )


def read_sdf(path: str | os.PathLike[str]) -> list[tuple[str, str]]:
    """SMILES and titles ('' where there is none) of all molecules of an SD file or molfile.

    Stereochemistry is that of the coordinates where these are three-dimensional; of the geometry
    nothing else is used.

    Raises
    ------
    StructureError
        Naming the file, and the molecule in it that cannot be read.
    """
    try:
        with rdBase.BlockLogs():
            molecules = list(Chem.SDMolSupplier(str(path)))
    except OSError as error:
        raise StructureError(f"{path}: cannot be read as molecules ({error})") from error
    found = []
    for number, molecule in enumerate(molecules, 1):
        if molecule is None or not molecule.GetNumAtoms():
            raise StructureError(f"{path}: molecule {number} cannot be read")
        if molecule.GetConformer().Is3D():
            Chem.AssignStereochemistryFrom3D(molecule)
        found.append((Chem.MolToSmiles(molecule), "-".join(molecule.GetProp("_Name").split())))
    return found


def slow_torsions(molecule: Chem.Mol) -> list[tuple[int, int, int, int]]:
    """Conjugated single bonds that a turn by half changes: amides, esters, acids, dienes, ...

    Parameters
    ----------
    molecule : Chem.Mol
        With explicit hydrogens.

    Returns
    -------
    list of (int, int, int, int)
        The four atoms of one torsion about each.
    """
    ranks = list(Chem.CanonicalRankAtoms(molecule, breakTies=False))
    found = []
    for bond in molecule.GetBonds():
        if bond.GetBondType() != Chem.BondType.SINGLE or not bond.GetIsConjugated():
            continue
        ends = (bond.GetBeginAtom(), bond.GetEndAtom())
        outer = [
            [n.GetIdx() for n in end.GetNeighbors() if n.GetIdx() != other.GetIdx()]
            for end, other in (ends, ends[::-1])
        ]
        linear = any(end.GetHybridization() == Chem.HybridizationType.SP for end in ends)
        symmetric = any(len(side) != len({ranks[k] for k in side}) for side in outer)
        if bond.IsInRing() or linear or symmetric or not all(outer):
            continue
        found.append((outer[0][0], ends[0].GetIdx(), ends[1].GetIdx(), outer[1][0]))
    return found


def double_bonds(molecule: BuiltMolecule) -> list[tuple[int, int]]:
    """Localized double bonds of C and N that something could turn about."""
    found = []
    for bond in _with_bond_orders(molecule).GetBonds():
        ends = (bond.GetBeginAtom(), bond.GetEndAtom())
        if bond.GetBondType() == Chem.BondType.DOUBLE and all(
            end.GetAtomicNum() in (6, 7)
            and end.GetDegree() > 1
            and end.GetHybridization() != Chem.HybridizationType.SP
            for end in ends
        ):
            found.append((ends[0].GetIdx(), ends[1].GetIdx()))
    return found


def molfile(molecule: BuiltMolecule) -> str:
    """The molecule's first start as a molfile with bond orders, atoms in the same order."""
    explicit = _with_bond_orders(molecule)
    conformer = Chem.Conformer(explicit.GetNumAtoms())
    conformer.SetPositions(molecule.starts[0])
    explicit.AddConformer(conformer)
    return str(Chem.MolToMolBlock(explicit))


def _with_bond_orders(molecule: BuiltMolecule) -> Chem.Mol:
    explicit = Chem.AddHs(Chem.MolFromSmiles(molecule.smiles))
    numbers = [atom.GetAtomicNum() for atom in explicit.GetAtoms()]
    if numbers != molecule.graph.atomic_numbers.tolist():
        raise StructureError(f"{molecule.name}: its SMILES has other atoms than its geometry")
    return explicit


def _minimized(molecule: Chem.Mol) -> list[float]:
    """Minimize all conformers in place; their energies in kcal/mol."""
    if rdForceFieldHelpers.MMFFHasAllMoleculeParams(molecule):
        results = rdForceFieldHelpers.MMFFOptimizeMoleculeConfs(molecule, maxIters=2000)
    else:
        results = rdForceFieldHelpers.UFFOptimizeMoleculeConfs(molecule, maxIters=2000)
    return [energy for _, energy in results]
