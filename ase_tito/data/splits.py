"""Which molecules are for training, and which are kept to judge by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ase_tito.errors import DataError


def split_by_fractions(
    keys: Mapping[str, str], fractions: Mapping[str, float], seed: int
) -> dict[str, tuple[str, ...]]:
    """Split molecules at random, those of one constitution always together.

    Parameters
    ----------
    keys : mapping of str to str
        Name to constitution (`ase_tito.canonical.graph_key`).
    fractions : mapping of str to float
        Share of each split; they add up to 1.
    seed : int
        Same seed, same splits, in whatever order the molecules come.

    Raises
    ------
    DataError
        For fractions that do not add up to 1, and splits that would stay empty.
    """
    check_shares(fractions)
    groups: dict[str, list[str]] = {}
    for name in sorted(keys):
        groups.setdefault(keys[name], []).append(name)
    order = sorted(groups)
    np.random.default_rng(seed).shuffle(order)
    members: dict[str, list[str]] = {split: [] for split in fractions}
    for key in order:
        # whichever is farthest below its share so far
        lacking = [share * len(keys) - len(members[split]) for split, share in fractions.items()]
        members[list(fractions)[int(np.argmax(lacking))]] += groups[key]
    for split, names in members.items():
        if not names:
            raise DataError(f"of {len(keys)} molecules none is left for split {split}")
    return {split: tuple(sorted(names)) for split, names in members.items()}


def check_shares(fractions: Mapping[str, float]) -> None:
    """Refuse shares that do not add up to 1."""
    shares = np.array(list(fractions.values()))
    if not len(shares) or not (shares > 0).all() or not abs(shares.sum() - 1) < 1e-6:
        raise DataError(
            "the shares of splits must be positive and add up to 1, not "
            + " + ".join(f"{share:g}" for share in shares)
        )


def order_of_reading(names: Sequence[str], splits: Mapping[str, Sequence[str]]) -> list[str]:
    """Molecules of small splits first.

    Of a molecule that is in several splits, the first to be read is kept: better one less to train
    on than one less to judge by.
    """
    place = {
        name: rank
        for rank, split in enumerate(sorted(splits, key=lambda s: (len(splits[s]), s)))
        for name in splits[split]
    }
    return sorted(names, key=lambda name: place.get(name, len(splits)))
