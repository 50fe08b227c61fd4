import numpy as np
import pytest

from ase_tito.analysis.report.text import count, listed, measured, number, percent, signed, time


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number(0.0147123), "0.0147"),
        (number(-0.00559), "−0.0056"),
        (number(1234.5), "1\u202f234"),
        (number(12.345), "12.3"),
        (number(0.0), "0"),
        (number(-0.00001), "0.0000"),
        (number(np.nan), "–"),
        (number(np.inf), "–"),
        (signed(0.0054), "+0.0054"),
        (signed(-0.5), "−0.500"),
        (signed(0.00001, 4), "+0.0000"),
        (signed(0.0), "0"),
        (signed(np.nan), "–"),
        (measured(0.01468, 0.01243, 0.01702), "0.0147 [0.0124, 0.0170]"),
        (measured(1393.0, 1327.0, 1465.0), "1\u202f393 [1\u202f327, 1\u202f465]"),
        (measured(0.1, np.nan, 0.2), "0.100"),
        (measured(-2.0, -2.0, -2.0), "−2.00 [−2.00, −2.00]"),
        (percent(0.00213), "0.21 %"),
        (percent(np.nan), "–"),
        (count(36000), "36\u202f000"),
        (time(100.0), "100 ps"),
        (time(2500.0), "2.5 ns"),
        (listed(["a", "b", "c"], 2), "a, b, …"),
        (listed(["a"]), "a"),
    ],
)
def test_numbers_have_the_digits_that_are_known(text, expected):
    assert text == expected
