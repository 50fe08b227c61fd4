import numpy as np
import pytest
from scipy.signal import lfilter

from ase_tito.analysis import (
    autocorrelation,
    lag_in_frames,
    lagged_starts,
    mean_cosine_change,
    statistical_inefficiency,
    torsion_correlation,
)
from ase_tito.errors import DataError


def autoregressive(seed, frames, memory):
    noise = np.random.default_rng(seed).normal(size=frames)
    noise[1:] *= np.sqrt(1 - memory**2)
    return lfilter([1], [1, -memory], noise)


def test_pairs_never_cross_an_end():
    lengths = [5, 2, 4]
    starts = lagged_starts(lengths, 3)
    np.testing.assert_array_equal(starts, [0, 1, 7])
    runs = [np.zeros((50, 1)), np.full((50, 1), np.pi)]
    np.testing.assert_allclose(torsion_correlation(runs, [1, 49]), 1.0)
    with pytest.raises(DataError, match="50 frames apart"):
        torsion_correlation(runs, [50])


def test_diffusion_on_the_circle_decays_as_it_must():
    """⟨cos Δθ⟩ = exp(−σ² lag / 2) for Gaussian steps of variance σ²."""
    steps = np.random.default_rng(0).normal(0, 0.1, size=(4, 40000, 2))
    walks = list(np.cumsum(steps, axis=1))
    lags = [1, 10, 50]
    expected = np.exp(-0.01 * np.array(lags) / 2)[:, None]
    np.testing.assert_allclose(torsion_correlation(walks, lags), expected * [[1, 1]], atol=0.01)


def test_kinetics_depend_on_the_order_of_frames():
    walk = np.cumsum(np.random.default_rng(0).normal(0, 0.1, size=(2000, 1)), axis=0)
    shuffled = np.random.default_rng(1).permutation(walk)
    assert torsion_correlation([walk], [1])[0, 0] > torsion_correlation([shuffled], [1])[0, 0] + 0.1


def test_cosines_of_a_jump():
    before = np.zeros((2, 2))
    after = np.array([[np.pi / 2, 2 * np.pi], [0.0, np.pi]])
    np.testing.assert_allclose(mean_cosine_change(before, after), [0.5, 0.0], atol=1e-12)
    np.testing.assert_allclose(mean_cosine_change(before, after, [3, 1]), [0.25, 0.5], atol=1e-12)
    with pytest.raises(DataError, match="shape"):
        mean_cosine_change(before, after[:1])


def test_an_ornstein_uhlenbeck_process_has_its_analytic_correlation_and_inefficiency():
    memory = 0.9
    runs = [autoregressive(seed, length, memory) for seed, length in enumerate((60000, 40000))]
    rho = autocorrelation(runs)
    lags = np.arange(20)
    np.testing.assert_allclose(rho[:20], memory**lags, atol=0.05)
    assert statistical_inefficiency(runs) == pytest.approx((1 + memory) / (1 - memory), rel=0.15)
    white = [np.random.default_rng(0).normal(size=10000)]
    assert statistical_inefficiency(white) == pytest.approx(1, abs=0.1)


def test_runs_that_stay_in_different_states_are_correlated():
    rng = np.random.default_rng(0)
    runs = [rng.normal(centre, 0.1, size=1000) for centre in (-1, 1)]
    assert statistical_inefficiency(runs) > 500
    assert statistical_inefficiency([run - run.mean() for run in runs]) < 1.5


def test_lags_are_whole_frames():
    assert lag_in_frames(100, 5) == 20
    assert lag_in_frames(0.3, 0.1) == 3
    for lag, spacing in ((7, 5), (1, 5), (0, 1)):
        with pytest.raises(DataError, match="whole number of frames"):
            lag_in_frames(lag, spacing)
    with pytest.raises(DataError, match="never changes"):
        autocorrelation([np.ones(5)])


@pytest.mark.parametrize("spacing", [0.0, -1.0, np.nan, np.inf])
def test_frames_are_a_positive_time_apart(spacing):
    with pytest.raises(DataError, match="frame spacing must be a positive time"):
        lag_in_frames(1.0, spacing)
