"""Keyed noise: each system's random numbers follow from what it is, not from what ran before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ase_tito.errors import ConfigError

MOMENTA, ACCEPTANCE, AFTER_JUMP = 1, 2, 3
"""What random numbers beside the jump's noise are for: ends of their keys."""


def keyed_generator(
    seed: int, replica: int, jump: int, retry: int = 0, *purpose: int
) -> np.random.Generator:
    """The random generator of one proposal of one replica's jump.

    A counter-based Philox generator (Salmon et al., SC'11) whose key is hashed from the
    arguments: any two different keys give independent streams, and a restart needs no stored
    state.

    Parameters
    ----------
    seed, replica, jump, retry : int
        All at least 0.
    *purpose : int
        Nothing for the jump's noise itself; else what the numbers are for, which tells them apart.

    Raises
    ------
    ConfigError
        For a negative number.
    """
    if min(seed, replica, jump, retry) < 0:
        raise ConfigError(
            "seed, replica, jump and retry must be at least 0, not "
            f"{seed}, {replica}, {jump} and {retry}"
        )
    sequence = np.random.SeedSequence(seed, spawn_key=(replica, jump, retry, *purpose))
    return np.random.Generator(np.random.Philox(sequence))


def keyed_noise(
    n_atoms: Sequence[int] | Tensor,
    size: int,
    seed: int,
    replicas: Sequence[int],
    jumps: Sequence[int] | int,
    retries: Sequence[int] | int = 0,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Standard normal numbers for a batch of jumps.

    System b's numbers depend on its key (seed, replica, jump, retry) and its atom count alone: they
    are the same in any batch, on any device, after any restart.

    Parameters
    ----------
    n_atoms : sequence of int, length B
        Atoms of each system.
    size : int
        N, the padded number of atoms; the rows beyond a system's atoms are zero.
    seed : int
    replicas : sequence of int, length B
    jumps, retries : int, or sequence of int of length B
    dtype : torch.dtype
        Of the numbers, which are drawn in float64.
    device : torch.device or str
        Where they go; they are drawn on the CPU.

    Returns
    -------
    Tensor, shape (B, N, 3)
    """
    counts = [int(n) for n in n_atoms]
    count = len(counts)
    jumps = [jumps] * count if isinstance(jumps, int) else jumps
    retries = [retries] * count if isinstance(retries, int) else retries
    noise = np.zeros((count, size, 3))
    keys = zip(counts, replicas, jumps, retries, strict=True)
    for row, (n, replica, jump, retry) in zip(noise, keys, strict=True):
        keyed_generator(seed, int(replica), int(jump), int(retry)).standard_normal(out=row[:n])
    return torch.from_numpy(noise).to(device, dtype)
