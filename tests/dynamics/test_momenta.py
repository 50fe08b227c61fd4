import numpy as np
import pytest
from ase.constraints import FixCom

from ase_tito.dynamics.momenta import momenta_generator, set_momenta
from ase_tito.transfer.noise import keyed_generator


def test_keyed_and_apart_from_the_noise_of_jumps():
    numbers = {
        float(generator.standard_normal())
        for generator in (
            momenta_generator(0, 0, 1),
            momenta_generator(0, 0, 2),
            momenta_generator(0, 1, 1),
            momenta_generator(1, 0, 1),
            *(keyed_generator(0, 0, jump, retry) for jump in (0, 1) for retry in (0, 1)),
        )
    }
    assert len(numbers) == 8
    assert momenta_generator(5, 6, 7).normal() == momenta_generator(5, 6, 7).normal()


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
