"""Molecules of springs, whose Boltzmann distribution and prior are both known exactly."""

import numpy as np
import pytest
from ase import units
from ase.build import molecule
from ase.calculators.calculator import Calculator, all_changes

TEMPERATURE = 300.0


class Springs(Calculator):
    """U = k_BT/2 xᵀ (w C)⁺ x: N(0, w C) at 300 K, C the covariance of the harmonic source."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012 - as in ASE

    def __init__(self, graph, spread):
        super().__init__()
        from ase_tito.flow.source import HarmonicSource

        root = HarmonicSource().standard_deviation(graph)
        self.kT = units.kB * TEMPERATURE
        self.stiffness = self.kT * np.linalg.pinv(root @ root) / spread**2
        values = np.linalg.eigvalsh(root)[1:] * spread
        self.log_normalizer = 3 * np.log(values * np.sqrt(2 * np.pi)).sum()

    def reduced_square(self, x):
        """XᵀΣ⁻¹x, chi-squared with 3n − 3 degrees of freedom."""
        return np.einsum("bic,ij,bjc->b", x, self.stiffness / self.kT, x)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        x = self.atoms.positions
        self.results = {
            "energy": 0.5 * np.einsum("ic,ij,jc->", x, self.stiffness, x),
            "forces": -self.stiffness @ x,
        }


@pytest.fixture(scope="session")
def water():
    from ase_tito.perception import build_graph

    atoms = molecule("H2O")
    return build_graph(atoms.numbers, atoms.positions)


@pytest.fixture(scope="session")
def springs(water):
    """The calculator of springs of a given width."""
    return lambda spread: Springs(water, spread)


@pytest.fixture(scope="session")
def prior(water):
    """The exact prior of springs of a given width."""
    from ase_tito.flow.source import HarmonicSource
    from ase_tito.testing import OrnsteinUhlenbeckField
    from ase_tito.transfer.domain import NO_LAGS, Domain
    from ase_tito.transfer.prior import BoltzmannPrior

    def make(spread):
        field = OrnsteinUhlenbeckField(relaxation_time_ps=1e-6, spread=spread)
        domain = Domain(NO_LAGS, (TEMPERATURE, TEMPERATURE), (1, 8), (3, 3))
        return BoltzmannPrior(field, HarmonicSource(), domain)

    return make
