"""Molecules of similar size together, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ase_tito.errors import DataError


def size_buckets(sizes: Sequence[int], largest_padding: float) -> list[NDArray[np.int64]]:
    """Split molecules by size such that batches drawn from one bucket hold little padding.

    Parameters
    ----------
    sizes : sequence of int, length M
        Atoms of each molecule.
    largest_padding : float
        Share of a batch's atoms that may be padding, on average over molecules drawn equally
        often and padded to their bucket's largest: 1 puts all into one bucket, 0 one size into
        each.

    Returns
    -------
    list of ndarray of int64
        Indices of each bucket's molecules, the smallest molecules first. The largest ones are
        grouped first, so that the padding that remains is where it costs least.
    """
    if not 0 <= largest_padding <= 1:
        raise DataError(f"the share of padding must lie between 0 and 1, not {largest_padding}")
    atoms = np.asarray(sizes)
    order = np.argsort(-atoms, kind="stable")
    buckets: list[list[int]] = []
    total = 0
    for molecule in order.tolist():
        size = int(atoms[molecule])
        if buckets:
            bucket = buckets[-1]
            room = int(atoms[bucket[0]]) * (len(bucket) + 1)
            if room - (total + size) <= largest_padding * room:
                bucket.append(molecule)
                total += size
                continue
        buckets.append([molecule])
        total = size
    return [np.array(sorted(bucket), np.int64) for bucket in reversed(buckets)]
