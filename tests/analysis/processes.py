"""Processes whose kinetics are known exactly."""

import numpy as np
from scipy.linalg import expm
from scipy.signal import lfilter

RATES = np.array(
    [
        [-0.05, 0.04, 0.01],
        [0.08, -0.13, 0.05],
        [0.01, 0.025, -0.035],
    ]
)
"""A jump process between three wells, in 1/ps; reversible: π_i k_ij = π_j k_ji."""

POPULATIONS = np.array([0.4, 0.2, 0.4])

TIMESCALES = -1 / np.sort(np.linalg.eigvals(RATES).real)[::-1][1:]
"""Of the two relaxations, slowest first, in ps."""


def transition_matrix(lag_ps, rates=RATES):
    return expm(rates * lag_ps)


def three_wells(seed, frames, spacing_ps=1.0, runs=1, rates=RATES, start=None):
    """States of the exact jump process, seen every so often; a list of (frames,) arrays.

    It starts in equilibrium unless a starting state is given.
    """
    rng = np.random.default_rng(seed)
    trajectories = []
    for _ in range(runs):
        state = rng.choice(3, p=POPULATIONS) if start is None else start
        times, states = [0.0], [state]
        while times[-1] < frames * spacing_ps:
            leaving = -rates[state, state]
            jump = np.where(np.arange(3) == state, 0, rates[state]) / leaving
            times.append(times[-1] + rng.exponential(1 / leaving))
            state = rng.choice(3, p=jump)
            states.append(state)
        seen = np.searchsorted(times, np.arange(frames) * spacing_ps, side="right") - 1
        trajectories.append(np.array(states)[seen])
    return trajectories


def ornstein_uhlenbeck(seed, frames, timescale_ps, spacing_ps=1.0):
    """A stationary Ornstein-Uhlenbeck process of unit variance, shape (frames,)."""
    memory = np.exp(-spacing_ps / timescale_ps)
    noise = np.random.default_rng(seed).normal(size=frames)
    noise[1:] *= np.sqrt(1 - memory**2)
    return lfilter([1], [1, -memory], noise)


def hermite(x):
    """The first three nontrivial eigenfunctions of the Ornstein-Uhlenbeck process, (T, 3).

    Their eigenvalues at a lag are exp(−k lag/t), k = 1, 2, 3.
    """
    return np.stack([x, (x**2 - 1) / np.sqrt(2), (x**3 - 3 * x) / np.sqrt(6)], axis=1)
