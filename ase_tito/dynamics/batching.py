"""How many systems go in one batch, and on how many threads: what decides a sample's last bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ase_tito.errors import ConfigError

FASTEST_PAIRS = 16_000
"""Atom pairs in a CPU's batch: fewer leave each operation too little to do, and more no longer fit
the cache of a core. 33 replicas of alanine dipeptide; batches of 16 to 100 are within a tenth of
that, 256 are a fifth slower, one alone less than half as fast."""

_BYTES_PER_PAIR = 2_000
_SHARE_OF_MEMORY = 0.5
_LARGEST = 4096


def fastest_batch_size(n_atoms: int, device: torch.device | str = "cpu") -> int:
    """Systems of up to so many atoms to sample at once: what suits a core's cache, or fits a GPU.

    A rule and no measurement on the spot, so that two runs on one machine are cut alike and have
    the same bits. On a GPU it depends on the memory that is free.
    """
    device = torch.device(device)
    pairs = FASTEST_PAIRS
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        pairs = int(_SHARE_OF_MEMORY * free / _BYTES_PER_PAIR)
    return min(max(1, pairs // n_atoms**2), _LARGEST)


def checked_batch_size(given: int | None, n_atoms: int, device: torch.device | str) -> int:
    """The batch size that is meant; ConfigError unless it is a positive integer or None."""
    if given is None:
        return fastest_batch_size(n_atoms, device)
    return _positive("batch_size", given)


@contextmanager
def on_threads(count: int | None) -> Iterator[None]:
    """Let PyTorch use so many threads meanwhile; None leaves them as they are.

    ConfigError unless it is a positive integer or None.

    What is to stay is not set again: libraries below PyTorch may count otherwise once they have
    been told a number, which changes the last bits of all that the process does later.
    """
    before = torch.get_num_threads()
    if count is None or _positive("threads", count) == before:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _positive(name: str, given: Any) -> int:
    if isinstance(given, bool) or not hasattr(given, "__index__") or given < 1:
        raise ConfigError(f"{name} must be a positive integer, not {given!r}")
    return int(given)
