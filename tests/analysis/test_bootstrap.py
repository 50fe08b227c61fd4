import numpy as np
import pytest
from scipy.signal import lfilter

from ase_tito.analysis import block_bootstrap
from ase_tito.analysis.blocks import block_slices
from ase_tito.errors import DataError


def autoregressive(seed, frames, memory):
    """A stationary Gaussian chain of unit variance with correlation memory^t."""
    noise = np.random.default_rng(seed).normal(size=frames)
    noise[1:] *= np.sqrt(1 - memory**2)
    return lfilter([1], [1, -memory], noise)


def test_the_interval_is_as_wide_as_the_exact_one():
    """Variance of the mean of T frames: (1 + a)/(1 − a)/T."""
    memory, frames = 0.9, 20000
    runs = [autoregressive(seed, frames, memory) for seed in (0, 1)]
    interval = block_bootstrap(runs, np.mean, 400, generator=np.random.default_rng(2))
    exact = 2 * 1.96 * np.sqrt((1 + memory) / (1 - memory) / (2 * frames))
    assert interval.high - interval.low == pytest.approx(exact, rel=0.2)
    assert interval.blocks == 100
    naive = block_bootstrap(runs, np.mean, 4, generator=np.random.default_rng(2), resamples=100)
    assert naive.high - naive.low < 0.6 * exact


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = [
        block_bootstrap(
            [autoregressive(seed, 2000, 0.8)], np.mean, 50, generator=rng, resamples=100, level=0.8
        ).contains(0.0)
        for seed in range(100)
    ]
    assert 0.7 < np.mean(hits) < 0.88


def test_statistics_may_be_arrays():
    frames = np.random.default_rng(0).normal(size=(1000, 3))
    interval = block_bootstrap(
        [frames], lambda x: x.mean(0), 10, generator=np.random.default_rng(0), resamples=200
    )
    assert interval.low.shape == interval.contains(np.zeros(3)).shape == (3,)
    assert (interval.low < interval.estimate).all()
    assert (interval.estimate < interval.high).all()


def test_blocks_cover_every_frame_once_and_cross_no_end():
    lengths = [1000, 370, 20]
    blocks = block_slices(lengths, 100)
    covered = np.concatenate([np.arange(b.start, b.stop) for b in blocks])
    np.testing.assert_array_equal(covered, np.arange(sum(lengths)))
    for end in np.cumsum(lengths):
        assert any(b.stop == end for b in blocks)


def test_one_block_has_no_interval():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="one block"):
        block_bootstrap([np.zeros(10)], np.mean, 10, generator=rng)
    with pytest.raises(DataError, match="at least one frame"):
        block_bootstrap([np.zeros(10)], np.mean, 0, generator=rng)
    with pytest.raises(DataError, match="level"):
        block_bootstrap([np.zeros(10)], np.mean, 2, generator=rng, level=95)


@pytest.mark.parametrize("resamples", [0, 1])
def test_there_are_resamples(resamples):
    options = {"generator": np.random.default_rng(0), "resamples": resamples}
    with pytest.raises(DataError, match="at least two resamples"):
        block_bootstrap([np.arange(10.0)], np.mean, 2, **options)
