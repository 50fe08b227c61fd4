"""The shipped model of peptides, on one longer than any it was trained on, and its mirror image."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ase import units

from ase_tito.analysis import dihedrals, peptide_torsions
from ase_tito.dynamics import TITODynamics, TITOEnsemble
from ase_tito.models import load_model, select_model
from ase_tito.structure import graph_from_atoms, read_structure

PDB = Path(__file__).parents[1] / "examples" / "data" / "alanine-tripeptide.pdb"
PS = 1000 * units.fs


@pytest.fixture
def tripeptide():
    """ACE-ALA-ALA-ALA-NME and its graph."""
    frames, bonds = read_structure(PDB)
    return frames[0], graph_from_atoms(frames[0], bonds)


def test_a_peptide_finds_its_model(tripeptide):
    atoms, graph = tripeptide
    assert select_model(graph, 310.0).name == "peptides"
    dynamics = TITODynamics(atoms, 100 * PS, temperature_K=310, rng=np.random.default_rng(0))
    assert dynamics.todict()["model"] == "peptides"
    dynamics.run(3)


def test_a_longer_one_stays_whole_and_moves(tripeptide):
    atoms, graph = tripeptide
    ensemble = TITOEnsemble(
        load_model("peptides"), graph, atoms.positions, 200.0, replicas=8, seed=0
    )
    valid = np.array([jump.first_valid for jump in ensemble.irun(10)])
    assert valid.mean() > 0.7
    torsions = peptide_torsions(graph.atomic_numbers, graph.bonds)
    psi = [torsion.atoms for torsion in torsions if torsion.kind == "psi"]
    frames = np.stack([ensemble.positions(k) for k in range(8)])
    assert np.ptp(dihedrals(frames, psi)) > 1.0


def test_d_amino_acids_are_the_mirror_image(tripeptide):
    atoms, graph = tripeptide
    mirrored = atoms.copy()
    mirrored.positions *= (1, 1, -1)
    mirror_graph = graph_from_atoms(mirrored, graph.bonds)
    assert (mirror_graph.tetrahedral == -graph.tetrahedral).all()
    assert np.abs(graph.tetrahedral).sum() == 3
    operator = load_model("peptides")
    noise = torch.randn(1, graph.n_atoms, 3, generator=torch.Generator().manual_seed(0))
    mirror = torch.tensor([1.0, 1.0, -1.0])
    x = torch.from_numpy(atoms.positions[None]).float()
    left = operator.sample(graph, x, 100.0, noise=noise).positions
    right = operator.sample(mirror_graph, x * mirror, 100.0, noise=noise * mirror).positions
    torch.testing.assert_close(left * mirror, right, atol=1e-3, rtol=0)
