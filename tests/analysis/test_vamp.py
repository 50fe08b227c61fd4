import numpy as np
import pytest

from ase_tito.analysis.vamp import vamp, vamp_gap, vamp_gap_intervals
from ase_tito.errors import DataError
from tests.analysis.processes import hermite, ornstein_uhlenbeck

SCALE = 20.0


def exact_score(lag, scale=SCALE):
    return 1 + sum(np.exp(-2 * k * lag / scale) for k in (1, 2, 3))


def features(seed, frames, scale=SCALE, spacing=1.0):
    return hermite(ornstein_uhlenbeck(seed, frames, scale, spacing))


@pytest.fixture(scope="module")
def reference():
    return [features(0, 100_000), features(1, 100_000)]


def test_score_and_singular_values_are_the_analytic_ones(reference):
    for lag in (2, 10):
        model = vamp(reference, frame_spacing_ps=1, lag_time_ps=lag)
        assert model.score == pytest.approx(exact_score(lag), abs=0.04)
        expected = np.exp(-np.arange(1, 4) * lag / SCALE)
        np.testing.assert_allclose(model.spectrum.singular_values, expected, atol=0.03)
        assert model.score == pytest.approx(1 + (model.spectrum.singular_values**2).sum())
        assert model.left.shape == model.right.shape == (3, 3)


def test_the_score_does_not_depend_on_the_features_basis(reference):
    turned = [run @ np.array([[1, 2, 0], [0, 1, -1], [1, 0, 3.0]]) + 7 for run in reference]
    scores = [vamp(runs, frame_spacing_ps=1, lag_time_ps=5).score for runs in (reference, turned)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


def test_a_model_equal_to_its_reference_has_no_gap(reference):
    same = vamp_gap(reference, reference, reference_spacing_ps=1, model_spacing_ps=1, lag_time_ps=5)
    assert same.cross_gap == pytest.approx(0, abs=1e-9)
    assert same.separate_gap == 0
    assert same.cross_score == same.model_score == same.reference_score


def test_frames_of_different_spacing_compare_at_one_physical_lag(reference):
    model = [features(5, 50_000, spacing=5.0)]
    gap = vamp_gap(reference, model, reference_spacing_ps=1, model_spacing_ps=5)
    assert gap.lag_time_ps == 5
    assert gap.reference_pairs == 2 * (100_000 - 5)
    assert gap.model_pairs == 49_999
    interval = vamp_gap_intervals(
        reference,
        model,
        reference_spacing_ps=1,
        model_spacing_ps=5,
        block_time_ps=1000,
        generator=np.random.default_rng(0),
        resamples=100,
    )
    np.testing.assert_allclose(interval.estimate, [gap.cross_gap, gap.separate_gap])
    assert interval.contains([0, 0]).all()
    assert (interval.high - interval.low < 0.2).all()


def test_a_model_that_is_too_fast_has_the_analytic_gap(reference):
    """Singular functions are the same for any timescale, so both gaps are as well."""
    model = [features(6, 100_000, SCALE / 2)]
    gap = vamp_gap(reference, model, reference_spacing_ps=1, model_spacing_ps=1, lag_time_ps=5)
    expected = exact_score(5) - exact_score(5, SCALE / 2)
    assert gap.cross_gap == pytest.approx(expected, abs=0.06)
    assert gap.separate_gap == pytest.approx(expected, abs=0.06)
    first = vamp_gap(
        reference, model, reference_spacing_ps=1, model_spacing_ps=1, lag_time_ps=5, dimensions=1
    )
    assert first.cross_gap == pytest.approx(np.exp(-0.5) - np.exp(-1), abs=0.03)


def test_gaps_that_only_the_cross_score_sees():
    """The model's slow coordinate is another one: its own score is the reference's."""
    slow, fast = ornstein_uhlenbeck(0, 50_000, 20), ornstein_uhlenbeck(1, 50_000, 2)
    gap = vamp_gap(
        [np.stack([slow, fast], 1)],
        [np.stack([slow + fast, slow - fast], 1)],
        reference_spacing_ps=1,
        model_spacing_ps=1,
        lag_time_ps=4,
        dimensions=1,
    )
    assert abs(gap.separate_gap) < 0.01
    assert gap.cross_gap > 0.3


def test_by_default_what_the_reference_resolves_is_scored_for_all_of_it_asks_nothing():
    """With every function the reference's score on the model is the model's own."""
    rng = np.random.default_rng(0)
    slow = [ornstein_uhlenbeck(k, 20_000, 20) for k in range(2)]
    # The model's slow coordinate is another feature; the other seven have no memory.
    first, second = (
        np.insert(rng.normal(size=(len(x), 7)), k, x, axis=1) for k, x in enumerate(slow)
    )
    options = {"reference_spacing_ps": 1, "model_spacing_ps": 1, "lag_time_ps": 4}
    every = vamp_gap([first], [second], **options, dimensions=8)
    assert every.cross_gap == pytest.approx(every.separate_gap, abs=1e-9)
    default = vamp_gap([first], [second], **options)
    assert default.dimensions == 1
    # On the model's pairs the reference's slow function has forgotten all: it scores 1.
    assert default.cross_score == pytest.approx(1, abs=0.01)
    assert default.cross_gap > 0.6
    assert abs(default.separate_gap) < 0.1
    noise = rng.normal(size=(1000, 3))
    assert vamp_gap([noise], [noise], **options).dimensions == 1


def test_the_interval_of_a_gap_lies_around_it():
    """With few pairs resampling raises scores; the interval must not follow."""
    runs = [features(seed, 400) for seed in (0, 1)]
    gap = vamp_gap(
        *([run] for run in runs), reference_spacing_ps=1, model_spacing_ps=1, lag_time_ps=10
    )
    interval = vamp_gap_intervals(
        *([run] for run in runs),
        reference_spacing_ps=1,
        model_spacing_ps=1,
        lag_time_ps=10,
        block_time_ps=20,
        generator=np.random.default_rng(0),
    )
    assert interval.contains([gap.cross_gap, gap.separate_gap]).all()


def test_lags_and_features_that_do_not_fit_are_refused(reference):
    with pytest.raises(DataError, match="multiples of 6 ps, such as 6 ps"):
        vamp_gap(reference, reference, reference_spacing_ps=2, model_spacing_ps=3)
    with pytest.raises(DataError, match="same features"):
        vamp_gap(
            reference,
            [run[:, :2] for run in reference],
            reference_spacing_ps=1,
            model_spacing_ps=1,
        )
