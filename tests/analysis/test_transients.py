import numpy as np
import pytest

from ase_tito.analysis.markov import markov_model
from ase_tito.analysis.transients import (
    counted_transient,
    markov_transient,
    sampled_transient,
    transient_agreement,
    transient_intervals,
)
from ase_tito.errors import DataError
from tests.analysis.processes import POPULATIONS, RATES, three_wells, transition_matrix

LAGS = [2.0, 10.0, 400.0]
EDGES = [[-0.5, 0.5, 1.5, 2.5]]


@pytest.fixture(scope="module")
def states():
    return three_wells(0, 15_000, runs=4)


@pytest.fixture(scope="module")
def expected(states):
    model = markov_model(states, frame_spacing_ps=1, lag_time_ps=2)
    return markov_transient(model, states, states, 0, lag_times_ps=LAGS, edges=EDGES)


def draws(rates=RATES, count=3000):
    rng = np.random.default_rng(5)
    return [rng.choice(3, p=transition_matrix(lag, rates)[0], size=count) for lag in LAGS]


def test_the_markov_model_and_the_counts_give_the_exact_relaxation(states, expected):
    counted = counted_transient(
        states, states, 0, frame_spacing_ps=1, lag_times_ps=LAGS, edges=EDGES
    )
    for lag, *found in zip(LAGS, expected.histograms, counted.histograms, strict=True):
        for histogram in found:
            np.testing.assert_allclose(
                histogram.probabilities, transition_matrix(lag)[0], atol=0.04
            )
    np.testing.assert_allclose(expected.histograms[-1].probabilities, POPULATIONS, atol=0.03)
    assert expected.lag_times_ps == counted.lag_times_ps == tuple(LAGS)


def test_a_right_model_is_near_the_floor_and_a_slow_one_is_not(expected):
    rng = np.random.default_rng(0)
    right = transient_agreement(expected, sampled_transient(draws(), LAGS, EDGES), generator=rng)
    slow = transient_agreement(
        expected, sampled_transient(draws(RATES / 3), LAGS, EDGES), generator=rng
    )
    for good, bad in zip(right[:2], slow[:2], strict=True):
        assert good.divergence.jsd < 0.003
        assert bad.divergence.jsd > 5 * good.floor.high
        assert bad.divergence.n_model == 3000
    # Both have relaxed in the end.
    assert slow[2].divergence.jsd < 0.003


def test_within_states_the_density_is_that_of_the_md(states):
    rng = np.random.default_rng(1)
    coordinates = [run + rng.uniform(-0.4, 0.4, len(run)) for run in states]
    model = markov_model(states, frame_spacing_ps=1, lag_time_ps=2)
    fine = markov_transient(
        model, coordinates, states, 1, lag_times_ps=[2], edges=[np.linspace(-0.5, 1.5, 41)]
    ).histograms[0]
    assert fine.counts.sum() + fine.outside == pytest.approx(1)
    assert fine.outside == pytest.approx(transition_matrix(2.0)[1, 2], abs=0.02)
    assert fine.counts[:2].sum() == fine.counts[18:22].sum() == 0


def test_intervals_hold_the_exact_relaxation(states):
    found = transient_intervals(
        states,
        states,
        0,
        frame_spacing_ps=1,
        lag_times_ps=LAGS[:2],
        edges=EDGES,
        block_time_ps=500,
        generator=np.random.default_rng(0),
        level=0.99,
    )
    for lag, interval in zip(LAGS, found, strict=False):
        exact = np.append(transition_matrix(lag)[0], 0)
        assert interval.estimate.sum() == pytest.approx(1)
        assert interval.contains(exact).all()
        assert (interval.high - interval.low < 0.1).all()
    with pytest.raises(DataError, match="no frame in state 7"):
        transient_intervals(
            states,
            states,
            7,
            frame_spacing_ps=1,
            lag_times_ps=[1],
            edges=EDGES,
            block_time_ps=500,
            generator=np.random.default_rng(0),
        )


def test_what_does_not_fit_is_refused(states, expected):
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="2 sets of samples"):
        sampled_transient(draws()[:2], LAGS, EDGES)
    with pytest.raises(DataError, match="cannot be compared"):
        transient_agreement(expected, sampled_transient(draws(), [1, 2, 3], EDGES), generator=rng)
    with pytest.raises(DataError, match="no frame in state 7"):
        counted_transient(states, states, 7, frame_spacing_ps=1, lag_times_ps=[1], edges=EDGES)
    with pytest.raises(DataError, match="one state for each"):
        counted_transient(states, states[:1], 0, frame_spacing_ps=1, lag_times_ps=[1], edges=EDGES)
