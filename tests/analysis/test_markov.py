import numpy as np
import pytest

from ase_tito.analysis.markov import (
    markov_interval,
    markov_model,
    transition_counts,
)
from ase_tito.analysis.metastable import mean_first_passage_time, metastable_sets
from ase_tito.errors import DataError
from tests.analysis.processes import (
    POPULATIONS,
    RATES,
    TIMESCALES,
    three_wells,
    transition_matrix,
)

LAG = 2.0


@pytest.fixture(scope="module")
def runs():
    return three_wells(0, 15_000, runs=4)


@pytest.fixture(scope="module")
def model(runs):
    return markov_model(runs, frame_spacing_ps=1, lag_time_ps=LAG)


def passage_time(origin, target, rates=RATES):
    """Exact mean first-passage time: Q m = −1 off the target, m = 0 on it."""
    others = [k for k in range(3) if k != target]
    times = np.linalg.solve(rates[np.ix_(others, others)], -np.ones(2))
    return times[others.index(origin)]


def test_the_jump_process_satisfies_what_the_tests_take_for_granted():
    np.testing.assert_allclose(POPULATIONS @ RATES, 0, atol=1e-12)
    flux = POPULATIONS[:, None] * RATES
    np.testing.assert_allclose(flux, flux.T)
    eigenvalues = np.linalg.eigvals(transition_matrix(3.0)).real
    np.testing.assert_allclose(np.sort(eigenvalues)[::-1][1:], np.exp(-3 / TIMESCALES))


def test_counts_stay_within_runs_and_weights_count():
    counts = transition_counts([[0, 1, 1], [0, 2, 1]], 1)
    np.testing.assert_array_equal(counts.total, [[0, 1, 1], [0, 1, 0], [0, 1, 0]])
    weighted = transition_counts([[0, 1, 1], [0, 2, 1]], 1, weights=[[2, 1, 1], [1, 3, 1]])
    np.testing.assert_array_equal(weighted.total, [[0, 2, 1], [0, 1, 0], [0, 3, 0]])
    blocks = transition_counts(three_wells(1, 200), 3, block_length=20)
    assert len(blocks.pairs) == 10
    np.testing.assert_array_equal(blocks.values.sum((1, 2)), blocks.pairs)


def test_populations_transitions_and_timescales_are_the_exact_ones(model):
    np.testing.assert_allclose(model.stationary, POPULATIONS, atol=0.03)
    np.testing.assert_allclose(model.transition_matrix, transition_matrix(LAG), atol=0.02)
    np.testing.assert_allclose(model.spectrum.timescales_ps, TIMESCALES, rtol=0.1)
    assert model.spectrum.resolved.all()
    assert model.counted_share == 1
    np.testing.assert_allclose(
        model.propagated([1, 0, 0], 5), transition_matrix(5 * LAG)[0], atol=0.03
    )


def test_mean_first_passage_times_and_their_intervals(runs, model):
    counts = transition_counts(runs, int(LAG), block_length=500)

    def passages(fitted):
        return [
            mean_first_passage_time(fitted, origin, target) for origin, target in ((0, 2), (2, 0))
        ]

    interval = markov_interval(
        counts, passages, lag_time_ps=LAG, generator=np.random.default_rng(0), resamples=100
    )
    exact = np.array([passage_time(0, 2), passage_time(2, 0)])
    np.testing.assert_allclose(interval.estimate, passages(model))
    # Seen every 2 ps, a passage of some 40 ps takes up to 2 ps longer.
    assert interval.contains(exact).all() or interval.contains(exact + LAG).all()
    assert (interval.high - interval.low < 0.4 * exact).all()
    both = mean_first_passage_time(model, [0, 1], 2)
    weights = POPULATIONS[:2] / POPULATIONS[:2].sum()
    assert both == pytest.approx(weights @ [passage_time(0, 2), passage_time(1, 2)], rel=0.15)


def test_metastable_sets_join_what_interchanges_fast():
    rng = np.random.default_rng(0)
    # Each well is two states that a frame picks at random.
    fine = [2 * run + rng.integers(2, size=len(run)) for run in three_wells(2, 20_000, runs=2)]
    model = markov_model(fine, frame_spacing_ps=1, lag_time_ps=1, n_states=7)
    sets = metastable_sets(model, 3)
    assert sets[6] == -1
    assert sets[0] == sets[1] != sets[2] == sets[3] != sets[4] == sets[5] != sets[0]
    assert sets[2] == 2  # the least populated
    with pytest.raises(DataError, match="6 states cannot make 7 sets"):
        metastable_sets(model, 7)


def test_states_that_are_not_connected_are_left_out():
    runs = [*three_wells(3, 3000), np.full(100, 4)]
    model = markov_model(runs, frame_spacing_ps=1, lag_time_ps=1)
    np.testing.assert_array_equal(model.states, [0, 1, 2])
    assert model.n_states == 5
    assert model.counted_share == pytest.approx(2999 / 3098)
    with pytest.raises(DataError, match="no state of"):
        mean_first_passage_time(model, 0, 4)
    with pytest.raises(DataError, match="in common"):
        mean_first_passage_time(model, [0, 1], [1, 2])
    with pytest.raises(DataError, match="connected in both directions"):
        markov_model([[0, 0, 1, 1]], frame_spacing_ps=1, lag_time_ps=1)


def test_what_are_no_states_is_refused():
    for states in ([0.5, 1], [-1, 0], [[0, 1], [1, 0]]):
        with pytest.raises(DataError, match="whole numbers"):
            transition_counts([states], 1)
    with pytest.raises(DataError, match="state 3 is beyond the 3"):
        transition_counts([[0, 3]], 1, n_states=3)
    with pytest.raises(DataError, match="as many as frames"):
        transition_counts([[0, 1]], 1, weights=[[1, 1, 1]])
