"""Splits by molecule: shares met, one constitution never torn apart."""

import pytest

from ase_tito.data.splits import order_of_reading, split_by_fractions
from ase_tito.errors import DataError


def test_isomers_stay_together_and_shares_are_met():
    keys = {f"{key}{k}": f"key{key}" for key in range(50) for k in range(1 + key % 3)}
    splits = split_by_fractions(keys, {"train": 0.8, "validation": 0.1, "test": 0.1}, 0)
    assert sorted(sum(splits.values(), ())) == sorted(keys)
    homes = {}
    for split, names in splits.items():
        for name in names:
            assert homes.setdefault(keys[name], split) == split
    assert len(splits["train"]) == pytest.approx(0.8 * len(keys), abs=3)
    assert len(splits["test"]) == pytest.approx(0.1 * len(keys), abs=3)


def test_the_order_of_molecules_does_not_matter():
    keys = {f"m{k}": f"k{k}" for k in range(20)}
    backwards = dict(reversed(keys.items()))
    shares = {"train": 0.7, "test": 0.3}
    assert split_by_fractions(keys, shares, 3) == split_by_fractions(backwards, shares, 3)


@pytest.mark.parametrize(
    ("shares", "text"),
    [
        ({"train": 0.7, "test": 0.2}, r"add up to 1, not 0\.7 \+ 0\.2"),
        ({"train": 1.5, "test": -0.5}, "must be positive"),
        ({"train": 0.9, "validation": 0.05, "test": 0.05}, "none is left for split"),
    ],
)
def test_impossible_shares_are_refused(shares, text):
    with pytest.raises(DataError, match=text):
        split_by_fractions({"a": "1", "b": "2"}, shares, 0)


def test_small_splits_are_read_first():
    splits = {"train": ["a", "b", "c"], "test": ["e"]}
    assert order_of_reading(list("abcde"), splits) == ["e", "a", "b", "c", "d"]
