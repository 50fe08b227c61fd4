"""Momenta after a jump: a learned transition knows positions only."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from ase import Atoms
from ase.md.velocitydistribution import thermalize_momenta
from ase.parallel import world

from ase_tito.errors import ConfigError

Momenta = Literal["maxwell-boltzmann", "zero"]

_STREAM = 1
"""Tells these numbers apart from the jumps' noise, whose keys have one entry less."""


def check_momenta(momenta: str) -> None:
    """Raise ConfigError for an unknown choice."""
    if momenta not in get_args(Momenta):
        raise ConfigError(f"momenta must be 'maxwell-boltzmann' or 'zero', not {momenta!r}")


def momenta_generator(seed: int, replica: int, jump: int) -> np.random.Generator:
    """The generator of one replica's momenta after one jump."""
    sequence = np.random.SeedSequence(seed, spawn_key=(replica, jump, 0, _STREAM))
    return np.random.Generator(np.random.Philox(sequence))


def set_momenta(
    atoms: Atoms,
    momenta: Momenta,
    temperature_K: float,
    *,
    seed: int,
    replica: int = 0,
    jump: int,
    comm: Any = world,
) -> None:
    """Give atoms new momenta: drawn from Maxwell–Boltzmann at a temperature in K, or zero.

    Drawn momenta are independent of the positions, as in the canonical ensemble, and of all
    earlier ones; a `FixCom` constraint is respected.
    """
    if momenta == "zero":
        atoms.set_momenta(np.zeros((len(atoms), 3)))
        return
    rng = momenta_generator(seed, replica, jump)
    thermalize_momenta(atoms, temperature_K, comm=comm, rng=rng)
