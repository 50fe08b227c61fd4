import numpy as np
import pytest

from ase_tito.analysis.spectrum import Spectrum, implied_timescales
from ase_tito.analysis.tica import tica
from ase_tito.errors import DataError
from tests.analysis.processes import ornstein_uhlenbeck

MIX = np.array([[1.0, 0.5, 0.2], [-0.3, 1.0, 2.0]])


def mixed(seed, frames, scales=(40.0, 10.0)):
    """Two Ornstein-Uhlenbeck processes seen as three linear features."""
    return np.stack([ornstein_uhlenbeck(seed + k, frames, t) for k, t in enumerate(scales)], axis=1)


@pytest.fixture(scope="module")
def hidden():
    return [mixed(0, 60_000), mixed(10, 40_000)]


@pytest.fixture(scope="module")
def model(hidden):
    return tica([run @ MIX + 5 for run in hidden], frame_spacing_ps=1, lag_time_ps=5)


def test_it_finds_the_hidden_processes_and_their_timescales(hidden, model):
    assert model.components.shape == (3, 2)
    # Standard error of a timescale of t in data of length T: t √(2 t/T).
    np.testing.assert_allclose(model.spectrum.timescales_ps, [40, 10], rtol=0.1)
    projected = model.project(hidden[0] @ MIX + 5)
    for k in range(2):
        assert abs(np.corrcoef(projected[:, k], hidden[0][:, k])[0, 1]) > 0.99


def test_projections_have_unit_variance_and_no_correlation(hidden, model):
    every = np.concatenate([model.project(run @ MIX + 5) for run in hidden])
    np.testing.assert_allclose(np.cov(every.T), np.eye(2), atol=0.01)


def test_the_order_of_frames_matters_and_that_of_runs_does_not(hidden, model):
    shuffled = [np.random.default_rng(0).permutation(run @ MIX) for run in hidden]
    found = tica(shuffled, frame_spacing_ps=1, lag_time_ps=5).spectrum
    assert not found.resolved.any()
    assert np.abs(found.singular_values).max() < 0.03
    again = tica([run @ MIX + 5 for run in hidden[::-1]], frame_spacing_ps=1, lag_time_ps=5)
    np.testing.assert_allclose(again.spectrum.singular_values, model.spectrum.singular_values)


def test_pairs_do_not_cross_ends():
    """Each run keeps its own sign: alternating, were pairs counted across."""
    rng = np.random.default_rng(0)
    runs = [(-1) ** k + 0.1 * rng.normal(size=(4, 1)) for k in range(200)]
    found = tica(runs, frame_spacing_ps=1, lag_time_ps=3).spectrum
    assert found.singular_values[0] > 0.98
    assert found.pairs == 200


def test_other_features_and_too_many_dimensions_are_refused(model):
    with pytest.raises(DataError, match="2 features do not fit the 3"):
        model.project(np.zeros((5, 2)))
    with pytest.raises(DataError, match="2 components where 3"):
        model.project(np.zeros((5, 3)), 3)
    with pytest.raises(DataError, match="whole number of frames"):
        tica([np.zeros((5, 2))], frame_spacing_ps=2, lag_time_ps=3)


def test_implied_timescales():
    np.testing.assert_allclose(
        implied_timescales([np.exp(-2), -np.exp(-1), 1, 0], 10), [5, 10, np.inf, 0]
    )


def test_the_noise_level_is_the_largest_value_of_unrelated_pairs():
    """Frames without memory in ten dimensions: the largest canonical correlation."""
    rng = np.random.default_rng(0)
    found = []
    for frames in (201, 2001):
        x, y = rng.normal(size=(2, 20, frames, 10))
        largest = [
            np.linalg.svd(np.linalg.qr(a - a.mean(0))[0].T @ np.linalg.qr(b - b.mean(0))[0])[1][0]
            for a, b in zip(x, y, strict=True)
        ]
        level = Spectrum(np.zeros(10), 1.0, frames, 1).noise_level
        found.append(np.mean(largest) / level)
    # The edge is that of infinitely many dimensions; ten come out a little below.
    assert all(0.85 < ratio < 1 for ratio in found)
    assert Spectrum(np.zeros(10), 1.0, 20, 1).noise_level == 1


def test_a_process_is_resolved_if_it_is_above_the_noise_and_seen_often():
    spectrum = Spectrum(np.array([0.9999, 0.9, 0.06, 0.01]), 10.0, 10_000, 2)
    np.testing.assert_array_equal(spectrum.resolved, [False, True, True, False])
    assert spectrum.total_time_ps == 50_000
