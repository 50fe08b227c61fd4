"""Momenta after a jump: a learned transition knows positions only."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from ase import Atoms
from ase.md.velocitydistribution import thermalize_momenta
from ase.parallel import world

from ase_tito.errors import ConfigError
from ase_tito.transfer.noise import MOMENTA, keyed_generator

Momenta = Literal["maxwell-boltzmann", "zero"]


def check_momenta(momenta: str) -> None:
    """Raise ConfigError for an unknown choice."""
    if momenta not in get_args(Momenta):
        raise ConfigError(f"momenta must be 'maxwell-boltzmann' or 'zero', not {momenta!r}")


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
    rng = keyed_generator(seed, replica, jump, 0, MOMENTA)
    thermalize_momenta(atoms, temperature_K, comm=comm, rng=rng)
