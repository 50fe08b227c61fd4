import numpy as np
import pytest

from ase_tito.analysis.chapman_kolmogorov import ChapmanKolmogorov, chapman_kolmogorov
from ase_tito.errors import DataError
from tests.analysis.processes import three_wells, transition_matrix


def run_test(runs, sets, **options):
    settings = {
        "frame_spacing_ps": 1,
        "lag_time_ps": 4,
        "block_time_ps": 500,
        "generator": np.random.default_rng(0),
        "resamples": 60,
    }
    return chapman_kolmogorov(runs, sets, **settings | options)


def test_a_markov_process_passes_with_the_exact_probabilities():
    runs = three_wells(0, 10_000, runs=4)
    result = run_test(runs, [0, 1, 2])
    exact = np.stack([transition_matrix(lag) for lag in result.lag_times_ps])
    np.testing.assert_array_equal(result.lag_times_ps, [8, 12, 16, 20])
    np.testing.assert_allclose(result.predicted, exact, atol=0.05)
    np.testing.assert_allclose(result.counted, exact, atol=0.05)
    np.testing.assert_allclose(result.counted.sum(2), 1)
    assert result.share_within > 0.8
    assert result.largest_deviation < 0.05


def test_what_is_not_markovian_fails():
    """Labels at random within a slow process forget at once what the process remembers."""
    rng = np.random.default_rng(1)
    noisy = [
        np.where(rng.random(len(run)) < 0.3, rng.integers(3, size=len(run)), run)
        for run in three_wells(0, 10_000, runs=4)
    ]
    result = run_test(noisy, [0, 1, 2])
    assert result.largest_deviation > 0.1
    assert result.share_within < 0.5
    # What is predicted forgets faster than what is counted.
    assert (result.predicted[-1].diagonal() < result.counted[-1].diagonal()).all()


def test_sets_of_states():
    rng = np.random.default_rng(2)
    fine = [2 * run + rng.integers(2, size=len(run)) for run in three_wells(3, 10_000, runs=2)]
    result = run_test(fine, [0, 0, 1, 1, 2, 2], multiples=(2, 5))
    assert result.predicted.shape == (2, 3, 3)
    np.testing.assert_allclose(result.predicted[0], transition_matrix(8.0), atol=0.08)


def test_what_cannot_be_tested_is_refused():
    with pytest.raises(DataError, match="longer than 20 frames"):
        run_test([np.zeros(20, int)], [0, 1])
    with pytest.raises(DataError, match="two at least"):
        run_test(three_wells(0, 1000), [0, 0, 0])
    with pytest.raises(DataError, match="multiples"):
        run_test(three_wells(0, 1000), [0, 1, 2], multiples=(0, 2))


def test_where_nothing_is_known_there_is_no_figure():
    nothing = np.full((2, 3, 3), np.nan)
    test = ChapmanKolmogorov(np.array([2.0, 3.0]), nothing, nothing, nothing, nothing, 0.95, 0)
    assert np.isnan([test.largest_deviation, test.share_within]).all()
