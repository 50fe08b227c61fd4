"""From a random number generator, by ASE's conventions, to one seed."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from ase_tito.errors import ConfigError


def draw_seed(rng: Any = None) -> int:
    """A seed from a generator's next normal numbers.

    Parameters
    ----------
    rng : object with `standard_normal`, optional
        Such as `numpy.random.Generator` or `RandomState`. By default NumPy's global generator, as
        in `ase.md.langevin.Langevin`: ``numpy.random.seed`` then makes a script reproducible.

    Returns
    -------
    int
        Between 0 and 2⁵³ − 1, so that any JSON reader keeps it exact.

    Raises
    ------
    ConfigError
        For an object that has no `standard_normal`.
    """
    source: Any = np.random if rng is None else rng
    if not hasattr(source, "standard_normal"):
        raise ConfigError(
            f"rng must have a method standard_normal, such as numpy.random.default_rng(0), "
            f"not {rng!r}; an integer goes into seed="
        )
    return _from(np.asarray(source.standard_normal(size=(4,)), dtype="<f8").tobytes())


def seed_of(name: str, seed: int) -> int:
    """The seed of one of several runs that share a seed, by its name: below 2⁵³ too."""
    return _from(f"{seed} {name}".encode())


def checked_seed(seed: Any) -> int:
    """An integer seed of at least 0, or ConfigError."""
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise ConfigError(f"seed must be a non-negative integer, not {seed!r}")
    return int(seed)


def _from(content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest()[:7], "little") >> 3
