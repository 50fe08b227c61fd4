"""From a molecule's plan to what a run needs: geometries, a force field, an engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ase import Atoms

from ase_tito.atomic import write_atomically
from ase_tito.errors import StructureError
from ase_tito.md.ase_langevin import AseLangevinEngine, load_calculator
from ase_tito.md.engine import Engine, seed_of
from ase_tito.md.exchange import ExchangeEngine
from ase_tito.md.gaff import gaff_prmtop
from ase_tito.md.langevin import LangevinEngine
from ase_tito.md.molecule import BuiltMolecule, load_molecule, save_molecule
from ase_tito.md.peptide import build_peptide
from ase_tito.md.plan import CalculatorPlan, MoleculePlan
from ase_tito.md.smiles import molecule_from_smiles
from ase_tito.md.system import repartitioned_masses, set_masses, system_from_prmtop
from ase_tito.structure import graph_from_atoms, read_structure

MOLECULE, TOPOLOGY = "molecule.npz", "system.prmtop"


def prepare(plan: MoleculePlan, folder: Path, seed: int) -> BuiltMolecule:
    """The molecule of a plan, with its topology beside it; both are made once and kept.

    Raises
    ------
    TITOError
        If it cannot be built or parametrised.
    """
    if not (folder / MOLECULE).exists():
        own = seed_of(seed, plan.name, "conformers")
        topology = ""
        if plan.peptide is not None:
            molecule, topology = build_peptide(
                plan.peptide.residues,
                name=plan.name,
                force_field=plan.peptide.force_field,
                radii=plan.peptide.radii,
                starts=plan.starts,
                seed=own,
            )
        elif plan.calculator is not None:
            molecule = _from_structure(plan.name, plan.calculator, plan.starts)
        else:
            molecule = molecule_from_smiles(
                plan.smiles,
                starts=plan.starts,
                slow_starts=plan.slow_starts,
                seed=own,
                name=plan.name,
            )
            topology = gaff_prmtop(molecule)
        if topology:
            write_atomically(folder / TOPOLOGY, topology.encode())
        save_molecule(folder / MOLECULE, molecule)
    return load_molecule(folder / MOLECULE)


def engine(
    plan: MoleculePlan, molecule: BuiltMolecule, folder: Path, *, exchange: bool = False
) -> Engine:
    """What advances a prepared molecule: Langevin dynamics, or replica exchange."""
    atoms = molecule.template
    if atoms is None:
        atoms = Atoms(molecule.graph.atomic_numbers)
    masses = repartitioned_masses(
        molecule.graph, plan.settings.hydrogen_mass_amu, atoms.get_masses()
    )
    if plan.calculator is not None:
        calculator = load_calculator(plan.calculator.calculator)
        return AseLangevinEngine(atoms, calculator, plan.settings, masses)
    system = system_from_prmtop(
        folder / TOPOLOGY, implicit_solvent="OBC2" if plan.peptide is not None else None
    )
    set_masses(system, masses)
    if exchange and plan.exchange is not None:
        ladder = plan.exchange.ladder(plan.settings.temperature_K, molecule.graph.n_atoms)
        return ExchangeEngine(system, plan.settings, ladder, molecule.graph)
    return LangevinEngine(system, plan.settings)


def _from_structure(name: str, plan: CalculatorPlan, starts: int) -> BuiltMolecule:
    """The molecule of a structure file, whose frames are starts by turns."""
    frames, bonds = read_structure(plan.structure)
    graph = graph_from_atoms(frames[0], bonds)
    positions = [frames[k % len(frames)].positions for k in range(starts)]
    template = frames[0].copy()
    template.set_constraint()
    charge = template.info.get("charge", template.get_initial_charges().sum())
    try:
        total = round(float(charge))
    except (TypeError, ValueError, OverflowError):
        raise StructureError(
            f"{plan.structure}: the charge of its info must be a number, not {charge!r}"
        ) from None
    return BuiltMolecule(name, graph, np.stack(positions), "", total, template)
