import numpy as np
import pytest

from ase_tito.analysis.two_states import core_states, state_steps, two_state_relaxation
from ase_tito.errors import DataError

POPULATIONS = (0.8, 0.2)


def chain(time_ps, frames, seed, step_ps=1.0, start=0):
    """Two states that relax with this time, exactly."""
    rng = np.random.default_rng(seed)
    forgets = rng.random(frames) < 1 - np.exp(-step_ps / time_ps)
    drawn = (rng.random(frames) < POPULATIONS[1]).astype(int)
    last = np.maximum.accumulate(np.where(forgets, np.arange(frames), 0))
    drawn[0] = start
    return drawn[last]


def test_cores_ignore_what_is_between_them():
    values = [0.5, 0.1, 0.6, 0.7, 0.2, 0.9, 0.4, 1.2, 0.0]
    states = core_states(values, (0.0, 1.0))
    np.testing.assert_array_equal(states, [-1, 0, 0, 0, 0, 1, 1, 1, 0])
    np.testing.assert_array_equal(core_states(values[::-1], (1.0, 0.0))[:3], [1, 0, 0])
    np.testing.assert_array_equal(state_steps([states]), [[3, 1], [1, 2]])


@pytest.mark.parametrize("known", [POPULATIONS, None])
@pytest.mark.parametrize(("time_ps", "step_ps"), [(50.0, 1.0), (500.0, 1000.0)])
def test_time_of_a_two_state_process(time_ps, step_ps, known):
    steps = state_steps([chain(time_ps, 20_000, 0, step_ps)])
    found = two_state_relaxation(steps, step_ps, known)
    assert found.time_ps == pytest.approx(time_ps, rel=0.1)
    assert found.low_ps < found.time_ps < found.high_ps
    assert found.crossings == steps[0, 1] + steps[1, 0]


def test_interval_holds_the_time_when_crossings_are_few():
    held = 0
    for seed in range(200):
        steps = state_steps([chain(2000.0, 4000, seed, start=seed % 2)])
        found = two_state_relaxation(steps, 1.0, POPULATIONS)
        held += found.low_ps <= 2000.0 <= found.high_ps
    assert 0.92 <= held / 200 <= 1.0


def test_without_a_crossing_there_is_a_lower_end():
    found = two_state_relaxation([[4000, 0], [0, 0]], 1.0, (0.5, 0.5))
    assert (found.time_ps, found.high_ps, found.crossings) == (np.inf, np.inf, 0)
    assert found.low_ps == pytest.approx(2000 / 3.69, rel=0.01)
    assert two_state_relaxation([[1, 9], [9, 1]], 1.0, (0.5, 0.5)).time_ps == 0


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(DataError, match="give the populations"):
        two_state_relaxation([[5, 1], [0, 3]], 1.0)
    with pytest.raises(DataError, match="sum to one"):
        two_state_relaxation([[5, 1], [0, 3]], 1.0, (0.5, 0.4))
    with pytest.raises(DataError, match="no steps"):
        two_state_relaxation([[0, 0], [0, 0]], 1.0, (0.5, 0.5))
