import numpy as np
import pytest

from ase_tito.analysis.reversibility import reversibility
from ase_tito.errors import DataError
from tests.analysis.processes import POPULATIONS, RATES, three_wells


def driven(strength):
    """The same populations, with a net flux 0 → 1 → 2 → 0."""
    flux = strength * np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]])
    rates = RATES + flux / POPULATIONS[:, None]
    return rates - np.diag(rates.sum(1))


def test_p_values_of_a_reversible_chain_are_uniform_or_larger():
    rng = np.random.default_rng(0)
    values = [
        reversibility(three_wells(k, 1500, runs=2), 100, generator=rng, permutations=99).p_value
        for k in range(60)
    ]
    assert np.mean(np.array(values) <= 0.1) < 0.2
    assert np.mean(values) > 0.4


def test_a_driven_chain_is_found_out():
    np.testing.assert_allclose(POPULATIONS @ driven(0.003), 0, atol=1e-15)
    rng = np.random.default_rng(0)
    runs = three_wells(0, 8000, runs=4, rates=driven(0.003))
    result = reversibility(runs, 400, generator=rng)
    assert result.p_value < 0.01
    # Net flux .003 on each of three edges, over the sum of both directions.
    flux = POPULATIONS[:, None] * driven(0.003)
    exact = 3 * 2 * 0.003 / (flux.sum() - np.trace(flux))
    assert result.net_share == pytest.approx(exact, rel=0.35)
    assert result.excess_share > 0.5 * exact
    assert result.blocks == 80
    backwards = reversibility([run[::-1] for run in runs], 400, generator=rng)
    assert backwards.net_share == pytest.approx(result.net_share, rel=0.01)


def test_two_states_cannot_be_irreversible():
    runs = [np.minimum(run, 1) for run in three_wells(0, 8000, rates=driven(0.003))]
    result = reversibility(runs, 200, generator=np.random.default_rng(0))
    assert result.p_value > 0.5
    assert result.excess_share == 0


def test_too_few_blocks_or_transitions_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="too few"):
        reversibility(three_wells(0, 500), 300, generator=rng)
    with pytest.raises(DataError, match="no transition"):
        reversibility([np.zeros(100, int)], 10, generator=rng)
