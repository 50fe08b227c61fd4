import numpy as np
import pytest

from ase_tito.analysis import moments
from ase_tito.analysis.moments import covariance_model, lagged_moments, moments_of_jumps
from ase_tito.errors import DataError


def runs(seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(30, 2)), rng.normal(size=(3, 2)), rng.normal(size=(25, 2))]


def brute(trajectories, lag):
    x = np.concatenate([run[:-lag] for run in trajectories if len(run) > lag])
    y = np.concatenate([run[lag:] for run in trajectories if len(run) > lag])
    return x, y


def test_covariances_are_those_of_all_pairs_and_only_those():
    x, y = brute(runs(), 4)
    sums = lagged_moments(runs(), 4, block_length=7)
    assert sums.pairs.sum() == len(x) == 26 + 21
    found = covariance_model(sums.total, reversible=False)
    np.testing.assert_allclose(found.cov_00, np.cov(x.T, bias=True), atol=1e-12)
    np.testing.assert_allclose(found.cov_tt, np.cov(y.T, bias=True), atol=1e-12)
    np.testing.assert_allclose(found.cov_0t, (x - x.mean(0)).T @ (y - y.mean(0)) / len(x))
    both = covariance_model(sums.total, reversible=True)
    x, y = np.concatenate([x, y]), np.concatenate([y, x])
    np.testing.assert_allclose(both.cov_00, np.cov(x.T, bias=True), atol=1e-12)
    np.testing.assert_allclose(both.cov_0t, (x - x.mean(0)).T @ (y - y.mean(0)) / len(x))


def test_blocks_do_not_change_the_sum(monkeypatch):
    whole = lagged_moments(runs(), 2).total
    np.testing.assert_allclose(lagged_moments(runs(), 2, block_length=3).total, whole)
    monkeypatch.setattr(moments, "CHUNK", 5)
    np.testing.assert_allclose(lagged_moments(runs(), 2).total, whole)


def test_a_weight_of_two_counts_a_pair_twice():
    a, b = runs()[0], runs()[2]
    weighted = lagged_moments([a, b], 1, weights=[np.ones(30), np.full(25, 2.0)]).total
    np.testing.assert_allclose(weighted, lagged_moments([a, b, b], 1).total)
    with pytest.raises(DataError, match="as many as frames"):
        lagged_moments([a, b], 1, weights=[np.ones(25), np.ones(30)])


def test_features_that_never_change_or_are_not_finite_are_refused():
    with pytest.raises(DataError, match="never change"):
        covariance_model(lagged_moments([np.ones((10, 2))], 1).total, reversible=True)
    broken = runs()
    broken[0][5, 0] = np.nan
    with pytest.raises(DataError, match="frame 5 is not finite"):
        lagged_moments(broken, 1)


def test_jumps_are_pairs_of_their_own():
    """The pairs of a trajectory, given as jumps, have the trajectory's moments, block by block."""
    frames = np.random.default_rng(5).normal(size=(101, 3)).cumsum(0)
    pairs = lagged_moments([frames], 1, block_length=20)
    jumps = moments_of_jumps(frames[:-1], frames[1:], block_length=20)
    np.testing.assert_allclose(jumps.values, pairs.values)
    assert jumps.pairs.tolist() == pairs.pairs.tolist()
    with pytest.raises(DataError, match="shapes must be equal"):
        moments_of_jumps(frames[:-1], frames, block_length=20)


def test_one_trajectory_is_a_list_of_one():
    frames = np.random.default_rng(5).normal(size=(101, 3))
    for bare in (frames, frames[:, 0]):
        with pytest.raises(DataError, match=r"a list of arrays, even of one: \[x\]"):
            lagged_moments(bare, 1)
    assert lagged_moments(np.stack([frames, frames]), 1).pairs.sum() == 200  # equally long ones
