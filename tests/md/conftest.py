"""Ethanol with a topology that is already made, so that tests need no quantum chemistry."""

from pathlib import Path

import pytest

TOPOLOGY = Path(__file__).with_name("ethanol.prmtop")


@pytest.fixture(scope="session")
def ethanol_molecule():
    """Ethanol with two starts."""
    pytest.importorskip("rdkit")
    from ase_tito.md.smiles import molecule_from_smiles

    return molecule_from_smiles("CCO", starts=2)


@pytest.fixture
def ethanol_system(ethanol_molecule):
    """GAFF2 ethanol with hydrogens of 4 amu."""
    from ase_tito.md.system import repartitioned_masses, set_masses, system_from_prmtop

    system = system_from_prmtop(TOPOLOGY)
    set_masses(system, repartitioned_masses(ethanol_molecule.graph, 4.0))
    return system


@pytest.fixture
def ready_made(monkeypatch):
    """Every SMILES is parametrised as ethanol, in no time."""
    monkeypatch.setattr("ase_tito.md.build.gaff_prmtop", lambda _: TOPOLOGY.read_text())
