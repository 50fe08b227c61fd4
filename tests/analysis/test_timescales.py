import numpy as np
import pytest

from ase_tito.analysis.timescales import (
    relative_timescale_errors,
    timescale_error,
    timescale_scan,
)
from ase_tito.errors import DataError
from tests.analysis.processes import TIMESCALES, hermite, ornstein_uhlenbeck, three_wells

LAGS = [2.0, 6.0, 12.0]


@pytest.fixture(scope="module")
def states():
    return three_wells(0, 15_000, runs=4)


def indicators(runs):
    return [np.eye(3)[run][:, :2] for run in runs]


@pytest.mark.parametrize("method", ["tica", "vamp", "msm"])
def test_scans_of_a_markov_process_are_level_at_the_exact_timescales(states, method):
    data = states if method == "msm" else indicators(states)
    scan = timescale_scan(
        data,
        frame_spacing_ps=1,
        lag_times_ps=LAGS,
        method=method,
        top=3,
        block_time_ps=600,
        generator=np.random.default_rng(0),
        resamples=60,
    )
    assert scan.timescales_ps.shape == scan.low.shape == scan.high.shape == (3, 3)
    np.testing.assert_allclose(scan.timescales_ps[:, 0], TIMESCALES[0], rtol=0.12)
    np.testing.assert_allclose(scan.timescales_ps[:2, 1], TIMESCALES[1], rtol=0.2)
    np.testing.assert_array_equal(scan.timescales_ps[:, 2], 0)
    np.testing.assert_array_equal(scan.resolved[0], [True, True, False])
    assert (scan.low <= scan.timescales_ps).all()
    assert (scan.timescales_ps <= scan.high).all()
    assert (scan.low[:, 0] <= TIMESCALES[0]).all()
    assert (scan.high[:, 0] >= TIMESCALES[0]).all()
    assert scan.blocks == 100


def test_without_blocks_there_is_no_interval(states):
    scan = timescale_scan(indicators(states), frame_spacing_ps=1, lag_times_ps=[2])
    assert scan.low is scan.high is None
    assert scan.blocks == 0


def test_the_error_of_the_same_process_is_small_and_that_of_one_twice_as_fast_is_half():
    def data(seed, scale, frames=40_000, spacing=1.0):
        return [hermite(ornstein_uhlenbeck(seed + k, frames, scale, spacing)) for k in range(3)]

    reference = data(0, 40.0, 120_000)
    same = timescale_error(
        reference, data(5, 40.0, spacing=4.0), reference_spacing_ps=1, model_spacing_ps=4, top=10
    )
    assert same.resolved == 3
    assert same.reference.pairs == 3 * (120_000 // 4 - 1)
    assert same.mean < 0.1
    fast = timescale_error(
        reference, data(5, 20.0, spacing=4.0), reference_spacing_ps=1, model_spacing_ps=4, top=2
    )
    assert fast.resolved == 2
    np.testing.assert_allclose(fast.relative_errors, 0.5, atol=0.07)
    assert fast.mean == pytest.approx(fast.mean_release)


def test_processes_that_the_reference_does_not_resolve_are_told_apart():
    """Features without any memory count in the release's mean only."""
    noise = np.random.default_rng(0).normal(size=(2, 20_000, 4))
    runs = [
        np.concatenate([ornstein_uhlenbeck(k, 20_000, 30)[:, None], noise[k]], axis=1)
        for k in range(2)
    ]
    found = timescale_error(runs[:1], runs[1:], reference_spacing_ps=1, model_spacing_ps=1)
    assert len(found.relative_errors) == 5
    assert found.resolved == 1
    assert found.mean < 0.3
    nothing = timescale_error(noise[:1], noise[1:], reference_spacing_ps=1, model_spacing_ps=1)
    assert nothing.resolved == 0
    assert np.isnan(nothing.mean)
    assert np.isfinite(nothing.mean_release)


def test_errors_of_infinite_and_vanishing_timescales():
    errors = relative_timescale_errors(
        [10, 10, np.inf, np.inf, 10, 0], [5, np.inf, np.inf, 5, 0, 0]
    )
    np.testing.assert_allclose(errors, [0.5, np.inf, 0, 1, 1, 0])


def test_what_does_not_fit_is_refused(states):
    data = indicators(states)
    with pytest.raises(DataError, match="no such method: 'pca'"):
        timescale_scan(data, frame_spacing_ps=1, lag_times_ps=[2], method="pca")
    with pytest.raises(DataError, match="needs a generator"):
        timescale_scan(data, frame_spacing_ps=1, lag_times_ps=[2], block_time_ps=100)
    with pytest.raises(DataError, match="multiples of"):
        timescale_error(data, data, reference_spacing_ps=2, model_spacing_ps=5)
