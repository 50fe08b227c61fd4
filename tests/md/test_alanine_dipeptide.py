"""Against energies that the MD run itself stored (`alanine_dipeptide.npz`: frames of two runs)."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ase_tito.errors import DataError

openmm = pytest.importorskip("openmm")

from ase_tito.md.alanine_dipeptide import alanine_dipeptide_system, topology  # noqa: E402
from ase_tito.md.energies import EV_PER_KJ_MOL, potential_energies  # noqa: E402


@pytest.fixture(scope="module")
def stored():
    with np.load(Path(__file__).with_name("alanine_dipeptide.npz")) as data:
        return data["positions"], data["energies_kJ_mol"]


@pytest.fixture(scope="module")
def system():
    return alanine_dipeptide_system()


def test_energies_are_those_of_the_reference_data(system, stored):
    positions, expected = stored
    energies = potential_energies(system, positions) / EV_PER_KJ_MOL
    assert np.ptp(expected) > 50
    np.testing.assert_allclose(energies, expected, atol=0.05)


def test_energies_do_not_depend_on_the_frame_of_reference(system, stored):
    positions, _ = stored
    moved = positions @ Rotation.random(rng=0).as_matrix() + [5.0, 0.0, -3.0]
    np.testing.assert_allclose(
        potential_energies(system, moved), potential_energies(system, positions), atol=1e-4
    )


def test_atoms_and_bonds():
    molecule = topology()
    assert molecule.getNumAtoms() == 22
    assert molecule.getNumBonds() == 21
    names = [atom.name for atom in molecule.atoms()]
    assert [names[k] for k in (4, 6, 8, 14, 16)] == ["C", "N", "CA", "C", "N"]


def test_frames_of_another_molecule_are_refused(system):
    with pytest.raises(DataError, match="22"):
        potential_energies(system, np.zeros((3, 21, 3)))
    with pytest.raises(DataError, match="finite"):
        potential_energies(system, np.full((1, 22, 3), np.nan))
    assert potential_energies(system, np.zeros((0, 22, 3))).shape == (0,)
