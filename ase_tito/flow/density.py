"""Log-densities by quadrature along a path: the divergence at a few nodes instead of at all stages.

The divergence does not act back on the path, and it costs as much as some thirty velocities (for
22 atoms): so the path is integrated in small steps, and the divergence in few.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ase_tito.errors import ConfigError
from ase_tito.flow.divergence import divergence
from ase_tito.flow.field import Velocity

_STAGES = 4


@dataclass(frozen=True)
class Quadrature:
    """Where a path and its divergence are evaluated.

    The nodes are those of Gauss and Legendre in t, where s = sin(π/2 · t): dense near s = 1, where
    bond lengths are decided. Their number decides the error, more than the steps do
    (`benchmarks/quadrature.py`).

    Parameters
    ----------
    nodes : int
        Divergences in one integral over 0 ≤ s ≤ 1.
    steps : int
        Steps of the path from one node to the next, by the classical Runge–Kutta method.

    Raises
    ------
    ConfigError
        Unless both are positive integers.
    """

    nodes: int = 64
    steps: int = 1

    def __post_init__(self) -> None:
        for name in ("nodes", "steps"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} must be a positive integer, not {value!r}")

    @classmethod
    def from_text(cls, text: str) -> Quadrature:
        """Nodes and steps as in '64x1'.

        Raises
        ------
        ConfigError
            If that is not what the text says.
        """
        nodes, _, steps = text.partition("x")
        if not (nodes.isdecimal() and steps.isdecimal()):
            raise ConfigError(f"a quadrature is NODESxSTEPS, such as 64x1, not {text!r}")
        return cls(int(nodes), int(steps))

    @property
    def times(self) -> Tensor:
        """The nodes in the flow time s, rising, shape (nodes,), float64."""
        return torch.from_numpy(np.sin(math.pi / 2 * self._legendre[0]))

    @property
    def weights(self) -> Tensor:
        """Of the integral over s, shape (nodes,), float64."""
        t, weights = self._legendre
        return torch.from_numpy(weights * math.pi / 2 * np.cos(math.pi / 2 * t))

    @property
    def evaluations(self) -> int:
        """Velocities along one path."""
        return _STAGES * self.steps * (self.nodes + 1)

    def tighter(self) -> Quadrature:
        """At least ten times as accurate: half as long steps have 1/16 of their error."""
        return Quadrature(math.ceil(1.5 * self.nodes), math.ceil(4 / 3 * self.steps))

    @property
    def _legendre(self) -> tuple[np.ndarray, np.ndarray]:
        points, weights = np.polynomial.legendre.leggauss(self.nodes)
        return (points + 1) / 2, weights / 2


@dataclass(frozen=True)
class Path:
    """One integration of the flow.

    Attributes
    ----------
    end : Tensor, shape (B, N, 3)
        At s = 1, or backwards at s = 0. Not finite where the integration diverged.
    nodes : Tensor, shape (K, B, N, 3)
        At the quadrature's nodes, in their order.
    """

    end: Tensor
    nodes: Tensor


def follow(
    velocity: Velocity, start: Tensor, quadrature: Quadrature, *, reverse: bool = False
) -> Path:
    """Follow the flow from s = 0 to s = 1, or back.

    Parameters
    ----------
    velocity : callable
        u(z, s) for z of shape (B, N, 3) and s of shape (B,).
    start : Tensor, shape (B, N, 3)
        z_0 in Å; with `reverse` the target.
    quadrature : Quadrature
        The same steps both ways.
    reverse : bool
    """
    times = [0.0, *quadrature.times.tolist(), 1.0]
    if reverse:
        times.reverse()
    z, nodes = start, []
    for begin, stop in pairwise(times):
        # even in t: the steps themselves shrink towards s = 1 too
        first, last = (2 / math.pi * math.asin(s) for s in (begin, stop))
        inner = np.sin(math.pi / 2 * np.linspace(first, last, quadrature.steps + 1)[1:-1])
        grid = [begin, *inner.tolist(), stop]
        for s, following in pairwise(grid):
            z = _step(velocity, z, s, following - s)
        nodes.append(z)
    nodes.pop()
    if reverse:
        nodes.reverse()
    return Path(z, torch.stack(nodes))


def divergence_integral(
    velocity: Velocity, path: Path, quadrature: Quadrature, directions: Tensor
) -> Tensor:
    """∫₀¹ div u ds along a path, shape (B,): log p(y) is log p_0(z_0) less this.

    Chen et al., arXiv 1806.07366, eq. 8. Divergences are evaluated in the precision of the
    directions, and summed in that of the path.
    """
    total = path.end.new_zeros(len(path.end))
    for z, s, weight in zip(path.nodes, quadrature.times, quadrature.weights, strict=True):
        at, time = z.to(directions), s.to(directions).expand(len(z))
        total = total + weight * divergence(velocity, at, time, directions)
    return total


def _step(velocity: Velocity, z: Tensor, s: float, h: float) -> Tensor:
    def u(at: Tensor, fraction: float) -> Tensor:
        return velocity(at, at.new_full((len(at),), s + fraction * h))

    first = u(z, 0.0)
    second = u(z + h / 2 * first, 0.5)
    third = u(z + h / 2 * second, 0.5)
    fourth = u(z + h * third, 1.0)
    return z + h / 6 * (first + 2 * second + 2 * third + fourth)
