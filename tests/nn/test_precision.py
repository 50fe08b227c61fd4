"""Other libraries, such as MACE, make float64 PyTorch's default: no matter of ours."""

import numpy as np
import pytest
import torch
from ase import units
from ase.build import molecule
from ase.calculators.emt import EMT

from ase_tito import TITODynamics, load_model
from ase_tito.dynamics import MetropolisHastings
from ase_tito.flow.density import Quadrature
from ase_tito.nn import EquivariantVelocity, VelocityConfig
from ase_tito.nn.precision import single_precision

SMALL = VelocityConfig(features=8, heads=2, blocks=1, pair_features=4)


@pytest.fixture
def double_by_default():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def moved(model, **options):
    atoms = molecule("CH3CH2OH")
    dynamics = TITODynamics(atoms, 100_000 * units.fs, model=model, seed=3, **options)
    dynamics.step()
    return atoms.positions


def test_networks_are_born_in_single_precision(double_by_default):
    network = EquivariantVelocity(SMALL)
    assert {tensor.dtype for tensor in (*network.parameters(), *network.buffers())} == {
        torch.float32
    }
    assert torch.get_default_dtype() == torch.float64


def test_the_default_comes_back_whatever_happens(double_by_default):
    with pytest.raises(KeyError), single_precision():
        raise KeyError
    assert torch.get_default_dtype() == torch.float64


def test_jumps_have_the_same_bits(tiny_checkpoint):
    jump, exact = (
        {},
        {"correction": MetropolisHastings(EMT(), quadrature=Quadrature(2, 1), check_every=1000)},
    )
    expected = [moved(tiny_checkpoint, **options) for options in (jump, exact)]
    model = load_model(tiny_checkpoint)
    torch.set_default_dtype(torch.float64)
    try:
        for given in (tiny_checkpoint, model):
            for options, positions in zip((jump, exact), expected, strict=True):
                assert np.array_equal(moved(given, **options), positions)
    finally:
        torch.set_default_dtype(torch.float32)
