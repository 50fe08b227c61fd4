import numpy as np
import pytest

from ase_tito.analysis.replicas import replica_agreement
from ase_tito.errors import DataError
from tests.analysis.processes import ornstein_uhlenbeck


def test_replicas_of_one_distribution_agree():
    runs = [
        np.stack([ornstein_uhlenbeck(10 * k + j, 4000, 10.0) for j in range(2)], 1)
        for k in range(6)
    ]
    result = replica_agreement(runs)
    assert result.scale_reduction.shape == (2,)
    assert 1 <= result.worst < 1.02
    assert (result.replicas, result.frames) == (6, 4000)


def test_shifted_replicas_have_the_analytic_r_hat():
    """Means ±δ and unit variance: R̂² → 1 + the variance of the means."""
    runs = [np.random.default_rng(k).normal((-1) ** k * 0.5, 1, size=5000) for k in range(4)]
    expected = np.sqrt(1 + np.var([-0.5, 0.5] * 4, ddof=1))
    assert replica_agreement(runs).worst == pytest.approx(expected, abs=0.01)


def test_a_drift_within_replicas_shows_unless_it_is_discarded():
    relaxing = np.where(np.arange(2000) < 1000, 1.0, 0.0)
    runs = [np.random.default_rng(k).normal(size=2000) + relaxing for k in range(4)]
    assert replica_agreement(runs).worst == pytest.approx(np.sqrt(1 + 0.25 * 8 / 7), abs=0.03)
    assert replica_agreement(runs, discard=0.5).worst < 1.01


def test_what_cannot_agree_is_refused():
    with pytest.raises(DataError, match="two of them"):
        replica_agreement([np.zeros(10)])
    with pytest.raises(DataError, match="four frames"):
        replica_agreement([np.arange(3), np.arange(10)])
    with pytest.raises(DataError, match="never changes"):
        replica_agreement([np.zeros(10), np.zeros(10)])
    with pytest.raises(DataError, match="between 0 and 1"):
        replica_agreement([np.arange(10), np.arange(10)], discard=1)
    # Two replicas stuck at different places do not agree at all.
    assert np.isinf(replica_agreement([np.zeros(10), np.ones(10)]).worst)
