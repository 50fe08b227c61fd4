"""The learning rate, by steps and by time."""

import numpy as np
import pytest

from ase_tito.train import OptimizerConfig
from ase_tito.train.schedule import learning_rate_factor


def test_warms_up_and_decays_to_a_hundredth():
    factors = [learning_rate_factor(step, 10, step / 1000) for step in range(1001)]
    assert np.all(np.diff(factors[:10]) > 0)
    assert np.all(np.diff(factors[10:]) < 0)
    assert max(factors) <= 1
    assert factors[-1] == pytest.approx(0.01)


def test_stays_constant_until_the_decay():
    shares = np.linspace(0, 1, 101)
    factors = np.array([learning_rate_factor(1000, 10, share, 0.2) for share in shares])
    assert np.all(factors[shares <= 0.8] == 1)
    assert np.all(np.diff(factors[shares >= 0.8]) < 0)
    assert factors[-1] == pytest.approx(0.01)


def test_runs_are_planned_in_steps_or_minutes():
    assert OptimizerConfig(steps=200).share_done(50, 1e9) == 0.25
    assert OptimizerConfig(minutes=2.0).share_done(50, 30.0) == 0.25
    assert OptimizerConfig(minutes=2.0).share_done(0, 500.0) == 1
