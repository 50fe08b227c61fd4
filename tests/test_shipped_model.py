"""The shipped alanine-dipeptide model: healthy from any start, mirror-symmetric, and unchanged.

After an intended change of the model: python tests/test_shipped_model.py writes the regression file
anew.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from ase_tito import load_model
from ase_tito.dynamics import TITODynamics, TITOEnsemble
from ase_tito.graph import GraphBatch
from ase_tito.structure import graph_from_atoms, read_structure
from ase_tito.transfer.noise import keyed_noise

PDB = Path(__file__).parents[1] / "examples" / "data" / "alanine-dipeptide.pdb"
REGRESSION = Path(__file__).parent / "data" / "shipped-model.npz"
PHI, PSI = (4, 6, 8, 14), (6, 8, 14, 16)
CA_CB, CA_HA, C_O = (8, 10), (8, 9), (14, 15)
LAGS_PS = (1.0, 30.0, 1000.0)


@pytest.fixture(scope="module")
def operator():
    return load_model("alanine-dipeptide")


@pytest.fixture(scope="module")
def start():
    """Atoms and graph of the shipped structure."""
    frames, bonds = read_structure(PDB)
    return frames[0], graph_from_atoms(frames[0], bonds)


def minimized(atoms):
    """The geometry at 0 K next to the given one."""
    openmm = pytest.importorskip("openmm")
    from ase_tito.md.alanine_dipeptide import alanine_dipeptide_system

    context = openmm.Context(
        alanine_dipeptide_system(),
        openmm.VerletIntegrator(0.001),
        openmm.Platform.getPlatformByName("Reference"),
    )
    context.setPositions(0.1 * atoms.positions)
    openmm.LocalEnergyMinimizer.minimize(context)
    positions = context.getState(getPositions=True).getPositions(asNumpy=True)
    return np.array(positions.value_in_unit(openmm.unit.angstrom))


def built(atoms, phi, psi):
    """Ideal torsions, as a builder leaves them."""
    copy = atoms.copy()
    for torsion, angle in ((PHI, phi), (PSI, psi)):
        beyond = [k for k in range(len(copy)) if _beyond(k, torsion)]
        copy.set_dihedral(*torsion, angle, indices=beyond)
    return copy.positions


def _beyond(atom, torsion):
    # atoms that turn with the end of the chain; in the order ACE, ALA, NME
    return atom >= 14 or (torsion is PHI and 9 <= atom < 14)


def test_starts_far_from_equilibrium_become_healthy(operator, start):
    atoms, graph = start
    at_rest = minimized(atoms)
    rested = atoms.copy()
    rested.positions = at_rest
    starts = [at_rest, built(rested, 180, 180), built(rested, -60, -45), built(rested, 60, 40)]
    ensemble = TITOEnsemble(operator, graph, np.stack(starts), 100.0, seed=1)
    frames, invalid = [], 0
    for jump in ensemble.irun(100):
        frames.append([ensemble.positions(k) for k in range(4)])
        invalid += int((~jump.first_valid).sum())
    frames = np.array(frames)
    assert np.isfinite(frames).all()
    assert invalid <= 10, f"{invalid} of 400 first proposals were invalid"
    from ase_tito.md.alanine_dipeptide import alanine_dipeptide_system
    from ase_tito.md.energies import EV_PER_KJ_MOL, potential_energies

    late = frames[5:].reshape(-1, *frames.shape[2:])
    energies = potential_energies(alanine_dipeptide_system(), late) / EV_PER_KJ_MOL
    # MD at 300 K: median −97.8, quartiles −106.4 and −88.4 kJ/mol
    assert np.median(energies) == pytest.approx(-97.8, abs=6)
    for (i, j), length in ((CA_CB, 1.538), (CA_HA, 1.10), (C_O, 1.23)):
        bond = np.linalg.norm(late[:, i] - late[:, j], axis=1)
        assert bond.mean() == pytest.approx(length, abs=0.02)
    drift = np.abs(frames.mean(2) - np.stack(starts).mean(1)).max()
    assert drift < 2.0, "centres of mass must stay, and centroids near them"


def test_the_mirror_image_gives_the_mirrored_trajectory(operator, start):
    atoms, graph = start
    x = torch.from_numpy(atoms.positions)[None]
    noise = keyed_noise([22], 22, 0, [0], 0, dtype=torch.float64)
    left = operator.sample(graph, x, 100.0, noise=noise).positions
    right = operator.sample(graph.mirrored(), -x, 100.0, noise=-noise).positions
    torch.testing.assert_close(right, -left, atol=1e-4, rtol=0)


def test_atoms_in_another_order_move_alike(operator, start):
    atoms, graph = start
    order = np.random.default_rng(0).permutation(22)
    x = torch.from_numpy(atoms.positions)[None]
    noise = keyed_noise([22], 22, 0, [0], 0, dtype=torch.float64)
    y = operator.sample(graph, x, 100.0, noise=noise).positions
    moved = operator.sample(graph.permuted(order), x[:, order], 100.0, noise=noise[:, order])
    torch.testing.assert_close(moved.positions, y[:, order], atol=1e-4, rtol=0)


def test_is_chosen_for_its_molecule(start):
    atoms, _ = start
    dynamics = TITODynamics(atoms.copy(), 1e4, temperature_K=300, seed=0)
    assert dynamics.todict()["model"] == "alanine-dipeptide"


def jumps(operator, start):
    """One jump of each lag from the shipped structure, with keyed noise, shape (3, 22, 3)."""
    atoms, graph = start
    count = len(LAGS_PS)
    x = torch.from_numpy(atoms.positions).expand(count, -1, -1)
    noise = keyed_noise([22] * count, 22, 0, range(count), 0)
    batch = GraphBatch.replicate(graph, count)
    return operator.sample(batch, x, torch.tensor(LAGS_PS), noise=noise).positions.numpy()


def test_samples_are_what_they_were(operator, start):
    # float32 and 40 steps: other processors and library versions agree to far better than this
    np.testing.assert_allclose(jumps(operator, start), np.load(REGRESSION)["positions"], atol=1e-2)


if __name__ == "__main__":
    frames, bonds = read_structure(PDB)
    first = (frames[0], graph_from_atoms(frames[0], bonds))
    np.savez_compressed(REGRESSION, positions=jumps(load_model("alanine-dipeptide"), first))
