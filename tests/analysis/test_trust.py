import numpy as np
import pytest

from ase_tito.analysis.replicas import replica_agreement
from ase_tito.analysis.reversibility import Reversibility, reversibility
from ase_tito.analysis.trust import (
    judge_jumps,
    judge_replicas,
    judge_reversibility,
    judge_validity,
    jump_consistency,
    trust_report,
)
from ase_tito.errors import DataError
from tests.analysis.processes import three_wells


def jumps(memory, starts, seed):
    """One step of an autoregressive chain of unit variance."""
    noise = np.random.default_rng(seed).normal(size=starts.shape)
    return memory * starts + np.sqrt(1 - memory**2) * noise


@pytest.fixture
def starts():
    return np.random.default_rng(0).normal(size=(1000, 2))


def test_two_jumps_of_a_markovian_model_are_one(starts):
    two = jumps(0.8, jumps(0.8, starts, 1), 2)
    result = jump_consistency(
        starts, jumps(0.64, starts, 3), two, generator=np.random.default_rng(4)
    )
    finding = judge_jumps(result)
    assert finding.light == "green"
    assert "do not differ" in finding.reason
    assert result.joint.pairs == 1000


def test_right_populations_from_the_wrong_starts_are_a_difference(starts):
    """A single jump that has forgotten its start, though its distribution is right."""
    two = jumps(0.9, jumps(0.9, starts, 1), 2)
    rng = np.random.default_rng(4)
    result = jump_consistency(starts, jumps(0.0, starts, 3), two, generator=rng)
    assert result.joint.p_value < 0.01
    assert judge_jumps(result).light == "red"
    assert "differ strongly" in judge_jumps(result).reason


def test_memory_and_populations_are_measured(starts):
    rng = np.random.default_rng(4)
    two = jumps(0.8, jumps(0.8, starts, 1), 2)
    same = jump_consistency(starts, two + 1e-9, two, generator=rng, permutations=50)
    assert same.memory_one == pytest.approx(0.64, abs=0.05)
    assert same.memory_error < 1e-6
    less = jump_consistency(starts, jumps(0.3, starts, 3), two, generator=rng, permutations=50)
    assert less.memory_two - less.memory_one == pytest.approx(0.34, abs=3 * less.memory_error)
    # Two states of equal population against .7 and .3.
    sides, fresh = np.sign(rng.normal(size=(2, 800, 1)))
    other = np.where(rng.random((800, 1)) < 0.7, 1.0, -1.0)
    found = jump_consistency(sides, other, fresh, generator=rng, permutations=50)
    assert found.population_difference == pytest.approx(0.2, abs=0.05)
    assert judge_jumps(jump_consistency(sides, other, fresh, generator=rng)).light == "red"


def test_few_pairs_make_no_green_light(starts):
    few = starts[:30]
    result = jump_consistency(
        few,
        jumps(0.64, few, 3),
        jumps(0.8, jumps(0.8, few, 1), 2),
        generator=np.random.default_rng(4),
    )
    assert judge_jumps(result).light == "yellow"
    assert "too few" in judge_jumps(result).reason


def test_lights_of_reversibility():
    measured = reversibility(three_wells(0, 5000, runs=2), 200, generator=np.random.default_rng(0))
    assert judge_reversibility(measured).light == "green"
    cases = {
        (0.30, 0.05, 0.002, 5000): "red",
        (0.10, 0.05, 0.002, 5000): "yellow",
        (0.06, 0.05, 0.002, 5000): "green",
        (0.50, 0.50, 0.500, 20): "yellow",
    }
    for (net, expected, p_value, transitions), light in cases.items():
        finding = judge_reversibility(Reversibility(1, net, expected, p_value, transitions, 50))
        assert finding.light == light, finding


def test_lights_of_replicas_and_validity():
    rng = np.random.default_rng(0)
    for shift, light in ((0, "green"), (0.35, "yellow"), (2, "red")):
        runs = [rng.normal(shift * (-1) ** k, 1, size=2000) for k in range(4)]
        assert judge_replicas(replica_agreement(runs)).light == light
    for invalid, count, light in (
        (1, 2000, "green"),
        (0, 50, "yellow"),
        (4, 200, "yellow"),
        (20, 200, "red"),
    ):
        finding = judge_validity(np.arange(count) >= invalid)
        assert finding.light == light
        assert finding.value == 1 - invalid / count
        assert f"{count - invalid} of {count}" in finding.reason
    with pytest.raises(DataError, match="no proposals"):
        judge_validity([])


def test_the_worst_light_counts_and_what_was_not_checked_is_no_green():
    rng = np.random.default_rng(0)
    good = judge_replicas(replica_agreement(rng.normal(size=(4, 2000))))
    valid, broken = judge_validity(np.ones(1000)), judge_validity(np.zeros(1000))
    partial = trust_report([good, valid])
    assert partial.light == "yellow"
    assert partial.missing == ("jumps", "reversibility")
    assert "not checked: jumps" in partial.describe()
    assert trust_report([good, broken]).light == "red"
    starts = rng.normal(size=(800, 1))
    test = jump_consistency(
        starts, jumps(0.64, starts, 1), jumps(0.8, jumps(0.8, starts, 2), 3), generator=rng
    )
    chain = reversibility(three_wells(0, 5000, runs=2), 200, generator=rng)
    full = trust_report([judge_jumps(test), judge_reversibility(chain), good, valid])
    assert full.light == "green"
    assert full.missing == ()
    assert "Consistent is not correct" in full.describe()
    with pytest.raises(DataError, match="one finding"):
        trust_report([good, good])
    with pytest.raises(DataError, match="one finding"):
        trust_report([])
