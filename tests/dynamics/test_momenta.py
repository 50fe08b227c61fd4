import numpy as np
import pytest
from ase.constraints import FixCom

from ase_tito.dynamics.momenta import set_momenta


def test_keyed_by_jump_and_replica(atoms):
    drawn = []
    for key in ({"jump": 1}, {"jump": 2}, {"jump": 1, "replica": 1}, {"jump": 1}):
        set_momenta(atoms, "maxwell-boltzmann", 300.0, seed=0, **key)
        drawn.append(atoms.get_momenta()[0, 0])
    assert len(set(drawn)) == 3
    assert drawn[0] == drawn[3]


def test_equipartition(atoms):
    momenta = []
    for jump in range(2000):
        set_momenta(atoms, "maxwell-boltzmann", 300.0, seed=0, jump=jump)
        momenta.append(atoms.get_momenta())
    kinetic = np.square(momenta).mean((0, 2)) / atoms.get_masses()
    assert kinetic == pytest.approx(0.0258520, rel=0.06)  # kT at 300 K in eV, for each atom


def test_fixcom(atoms):
    atoms.set_constraint(FixCom())
    set_momenta(atoms, "maxwell-boltzmann", 300.0, seed=0, jump=1)
    assert np.allclose(atoms.get_momenta().sum(0), 0, atol=1e-12)
