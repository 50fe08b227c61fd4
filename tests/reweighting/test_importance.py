"""Importance weights on molecules of springs: normalizers, averages and populations are known."""

import numpy as np
import pytest
import torch
from ase.build import molecule
from scipy.stats import chi2

from ase_tito.analysis import histogram
from ase_tito.errors import ConfigError, DataError, DomainError, StructureError
from ase_tito.reweighting import (
    BoltzmannTarget,
    WeightedSamples,
    effective_sample_size,
    free_energy_difference,
    importance_sample,
)

KT = 8.617330337217213e-05 * 300.0


@pytest.fixture(scope="module")
def samples(water, prior, springs):
    """Of a prior 15 % too wide."""
    generator = torch.Generator().manual_seed(5)
    return importance_sample(
        prior(0.575), water, springs(0.5), 2000, generator=generator, batch_size=500
    )


def test_the_normalizer_is_exact(samples, springs):
    exact = springs(0.5).log_normalizer
    error = np.sqrt(1 / samples.effective_sample_size - 1 / 2000)
    assert abs(samples.log_normalizer - exact) < 4 * error
    assert error < 0.03
    assert samples.free_energy == pytest.approx(-KT * samples.log_normalizer, rel=1e-6)


def test_weighted_averages_are_the_calculators(samples, springs):
    square = springs(0.5).reduced_square(samples.positions)
    assert samples.weights @ square == pytest.approx(6.0, abs=0.25)
    assert square.mean() > 7.0, "without weights the average would be right, too"
    assert samples.weights @ samples.energies == pytest.approx(3.0 * KT, rel=0.05)


def test_weights_go_into_histograms(samples, springs):
    square = springs(0.5).reduced_square(samples.positions)
    edges = chi2.ppf(np.linspace(0, 0.9, 7), 6)
    weighted = histogram(square, [edges], samples.weights)
    np.testing.assert_allclose(weighted.counts, 0.15, atol=0.035)
    assert weighted.outside == pytest.approx(0.1, abs=0.035)


def test_free_energy_differences_with_error_bars(samples, springs):
    square = springs(0.5).reduced_square(samples.positions)
    wide = square > chi2.ppf(0.8, 6)
    exact = -KT * np.log(0.2 / 0.8)
    found = free_energy_difference(samples, ~wide, wide, generator=np.random.default_rng(0))
    assert found.contains(exact)
    assert 0 < found.high - found.low < 0.5 * KT
    plain = -KT * np.log(wide.mean() / (~wide).mean())
    assert not found.contains(plain), "without weights the difference would be right, too"


def test_the_effective_sample_size_counts_what_counts():
    assert effective_sample_size(np.zeros(7)) == pytest.approx(7)
    assert effective_sample_size([3.0, -np.inf, -np.inf]) == pytest.approx(1)
    assert effective_sample_size([2.0, 2.0, -np.inf]) == pytest.approx(2)
    with pytest.raises(DataError, match="no sample has a finite weight"):
        effective_sample_size([-np.inf, -np.inf])


def test_common_ancestors_widen_the_interval():
    rng = np.random.default_rng(1)
    state = rng.random(100) < 0.5
    copies = np.repeat(state, 10)
    widths = []
    for groups in (np.arange(1000), np.repeat(np.arange(100), 10)):
        samples = WeightedSamples(
            np.zeros((1000, 3, 3)), np.zeros(1000), np.zeros(1000), 0.0, groups, 300.0
        )
        found = free_energy_difference(
            samples, copies, ~copies, generator=np.random.default_rng(2), resamples=300
        )
        widths.append(found.high - found.low)
    assert 2.4 < widths[1] / widths[0] < 4.2  # √10


def test_states_without_weight_are_refused(samples):
    everything = np.ones(2000, bool)
    generator = np.random.default_rng(0)
    with pytest.raises(DataError, match="the second state holds no weight"):
        free_energy_difference(samples, everything, ~everything, generator=generator)
    with pytest.raises(DataError, match="the first state must be a truth value for each of 2000"):
        free_energy_difference(samples, np.ones(3, bool), everything, generator=generator)


def test_impossible_energies_count_for_nothing(water, springs):
    calculator = springs(0.5)
    target = BoltzmannTarget(water, calculator, 300.0)
    x = np.zeros((2, 3, 3))
    x[1, 0, 0] = np.nan
    energies, forces = target.reduced_forces(x)
    assert energies.tolist() == [0.0, np.inf]
    assert np.isfinite(forces).all()
    assert target.evaluations == 1


def test_refusals(water, prior, springs, rng, ethanol):
    with pytest.raises(ConfigError, match="count and batch_size must be positive"):
        importance_sample(prior(0.5), water, springs(0.5), 0, generator=rng)
    with pytest.raises(DomainError, match="not seen C"):
        importance_sample(prior(0.5), ethanol[0], springs(0.5), 2, generator=rng)
    with pytest.raises(ConfigError, match="temperature_K must be positive"):
        BoltzmannTarget(water, springs(0.5), 0.0)
    with pytest.raises(StructureError, match="cannot be shown HOH: the graph is of other atoms"):
        BoltzmannTarget(water, springs(0.5), 300.0, molecule("H2O")[[1, 0, 2]])
