"""What advances a molecule: from a state to a block of frames and the next state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

State = dict[str, NDArray[Any]]
"""All that is needed to go on, as arrays: positions and velocities, at full precision."""

Progress = Callable[[float], None]
"""Takes the picoseconds that were just simulated."""


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive frames.

    Attributes
    ----------
    positions : array of float32, shape (T, n, 3)
        In Å, each frame centred on its mean.
    energies : array, shape (T,)
        In eV.
    state : State
        After the last frame.
    counts : dict of arrays
        What the engine counts on the way; added up over the blocks of a run.
    """

    positions: NDArray[np.float32]
    energies: NDArray[np.float64]
    state: State
    counts: dict[str, NDArray[np.float64]] = field(default_factory=dict)


class Engine(Protocol):
    """Dynamics of one molecule. Equal arguments give equal bits."""

    def start(self, positions: NDArray[np.float64], seed: int) -> State:
        """Minimize positions (n, 3) in Å, draw velocities, equilibrate."""
        ...

    def block(self, state: State, seed: int, frames: int, progress: Progress) -> Block:
        """Simulate so many frames."""
        ...


def seed_of(*key: int | str) -> int:
    """A positive 31-bit seed for this key.

    Noise is keyed by campaign seed, molecule, run and block: a run that continues draws what it
    would have drawn, and adding molecules changes no other.
    """
    digest = hashlib.sha256("\0".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:4], "big") % (2**31 - 1) + 1


def centred(positions: NDArray[np.float64]) -> NDArray[np.float32]:
    """Frames (T, n, 3) with their mean positions at the origin, in single precision."""
    return (positions - positions.mean(axis=1, keepdims=True)).astype(np.float32)
