import numpy as np
import pytest

from ase_tito.analysis.block_sums import sums_at_equal_counts
from ase_tito.analysis.kinetic_floor import kinetics_at_equal_counts
from ase_tito.analysis.moments import lagged_moments
from ase_tito.errors import DataError
from tests.analysis.processes import hermite, ornstein_uhlenbeck


def data(seed, scale=40.0, frames=20_000, spacing=1.0, runs=2):
    """Two real processes and three features of mere noise."""
    rng = np.random.default_rng([seed, 1])
    return [
        np.concatenate(
            [
                hermite(ornstein_uhlenbeck(100 * seed + k, frames, scale, spacing))[:, :2],
                rng.normal(size=(frames, 3)),
            ],
            axis=1,
        )
        for k in range(runs)
    ]


def compare(reference, model, **options):
    settings = {
        "reference_spacing_ps": 1,
        "model_spacing_ps": 5,
        "block_time_ps": 400,
        "generator": np.random.default_rng(0),
        "splits": 30,
    }
    return kinetics_at_equal_counts(reference, model, **settings | options)


@pytest.fixture(scope="module")
def reference():
    return data(0, frames=100_000)


def test_a_perfect_model_is_at_the_floor(reference):
    found = compare(reference, data(3, spacing=5.0))
    assert found.resolved == 2
    for figure in (found.cross_gap, found.separate_gap, found.timescale_error):
        assert figure.floor.n_reference == pytest.approx(20_000, rel=0.02)
        assert figure.model.n_model == pytest.approx(20_000, rel=0.02)
        assert figure.floor.low - 0.05 < figure.model.mean < figure.floor.high + 0.05
    # In-sample scores are higher than scores on other data: the floor of the gap is not zero.
    assert found.cross_gap.floor.mean > 0


def test_fewer_pairs_raise_the_floor(reference):
    few = compare(reference, data(3, frames=400, spacing=5.0, runs=8))
    assert few.cross_gap.model.n_model == pytest.approx(8 * 399, rel=0.05)
    assert few.cross_gap.floor.n_model == pytest.approx(few.cross_gap.model.n_model, rel=0.05)
    many = compare(reference, data(3, spacing=5.0))
    assert few.timescale_error.floor.mean > many.timescale_error.floor.mean


def test_a_model_that_is_too_fast_has_its_excess(reference):
    found = compare(reference, data(4, scale=20.0, spacing=5.0))
    expected = sum(np.exp(-2 * k * 5 / 40) - np.exp(-2 * k * 5 / 20) for k in (1, 2))
    assert found.cross_gap.excess == pytest.approx(expected, abs=0.12)
    assert found.separate_gap.excess == pytest.approx(expected, abs=0.12)
    assert found.timescale_error.excess > 0.3


def test_a_reference_that_resolves_nothing_says_so():
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(3000, 3)) for _ in range(2)]
    found = compare(noise[:1], noise[1:], model_spacing_ps=1, block_time_ps=50)
    assert found.resolved == 0
    assert np.isnan(found.timescale_error.excess)


def test_one_block_has_no_halves(reference):
    with pytest.raises(DataError, match="one block"):
        compare(reference[:1], data(1), block_time_ps=1e6)


def test_floors_of_what_may_be_infinite():
    runs = [np.random.default_rng(k).normal(size=(41, 3)) for k in range(2)]
    first, second = (lagged_moments([run], 1, block_length=4) for run in runs)
    found = sums_at_equal_counts(
        first, second, lambda a, b: np.inf, generator=np.random.default_rng(0)
    )
    assert np.isinf([found.model.mean, found.model.low, found.floor.high]).all()
