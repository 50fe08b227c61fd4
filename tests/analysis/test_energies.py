import numpy as np
import pytest
from ase.calculators.lj import LennardJones

from ase_tito.analysis.energies import QUANTILES, energy_distribution, potential_energies
from ase_tito.errors import DataError

DISTANCES = np.linspace(1.0, 2.0, 61)
FRAMES = np.zeros((61, 2, 3))
FRAMES[:, 1, 0] = DISTANCES


def spring(frames):
    return ((frames[:, 1, 0] - 1.0) ** 2).astype(float)


def test_a_calculator_and_a_function_of_frames_agree():
    lj = LennardJones(rc=100.0, smooth=False)
    shift = 4 * (100.0**-12 - 100.0**-6)
    expected = 4 * (DISTANCES**-12 - DISTANCES**-6) - shift
    np.testing.assert_allclose(potential_energies(FRAMES, lj, [18, 18]), expected, atol=1e-9)
    done = []
    energies = potential_energies(FRAMES, spring, [1, 1], chunk=20, progress=done.append)
    np.testing.assert_allclose(energies, (DISTANCES - 1) ** 2)
    assert done == [20, 20, 20, 1]


def test_bad_energies_are_named():
    with pytest.raises(DataError, match="frame 7 is not finite"):
        potential_energies(
            FRAMES, lambda x: np.where(x[:, 1, 0] == DISTANCES[7], np.nan, 0), [1, 1]
        )
    with pytest.raises(DataError, match=r"shape \(\) came for 61 frames"):
        potential_energies(FRAMES, lambda x: 0.0, [1, 1])
    with pytest.raises(DataError, match="calculator or a function"):
        potential_energies(FRAMES, "emt", [1, 1])


def test_the_distribution_of_a_gaussian_is_known():
    values = np.random.default_rng(0).normal(3.0, 2.0, 200_000)
    found = energy_distribution(values)
    assert (found.mean, found.std) == pytest.approx((3.0, 2.0), abs=0.02)
    expected = 3 + 2 * np.array([-1.6449, -0.6745, 0, 0.6745, 1.6449])
    assert len(QUANTILES) == 5
    np.testing.assert_allclose(found.quantiles, expected, atol=0.03)


def test_weights_count_as_repetitions():
    values = np.random.default_rng(1).normal(size=4000)
    weights = np.random.default_rng(2).integers(1, 4, 4000)
    weighted = energy_distribution(values, weights)
    repeated = energy_distribution(np.repeat(values, weights))
    assert weighted.mean == pytest.approx(repeated.mean)
    np.testing.assert_allclose(weighted.quantiles, repeated.quantiles, atol=0.01)
