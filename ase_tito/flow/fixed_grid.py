"""Integration of dz/ds = u(z, s) over a fixed grid of times."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from torch import Tensor

Derivative = Callable[[Tensor, float], Tensor]
"""u(z, s) for one time of all systems."""

EVALUATIONS_PER_STEP = {"euler": 1, "midpoint": 2, "rk4": 4, "multistep": 1}

_REMEMBERED = 3


def on_fixed_grid(method: str, u: Derivative, z: Tensor, grid: Sequence[float]) -> Tensor:
    """Follow the flow to the end of the grid.

    Parameters
    ----------
    method : {'euler', 'midpoint', 'rk4', 'multistep'}
        rk4 is Kutta's 3/8 rule. See `multistep`.
    u : callable
    z : Tensor
        At the start of the grid.
    grid : sequence of float
        Rising times.
    """
    if method == "multistep":
        return multistep(u, z, grid)
    step = {"euler": _euler, "midpoint": _midpoint, "rk4": _rk4}[method]
    for s, end in pairwise(grid):
        z = z + step(u, z, s, end - s)
    return z


def multistep(u: Derivative, z: Tensor, grid: Sequence[float]) -> Tensor:
    """Third-order steps of one evaluation each, from what the two evaluations before found.

    On straight paths from source to target all of a trajectory points at one place, its endpoint
    D = z + (1 − s) u(z, s): D changes slowly where u does not. In terms of D the equation is
    dz/ds = (D − z)/(1 − s), which is solved exactly for the parabola through the last three D: an
    exponential Adams-Bashforth method (Q. Zhang, Y. Chen, arXiv 2204.13902; C. Lu et al.,
    arXiv 2211.01095). The first two steps have fewer D to go by, so that the order of the whole is
    2, with a small constant. All times but the last are below 1.
    """
    ends: list[Tensor] = []
    for s, (keep, *weights) in zip(grid, _weights(tuple(grid)), strict=False):
        ends = [*ends[1 - _REMEMBERED :], z + (1 - s) * u(z, s)]
        z = keep * z
        for weight, place in zip(weights, ends, strict=True):
            z = z + weight * place
    return z


@lru_cache(maxsize=64)
def _weights(grid: tuple[float, ...]) -> tuple[tuple[float, ...], ...]:
    """For each step what of z remains, and the weights of the last D, the oldest first.

    With q = 1 − s, z(b) = q_b/q_a z(a) + q_b ∫ D q⁻² dq from q_b to q_a, for D = Σ_k c_k q^k.
    """
    found = []
    for k, (start, end) in enumerate(pairwise(grid)):
        nodes = 1 - np.array(grid[max(0, k + 1 - _REMEMBERED) : k + 1])
        a, b = 1 - start, 1 - end
        logarithm = b * math.log(a / b) if b > 0 else 0.0
        moments = [1 - b / a, logarithm, b * (a - b)][: len(nodes)]
        powers = np.vander(nodes, increasing=True).T
        found.append((b / a, *np.linalg.solve(powers, moments).tolist()))
    return tuple(found)


def _euler(u: Derivative, z: Tensor, s: float, h: float) -> Tensor:
    return h * u(z, s)


def _midpoint(u: Derivative, z: Tensor, s: float, h: float) -> Tensor:
    return h * u(z + h / 2 * u(z, s), s + h / 2)


def _rk4(u: Derivative, z: Tensor, s: float, h: float) -> Tensor:
    first = u(z, s)
    second = u(z + h / 3 * first, s + h / 3)
    third = u(z + h * (second - first / 3), s + 2 * h / 3)
    fourth = u(z + h * (first - second + third), s + h)
    return h / 8 * (first + 3 * (second + third) + fourth)
