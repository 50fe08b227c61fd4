"""An OpenMM system as an ASE calculator."""

import numpy as np
import pytest
from ase import Atoms

pytest.importorskip("openmm")

from ase_tito.errors import DataError
from ase_tito.md.calculator import OpenMMCalculator
from ase_tito.md.energies import potential_energies


@pytest.fixture
def atoms(ethanol_molecule, ethanol_system):
    positions = ethanol_molecule.starts[0] + np.random.default_rng(0).normal(0, 0.05, (9, 3))
    atoms = Atoms(ethanol_molecule.graph.atomic_numbers, positions)
    atoms.calc = OpenMMCalculator(ethanol_system)
    return atoms


def test_energy(atoms, ethanol_system):
    expected = potential_energies(ethanol_system, atoms.positions[None])[0]
    assert atoms.get_potential_energy() == pytest.approx(expected, abs=1e-9)
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()


def test_forces_are_minus_the_gradient(atoms):
    forces = atoms.get_forces()
    assert np.abs(forces).max() > 0.5
    step = 1e-4
    numerical = np.empty_like(forces)
    for place in np.ndindex(*forces.shape):
        energies = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.calc = atoms.calc
            moved.positions[place] += sign * step
            energies.append(moved.get_potential_energy())
        numerical[place] = -(energies[0] - energies[1]) / (2 * step)
    np.testing.assert_allclose(forces, numerical, atol=1e-5)


def test_forces_sum_to_nothing_and_turn_with_the_molecule(atoms):
    forces = atoms.get_forces()
    np.testing.assert_allclose(forces.sum(0), 0, atol=1e-9)
    turned = atoms.copy()
    turned.positions = atoms.positions[:, [1, 2, 0]]
    turned.calc = atoms.calc
    np.testing.assert_allclose(turned.get_forces(), forces[:, [1, 2, 0]], atol=1e-9)


def test_other_atoms_are_refused(atoms):
    water = Atoms("H2O", np.eye(3), calculator=atoms.calc)
    with pytest.raises(DataError, match="the system has 9 atoms, and these are 3"):
        water.get_potential_energy()
