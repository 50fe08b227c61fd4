import numpy as np
import pytest

from ase_tito.analysis.energy_distance import paired_energy_test
from ase_tito.errors import DataError


def test_a_shift_has_its_analytic_coefficient():
    """Unit Gaussians δ apart: ⟨|X − Y|⟩ = √(4/π) e^{−δ²/4} + δ erf(δ/2)."""
    from scipy.special import erf

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 2000, 1))
    delta = 0.6
    across = 2 / np.sqrt(np.pi) * np.exp(-(delta**2) / 4) + delta * erf(delta / 2)
    result = paired_energy_test(x, y + delta, generator=rng, permutations=100)
    assert result.coefficient == pytest.approx(1 - 2 / np.sqrt(np.pi) / across, abs=0.02)
    assert result.p_value == pytest.approx(1 / 101)


def test_p_values_of_equal_distributions_are_uniform():
    rng = np.random.default_rng(1)
    values = []
    for _ in range(100):
        # Pairs share their condition: what is compared is what differs within pairs.
        condition = rng.normal(size=(40, 1))
        x, y = condition + 0.3 * rng.normal(size=(2, 40, 1))
        values.append(paired_energy_test(x, y, generator=rng, permutations=99).p_value)
    assert 0.4 < np.mean(values) < 0.6
    assert np.mean(np.array(values) <= 0.1) < 0.2


def test_its_expectation_is_what_chance_gives():
    rng = np.random.default_rng(2)
    found = [
        paired_energy_test(*rng.normal(size=(2, 60, 2)), generator=rng, permutations=50)
        for _ in range(60)
    ]
    assert np.mean([result.coefficient for result in found]) == pytest.approx(
        np.mean([result.expected for result in found]), rel=0.15
    )


def test_what_cannot_be_tested_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="differ in shape"):
        paired_energy_test(np.zeros((5, 1)), np.zeros((4, 1)), generator=rng)
    with pytest.raises(DataError, match="same point"):
        paired_energy_test(np.zeros((5, 1)), np.zeros((5, 1)), generator=rng)
    with pytest.raises(DataError, match="thin them"):
        paired_energy_test(np.zeros((5000, 1)), np.zeros((5000, 1)), generator=rng)
