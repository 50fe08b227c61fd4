import numpy as np
import pytest

from ase_tito.analysis.lags import frames_per_lag, shortest_shared_lag_ps, strided
from ase_tito.errors import DataError


def test_the_shortest_shared_lag_is_the_common_multiple():
    assert shortest_shared_lag_ps([5, 57]) == 285
    assert shortest_shared_lag_ps([0.5, 0.2]) == 1
    assert shortest_shared_lag_ps([0.1, 100]) == 100
    assert shortest_shared_lag_ps([2.5]) == 2.5


def test_a_lag_in_frames_of_each():
    assert frames_per_lag(100, [1, 5, 100]) == [100, 20, 1]
    assert frames_per_lag(0.6, [0.1, 0.2]) == [6, 3]


def test_an_impossible_lag_says_what_is_possible():
    with pytest.raises(DataError, match=r"multiples of 285 ps, such as 285 ps"):
        frames_per_lag(57, [5, 57])
    with pytest.raises(DataError, match=r"multiples of 10 ps, such as 50 or 60 ps"):
        frames_per_lag(57, [5, 2])
    for spacings in ([], [0, 1], [-1], [np.nan], [np.inf], [1e-9]):
        with pytest.raises(DataError, match="frame spacings"):
            shortest_shared_lag_ps(spacings)


def test_strided_frames_lie_a_jump_apart():
    runs = [np.arange(11), np.arange(5)]
    thinned = strided(runs, 0.5, 2.0)
    np.testing.assert_array_equal(thinned[0], [0, 4, 8])
    np.testing.assert_array_equal(thinned[1], [0, 4])
    with pytest.raises(DataError, match=r"multiples of 2 ps"):
        strided(runs, 2, 3)
