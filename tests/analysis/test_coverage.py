import numpy as np
import pytest

from ase_tito.analysis.coverage import coverage

RNG = np.random.default_rng(0)
REFERENCE = RNG.random((20_000, 2))


def test_a_model_that_misses_half_covers_half_and_stays_inside():
    half = REFERENCE[REFERENCE[:, 0] < 0.5]
    found = coverage(REFERENCE, half, bins=10)
    assert found.coverage == pytest.approx(0.5, abs=0.01)
    assert found.precision == 1
    assert (found.n_reference, found.n_model) == (len(REFERENCE), len(half))


def test_a_model_that_strays_loses_precision_alone():
    stray = np.concatenate([REFERENCE, REFERENCE[:10_000] + 5])
    found = coverage(REFERENCE, stray, bins=10)
    assert found.coverage == 1
    assert found.precision == pytest.approx(2 / 3)


def test_weights_count_as_repetitions():
    weights = np.where(REFERENCE[:, 0] < 0.5, 3.0, 1.0)
    repeated = np.repeat(REFERENCE, weights.astype(int), axis=0)
    model = REFERENCE[REFERENCE[:, 0] < 0.5]
    weighted = coverage(REFERENCE, model, bins=10, reference_weights=weights)
    assert weighted.coverage == pytest.approx(coverage(repeated, model, bins=10).coverage)


def test_few_frames_lower_it_however_good_the_model():
    assert coverage(REFERENCE, RNG.random((300, 2)), bins=100).coverage < 0.05
