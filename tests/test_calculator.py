"""The prior as a calculator: energies of a known law, forces that are their derivative."""

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import molecule
from ase.calculators.fd import calculate_numerical_forces
from ase.optimize import BFGS

from ase_tito import TITOCalculator
from ase_tito.errors import CheckpointError, ConfigError, DomainError, StructureError
from ase_tito.flow.ode import OdeSettings
from ase_tito.flow.source import HarmonicSource
from ase_tito.nn import EquivariantVelocity, VelocityConfig
from ase_tito.testing import OrnsteinUhlenbeckField
from ase_tito.transfer.domain import NO_LAGS, Domain
from ase_tito.transfer.prior import BoltzmannPrior

KT = units.kB * 300.0
SPREAD = 0.3
DOMAIN = Domain(NO_LAGS, (300.0, 300.0), (1, 8), (3, 4))


@pytest.fixture
def water():
    return molecule("H2O")


@pytest.fixture(scope="module")
def springs():
    """The exact prior N(0, SPREAD² C)."""
    field = OrnsteinUhlenbeckField(relaxation_time_ps=1e-6, spread=SPREAD)
    return BoltzmannPrior(field, HarmonicSource(), DOMAIN, coupling="independent")


@pytest.fixture(scope="module")
def network():
    """A network as it is born, which is no ensemble of any molecule."""
    config = VelocityConfig(
        features=8, heads=2, blocks=1, pair_features=4, frame="free", condition_blocks=0
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        field = EquivariantVelocity(config)
    torch.nn.init.normal_(field.skip.weight, generator=torch.Generator().manual_seed(1))
    return BoltzmannPrior(field.requires_grad_(False), HarmonicSource(), DOMAIN)


def stiffness(calculator):
    root = HarmonicSource().standard_deviation(calculator.graph)
    return np.linalg.pinv(root @ root) / SPREAD**2


def test_energies_of_a_known_law(water, springs):
    water.calc = TITOCalculator(springs, ode=OdeSettings("rk4", steps=40))
    energy, x = water.get_potential_energy(), water.positions - water.positions.mean(0)
    k = stiffness(water.calc)
    values = np.linalg.eigvalsh(np.linalg.pinv(k))[1:]
    expected = 0.5 * np.einsum("ic,ij,jc->", x, k, x) + 1.5 * np.log(2 * np.pi * values).sum()
    assert energy == pytest.approx(KT * expected, abs=0.002 * KT)
    np.testing.assert_allclose(water.get_forces(), -KT * k @ x, rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize(("method", "steps"), [("euler", 6), ("midpoint", 3), ("rk4", 2)])
def test_forces_are_the_exact_derivative_however_coarse_the_grid(water, network, method, steps):
    water.calc = TITOCalculator(network, ode=OdeSettings(method, steps=steps))
    numerical = calculate_numerical_forces(water, eps=1e-4)
    forces = water.get_forces()
    assert np.abs(forces).max() > 1e-3
    np.testing.assert_allclose(forces, numerical, atol=1e-7)


def test_energy_is_the_log_density_and_does_not_know_place_and_orientation(water, network):
    ode = OdeSettings("rk4", steps=3)
    water.calc = TITOCalculator(network, ode=ode)
    energy, forces = water.get_potential_energy(), water.get_forces()
    again = water.get_potential_energy()
    assert again == pytest.approx(energy, rel=1e-12), "with forces and without"
    density = water.calc.prior.log_prob(
        water.calc.graph, torch.from_numpy(water.positions), ode=ode
    )
    assert energy == pytest.approx(-KT * float(density.value), abs=1e-12)
    np.testing.assert_allclose(forces.sum(0), 0, atol=1e-10)
    turned = water.copy()
    turned.rotate(70, "xyz")
    turned.translate([3.0, -1.0, 2.0])
    turned.calc = water.calc
    assert turned.get_potential_energy() == pytest.approx(energy, abs=1e-9)


def test_optimizers_go_downhill(water, network):
    water.calc = TITOCalculator(network, ode=OdeSettings("midpoint", steps=3))
    before = water.get_potential_energy()
    BFGS(water, logfile=None).run(fmax=1e-9, steps=4)
    assert water.get_potential_energy() < before - 1e-4


class TestScore:
    def test_it_is_close_for_an_exact_field_and_its_error_is_told(self, water, springs):
        exact = TITOCalculator(springs, ode=OdeSettings("rk4", steps=40))
        score = TITOCalculator(springs, forces="score", ode=OdeSettings("rk4", steps=40))
        assert "approximation" in score.name
        assert "approximation" not in exact.name
        forces = exact.get_forces(water)
        found = score.get_forces(water)
        energy = exact.get_potential_energy(water)
        assert score.get_potential_energy(water) == pytest.approx(energy, rel=1e-12)
        error = score.score_error(water)
        assert error == pytest.approx(np.sqrt(np.square(found - forces).mean()), rel=1e-6)
        assert 0 < error < 0.02 * np.sqrt(np.square(forces).mean())

    def test_errors_grow_towards_the_end(self, water, springs):
        """As δu / (1 − s), for a velocity that is wrong by 0.01 Å in one direction."""

        class Wrong(OrnsteinUhlenbeckField):
            def __call__(self, z, s, context):
                push = torch.zeros_like(z)
                push[:, 0, 0], push[:, 1, 0] = 0.01, -0.01
                return super().__call__(z, s, context) + push

        field = Wrong(relaxation_time_ps=1e-6, spread=SPREAD)
        forces = []
        for s in (0.99, 0.999):
            for each in (field, springs.field):
                prior = BoltzmannPrior(each, HarmonicSource(), DOMAIN, coupling="independent")
                calculator = TITOCalculator(prior, forces="score", score_time=s)
                forces.append(calculator.get_forces(water))
        first, second = (np.abs(forces[k] - forces[k + 1]).max() for k in (0, 2))
        assert second / first == pytest.approx(10 * (0.999 / 0.99) ** 2, rel=1e-3)

    def test_it_needs_the_independent_coupling(self, water, network):
        water.calc = TITOCalculator(network, forces="score")
        with pytest.raises(ConfigError, match="no known score: it was trained with the coupling"):
            water.get_forces()


def test_refusals(water, network, springs):
    with pytest.raises(CheckpointError, match=r"'alanine-dipeptide' has no Boltzmann prior; "):
        TITOCalculator("alanine-dipeptide")
    with pytest.raises(ConfigError, match="forces must be 'exact' or 'score'"):
        TITOCalculator(network, forces="none")
    for method in ("dopri5", "multistep"):
        with pytest.raises(ConfigError, match=f"'euler' or 'midpoint' or 'rk4', not '{method}'"):
            TITOCalculator(network, ode=OdeSettings(method))
    with pytest.raises(ConfigError, match="fixed grid"):
        TITOCalculator(network, forces="score", ode=OdeSettings("dopri5"))
    with pytest.raises(DomainError, match="310 K is outside"):
        TITOCalculator(network, temperature_K=310.0)
    methane = molecule("CH4")
    methane.calc = TITOCalculator(springs)
    with pytest.raises(DomainError, match="not seen C"):
        methane.get_potential_energy()
    water.calc = TITOCalculator(springs)
    water.get_potential_energy()
    with pytest.raises(StructureError, match="is for OH2, in this order of atoms, not for HOH"):
        water.calc.get_potential_energy(Atoms("HOH", positions=water.positions[[1, 0, 2]]))
