"""Amber topologies as flexible OpenMM systems."""

import numpy as np
import pytest

pytest.importorskip("openmm")

import openmm

from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph
from ase_tito.md.energies import potential_energies
from ase_tito.md.solvent import named_solvent
from ase_tito.md.system import (
    LEAST_HEAVY_MASS,
    repartitioned_masses,
    set_masses,
    system_from_prmtop,
)
from tests.md.conftest import TOPOLOGY


def masses(system):
    return np.array(
        [
            system.getParticleMass(k).value_in_unit(openmm.unit.dalton)
            for k in range(system.getNumParticles())
        ]
    )


def test_repartitioning_moves_mass_from_heavy_atoms_to_their_hydrogens(ethanol_molecule):
    graph = ethanol_molecule.graph
    before, after = (repartitioned_masses(graph, mass) for mass in (1.008, 4.0))
    assert after.sum() == pytest.approx(before.sum())
    assert (after[graph.atomic_numbers == 1] == 4.0).all()
    assert (after[graph.atomic_numbers > 1] < before[graph.atomic_numbers > 1]).all()
    np.testing.assert_allclose(before, masses(system_from_prmtop(TOPOLOGY)), atol=0.02)


def test_methane_keeps_a_carbon():
    methane = MolecularGraph([6, 1, 1, 1, 1], [(0, k) for k in range(1, 5)])
    after = repartitioned_masses(methane, 4.0)
    assert after[0] == pytest.approx(LEAST_HEAVY_MASS)
    assert after.sum() == pytest.approx(repartitioned_masses(methane, 1.008).sum())


def test_isotopes_keep_their_masses_or_reach_the_heavy_one():
    methane = MolecularGraph([6, 1, 1, 1, 1], [(0, k) for k in range(1, 5)])
    isotopes = [12.011, 1.008, 2.014, 1.008, 1.008]
    assert repartitioned_masses(methane, 1.008, isotopes).tolist() == isotopes
    after = repartitioned_masses(methane, 3.0, isotopes)
    np.testing.assert_allclose(after, [sum(isotopes) - 12, 3, 3, 3, 3])


def test_masses_do_not_change_the_potential_energy(ethanol_molecule, ethanol_system):
    light = system_from_prmtop(TOPOLOGY)
    assert not np.allclose(masses(light), masses(ethanol_system))
    frames = ethanol_molecule.starts + np.random.default_rng(0).normal(0, 0.1, (2, 9, 3))
    assert np.array_equal(
        potential_energies(light, frames), potential_energies(ethanol_system, frames)
    )


def test_flexible_and_without_cutoff(ethanol_system):
    assert ethanol_system.getNumConstraints() == 0
    (nonbonded,) = (f for f in ethanol_system.getForces() if isinstance(f, openmm.NonbondedForce))
    assert nonbonded.getNonbondedMethod() == openmm.NonbondedForce.NoCutoff


def test_a_system_is_made_for_whatever_solvent_a_force_field_names(ethanol_molecule):
    energies = {
        named: potential_energies(
            system_from_prmtop(TOPOLOGY, implicit_solvent=named), ethanol_molecule.starts
        )
        for named in map(named_solvent, ("GAFF2", "GAFF2, vacuum", "GAFF2, OBC2"))
    }
    assert np.array_equal(energies["vacuum"], energies[None])
    assert (energies["OBC2"] < energies["vacuum"] - 0.05).all()


def test_set_masses(ethanol_system):
    set_masses(ethanol_system, np.arange(1.0, 10.0))
    assert masses(ethanol_system).tolist() == list(range(1, 10))


def test_what_is_no_topology_is_refused(tmp_path):
    path = tmp_path / "x.prmtop"
    path.write_text("nothing of the kind\n")
    with pytest.raises(DataError, match=r"x\.prmtop: not a readable Amber topology"):
        system_from_prmtop(path)
