"""Trajectories cut into contiguous blocks: the units that may be taken as independent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.errors import DataError


def block_slices(lengths: Sequence[int], block_length: int) -> list[slice]:
    """Blocks of about `block_length` frames, as slices of the concatenated trajectories.

    No block crosses a trajectory's end, every frame is in exactly one, and the blocks of a
    trajectory are of equal length within one frame. A trajectory shorter than a block is one.

    Raises
    ------
    DataError
        For a block length below one frame, or an empty trajectory.
    """
    if block_length < 1:
        raise DataError(f"a block needs at least one frame, not {block_length}")
    if not lengths or min(lengths) < 1:
        raise DataError("a trajectory without frames cannot be cut into blocks")
    slices = []
    start = 0
    for length in lengths:
        pieces = max(1, round(length / block_length))
        cuts = start + np.round(np.linspace(0, length, pieces + 1)).astype(int)
        slices += [slice(a, b) for a, b in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)]
        start += length
    return slices


def concatenated(trajectories: Sequence[ArrayLike]) -> tuple[NDArray[np.float64], list[int]]:
    """All frames (T, ...) of several trajectories, and the trajectories' lengths.

    Raises
    ------
    DataError
        For arrays that differ in more than their frames, and for one trajectory that is not in a
        list.
    """
    arrays = [np.asarray(trajectory, np.float64) for trajectory in trajectories]
    if not arrays or len({array.shape[1:] for array in arrays}) != 1:
        raise DataError("trajectories must be a list of arrays that differ only in their frames")
    if arrays[0].ndim == 0:
        raise DataError("trajectories must be a list of arrays, even of one: [x]")
    return np.concatenate(arrays), [len(array) for array in arrays]
