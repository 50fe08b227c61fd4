import numpy as np
import pytest

from ase_tito.analysis.block_sums import (
    BlockSums,
    bootstrap_sums,
    pair_blocks,
    sums_at_equal_counts,
)
from ase_tito.errors import DataError


def blocks(seed, count, mean=0.0, pairs=10):
    values = np.random.default_rng(seed).normal(mean, 1, size=(count, pairs)).sum(1)
    return BlockSums(values, np.full(count, pairs), 1)


def test_every_pair_is_in_one_block_and_none_crosses_an_end():
    lengths = [103, 2, 50]
    first_frames = [np.arange(103 - 3), np.arange(105, 155 - 3)]
    covered = np.concatenate([np.arange(b.start, b.stop) for b in pair_blocks(lengths, 3, 10)])
    np.testing.assert_array_equal(covered, np.concatenate(first_frames))
    with pytest.raises(DataError, match="103 frames apart"):
        pair_blocks(lengths, 103, 10)
    with pytest.raises(DataError, match="one frame at least"):
        pair_blocks(lengths, 0, 10)


def test_the_interval_of_a_difference_is_as_wide_as_the_exact_one():
    groups = [blocks(0, 400), blocks(1, 100)]
    interval = bootstrap_sums(
        groups,
        lambda a, b: a / 4000 - b / 1000,
        generator=np.random.default_rng(2),
        resamples=1000,
    )
    exact = 2 * 1.96 * np.sqrt(1 / 4000 + 1 / 1000)
    assert interval.high - interval.low == pytest.approx(exact, rel=0.15)
    assert interval.blocks == 100


def test_what_is_infinite_or_unknown_widens_the_interval():
    group = BlockSums(np.array([1.0, *[0.0] * 9]), np.ones(10, int), 1)

    def statistic(total):
        if total == 0:
            raise DataError("nothing there")
        return [total, np.inf]

    interval = bootstrap_sums([group], statistic, generator=np.random.default_rng(0))
    assert interval.low[0] == 1
    assert np.isnan(interval.high[0])
    assert np.isinf(interval.low[1])


def test_too_few_or_too_short_blocks_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="one block"):
        bootstrap_sums([blocks(0, 1)], float, generator=rng)
    with pytest.raises(DataError, match="shorter than the lag"):
        bootstrap_sums([BlockSums(np.ones(5), np.ones(5, int), 3)], float, generator=rng)
    with pytest.raises(DataError, match="level"):
        bootstrap_sums([blocks(0, 5)], float, generator=rng, level=95)


def test_equal_counts_of_the_same_have_no_excess_and_of_others_have_theirs():
    def figure(a, b):
        return abs(a / 2000 - b / 500)

    rng = np.random.default_rng(5)
    reference = blocks(0, 400)
    same = sums_at_equal_counts(reference, blocks(1, 50), figure, generator=rng, splits=200)
    assert (same.model.n_reference, same.model.n_model, same.floor.n_model) == (2000, 500, 500)
    # The mean of |N(0, s)| is s √(2/π); the model's 50 blocks are the same in all halvings.
    assert same.floor.mean == pytest.approx(np.sqrt(2 / np.pi * (1 / 2000 + 1 / 500)), rel=0.2)
    assert abs(same.excess) < 2 / np.sqrt(500)
    other = sums_at_equal_counts(reference, blocks(2, 50, mean=1), figure, generator=rng)
    assert other.excess == pytest.approx(1, abs=0.15)
