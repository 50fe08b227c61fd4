"""Jumps for a report, of an operator that satisfies the Chapman–Kolmogorov equation exactly."""

import numpy as np
import pytest

from ase_tito.analysis.internals import distances
from ase_tito.analysis.trust import judge_jumps, jump_consistency
from ase_tito.errors import DomainError
from ase_tito.evaluation.consistency import (
    doubling_lag,
    make_doubled_jumps,
    make_single_jumps,
)

COMMON = {"temperature_K": 300.0, "seed": 3}


@pytest.fixture(scope="module")
def starts(operator, reference):
    """Frames of the operator's own equilibrium."""
    jumps = make_single_jumps(
        operator, reference.graph, reference.frames[0], [500.0], 600, **COMMON
    )
    return jumps.positions[0]


def slow(positions):
    """A few features of which none is the others'."""
    return distances(positions, [[0, 2], [1, 8]])


def judged(jumps):
    parts = (slow(part) for part in (jumps.starts, jumps.one_jump, jumps.two_jumps))
    return judge_jumps(jump_consistency(*parts, generator=np.random.default_rng(0)))


def test_two_jumps_of_an_exact_operator_are_one(operator, reference, starts):
    done = []
    jumps = make_doubled_jumps(
        operator, reference.graph, starts, 20.0, **COMMON, progress=done.append
    )
    assert jumps.finite.all()
    assert sum(done) == 3 * len(starts)
    finding = judged(jumps)
    assert "do not differ" in finding.reason
    # The noise of the three jumps is not the same.
    assert np.abs(jumps.one_jump - jumps.two_jumps).mean() > 0.005


def test_a_jump_that_is_not_the_sum_of_two_is_found(operator, reference, starts):
    jumps = make_doubled_jumps(operator, reference.graph, starts, 20.0, **COMMON)
    wider = jumps.one_jump.mean(0) + 1.5 * (jumps.one_jump - jumps.one_jump.mean(0))
    assert judged(type(jumps)(20.0, starts, wider, jumps.two_jumps)).light != "green"


def test_lags_stay_within_what_the_model_knows(operator, reference, starts):
    low, high = operator.domain.lag_range_ps
    assert doubling_lag(operator, high) == high / 2
    assert doubling_lag(operator, low / 10) == low
    assert doubling_lag(operator, 2 * low) == 2 * low
    with pytest.raises(DomainError, match="lag"):
        make_doubled_jumps(operator, reference.graph, starts[:2], high, **COMMON)


def test_what_is_not_finite_stays_so_and_the_rest_is_jumped(operator, reference, starts):
    frames = starts[:3].copy()
    frames[1] = np.nan
    jumps = make_doubled_jumps(operator, reference.graph, frames, 20.0, **COMMON)
    assert jumps.finite.tolist() == [True, False, True]
    single = make_single_jumps(operator, reference.graph, starts[0], [10, 20.0], 4, **COMMON)
    assert [part.shape for part in single.positions] == [(4, 9, 3)] * 2
    assert single.lag_times_ps == (10.0, 20.0)
