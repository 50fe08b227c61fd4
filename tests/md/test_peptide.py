"""Peptides by tleap: the right force field, geometry and handedness."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openmm")

import openmm

from ase_tito.analysis.geometry import check_frames
from ase_tito.analysis.internals import dihedrals
from ase_tito.analysis.torsions import peptide_torsions, torsion_atoms
from ase_tito.md.alanine_dipeptide import ATOM_NAMES
from ase_tito.md.energies import EV_PER_KJ_MOL, potential_energies
from ase_tito.md.peptide import build_peptide
from ase_tito.md.sequence import parse_sequence
from ase_tito.md.system import system_from_prmtop


@pytest.fixture
def system_of(tmp_path):
    def make(text, implicit_solvent="OBC2"):
        path = tmp_path / "x.prmtop"
        path.write_text(text)
        return system_from_prmtop(path, implicit_solvent=implicit_solvent)

    return make


def test_the_system_of_the_alanine_dipeptide_data(system_of):
    molecule, topology = build_peptide(
        parse_sequence("A"), name="ACE-ALA-NME", force_field="ff96", starts=2
    )
    letters = [name[0] for names in ATOM_NAMES.values() for name in names]
    assert ["HCNO"[[1, 6, 7, 8].index(z)] for z in molecule.graph.atomic_numbers] == letters
    system = system_of(topology)
    (solvent,) = (f for f in system.getForces() if "GB" in f.getName())
    assert isinstance(solvent, openmm.GBSAOBCForce)
    with np.load(Path(__file__).with_name("alanine_dipeptide.npz")) as stored:
        energies = potential_energies(system, stored["positions"]) / EV_PER_KJ_MOL
        np.testing.assert_allclose(energies, stored["energies_kJ_mol"], atol=0.05)


def test_starts_are_l_amino_acids_without_clashes():
    molecule, _ = build_peptide(parse_sequence("ALA-HIE-THR"), name="x", starts=4, seed=1)
    graph = molecule.graph
    assert not check_frames(molecule.starts, graph).invalid.any()
    torsions = peptide_torsions(graph.atomic_numbers, graph.bonds)
    angles = dihedrals(molecule.starts, torsion_atoms(torsions))
    omega = np.array([torsion.kind == "omega" for torsion in torsions])
    assert (np.cos(angles[:, omega]) < -0.99).all()
    varied = angles[:, ~omega].std(0)
    assert (varied > 0.02).all()
    assert (varied > 0.5).mean() > 0.5
    alphas = [torsion.atoms[2] for torsion in torsions if torsion.kind == "phi"]
    assert len(alphas) == 3
    assert (graph.tetrahedral[alphas] == 1).all()
    again, _ = build_peptide(parse_sequence("ALA-HIE-THR"), name="x", starts=4, seed=1)
    assert np.array_equal(again.starts, molecule.starts)


@pytest.mark.parametrize("sequence", ["WP", "FP"])
def test_atoms_that_overlap_in_a_stretched_chain_do_not_matter(sequence):
    """tleap puts H of the terminal amine 0.3 Å from H of a following proline."""
    molecule, _ = build_peptide(parse_sequence(sequence, capped=False), name="x", starts=2)
    assert not check_frames(molecule.starts, molecule.graph).invalid.any()
    assert np.count_nonzero(molecule.graph.tetrahedral == 1) == 2


def test_protonation_and_ends():
    def atoms_and_charge(sequence, capped=True):
        molecule, topology = build_peptide(parse_sequence(sequence, capped=capped), name="x")
        return molecule.graph.n_atoms, molecule.charge, topology

    neutral, charged = atoms_and_charge("ASH"), atoms_and_charge("D")
    assert neutral[0] == charged[0] + 1
    assert (neutral[1], charged[1]) == (0, -1)
    assert atoms_and_charge("HIP")[1] == 1
    zwitterion = atoms_and_charge("AK", capped=False)
    assert zwitterion[1] == 1
    # NH3+ and COO-: two atoms more than H-(...)-H would have, none of the twelve of the caps
    assert zwitterion[0] == atoms_and_charge("AK")[0] - 12 + 3


def test_charges_sum_to_the_charge_that_is_told(system_of):
    molecule, topology = build_peptide(parse_sequence("REK", capped=False), name="x")
    system = system_of(topology)  # its forces live only as long as it does
    (nonbonded,) = (f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    total = sum(
        nonbonded.getParticleParameters(k)[0].value_in_unit(openmm.unit.elementary_charge)
        for k in range(molecule.graph.n_atoms)
    )
    assert total == pytest.approx(molecule.charge, abs=1e-3) == pytest.approx(1, abs=1e-3)


def test_radii_matter(system_of):
    energies = []
    for radii in ("mbondi2", "mbondi3"):
        molecule, topology = build_peptide(parse_sequence("R"), name="x", radii=radii)
        energies.append(potential_energies(system_of(topology), molecule.starts)[0])
    vacuum = potential_energies(system_of(topology, None), molecule.starts)[0]
    assert energies[0] != pytest.approx(energies[1], abs=1e-3)
    assert max(energies) < vacuum
