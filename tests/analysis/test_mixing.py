import numpy as np
import pytest

from ase_tito.analysis.mixing import core_sequence, mixing, two_centres
from ase_tito.errors import DataError
from tests.analysis.processes import ornstein_uhlenbeck, three_wells


def two_wells(seed, switches, frames=20_000, rare=0.5, noise=0.15):
    """A noisy coordinate that changes sides so many times, evenly spread."""
    rng = np.random.default_rng(seed)
    visits = np.arange(switches + 1) % 2
    lengths = np.where(visits == 1, rare, 1 - rare)
    ends = np.round(np.cumsum(lengths) / lengths.sum() * frames).astype(int)
    side = visits[np.searchsorted(ends, np.arange(frames), side="right")]
    return side + rng.normal(0, noise, frames)


def test_crossings_are_counted_without_recrossings():
    found = mixing([two_wells(0, 40), two_wells(1, 7)])
    assert found.crossings == 47
    assert found.both_sides == found.trajectories == 2
    assert found.rarer_share == pytest.approx(0.49, abs=0.03)
    np.testing.assert_allclose(found.centres, [0, 1], atol=0.02)
    assert found.mixes
    assert found.describe().startswith("mixes: its slowest coordinate crosses 47 times")


def test_a_reference_that_does_not_mix_says_so():
    """Eight crossings to a state of three in a thousand frames."""
    found = mixing([two_wells(0, 8, rare=0.004, noise=0.01), two_wells(1, 0, noise=0.01)])
    assert found.crossings == 8
    assert found.both_sides == 1
    assert found.rarer_share == pytest.approx(0.0016, rel=0.3)
    assert not found.mixes
    assert "does not mix" in found.describe()
    assert "At least 20 crossings" in found.describe()
    stuck = mixing([two_wells(0, 0), 1 + two_wells(1, 0)])
    assert stuck.crossings == stuck.both_sides == 0
    assert stuck.independent_frames < 100


def test_a_single_well_mixes_at_its_own_pace():
    found = mixing([ornstein_uhlenbeck(k, 20_000, 20.0) for k in range(2)])
    assert found.mixes
    # The statistical inefficiency is 2 t in frames.
    assert found.independent_frames == pytest.approx(1000, rel=0.25)


def test_crossings_of_a_jump_process_are_its_jumps():
    run = three_wells(0, 20_000)[0]
    side = (run == 2).astype(float)
    assert mixing([side]).crossings == np.count_nonzero(np.diff(side))


def test_centres_and_cores():
    values = np.concatenate([np.zeros(997), np.full(3, 5.0)])
    assert two_centres(values) == (0, 5)
    np.testing.assert_array_equal(core_sequence([0, 2, 4, 5, 3, 2, 4, 1, 0], (0, 5)), [0, 1, 0])
    np.testing.assert_array_equal(core_sequence([2, 3, 2], (0, 5)), [])
    with pytest.raises(DataError, match="never changes"):
        mixing([np.ones(10)])
    with pytest.raises(DataError, match="one coordinate"):
        mixing([np.ones((10, 2))])
