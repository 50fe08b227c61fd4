"""The random numbers of a training step, keyed so that a resumed run draws the same ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ase_tito.data.pairs import PairBatch
from ase_tito.flow.coupling import CouplingDraws
from ase_tito.train.pairs import Pairs

TRAINING, VALIDATION = 0, 1


def step_generator(seed: int, purpose: int, step: int) -> np.random.Generator:
    """The generator of one step; independent between seeds, purposes and steps."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose, step)))


def draw_step(
    pairs: Pairs,
    count: int,
    rng: np.random.Generator,
    time_location: float,
    time_scale: float,
    *,
    uniform: bool = False,
) -> tuple[PairBatch, Tensor, Tensor, CouplingDraws]:
    """Pairs, noise, flow times and what a coupling draws, all of it each pair's own.

    Flow times are sigmoid(location + scale · ε): late ones, where bonds and energies are decided,
    come up more often; or else uniform.
    """
    batch = pairs.sample(count, rng)
    shape = tuple(batch.condition.shape)
    noise = torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
    epsilon = torch.from_numpy(rng.standard_normal(count, dtype=np.float32))
    draws = CouplingDraws.draw(count, shape[1], rng)
    s = torch.sigmoid(time_location + time_scale * epsilon)
    if uniform:
        s = torch.special.ndtr(epsilon)
    return batch, noise, s, draws
