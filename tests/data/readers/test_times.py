"""Evenly spaced frames out of uneven ones."""

import numpy as np
import pytest

from ase_tito.data.readers.times import regular_frames, stride_for
from ase_tito.errors import DataError


def test_a_regular_subset_is_found_wherever_it_begins():
    times = np.sort(np.r_[0.3, 1.7 + 5 * np.arange(20), 2.0 + 5 * np.arange(3)])
    kept = regular_frames("x", times, 5.0)
    np.testing.assert_allclose(times[kept], 1.7 + 5 * np.arange(20))


def test_even_times_are_kept_whole_or_thinned():
    times = 0.1 * np.arange(1000)  # with the rounding errors of such times
    np.testing.assert_array_equal(regular_frames("x", times, 0.1), np.arange(1000))
    np.testing.assert_array_equal(regular_frames("x", times, 0.5), np.arange(0, 1000, 5))
    np.testing.assert_array_equal(
        regular_frames("x", times.astype(np.float32), 0.5), np.arange(0, 1000, 5)
    )


def test_the_longest_subset_is_kept():
    times = np.sort(np.r_[5.0 * np.arange(10), 1.0 + 5.0 * np.arange(30)])
    kept = regular_frames("x", times, 5.0)
    np.testing.assert_allclose(times[kept], 1.0 + 5.0 * np.arange(30))


@pytest.mark.parametrize("times", [[0.0], [0.0, np.nan, 2.0], [[0.0, 1.0]]])
def test_times_that_are_none_are_refused(times):
    with pytest.raises(DataError, match="no list of numbers"):
        regular_frames("x", times, 1.0)


def test_strides_are_whole():
    assert stride_for("x", 2.0, None) == 1
    assert stride_for("x", 0.1, 0.3) == 3
    for keep in (0.5, 3.0):
        with pytest.raises(DataError, match="which is no multiple"):
            stride_for("x", 2.0, keep)
