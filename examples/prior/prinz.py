"""The Boltzmann prior on the Prinz potential, one dimension in which everything is known.

A particle diffuses among four wells (J.-H. Prinz et al., J. Chem. Phys. 134, 174105 (2011)). On a
grid its transition density is known for every lag, and so are the errors of learned ones, without
any sampling: a flow of one dimension keeps the order of points, so that the quantiles of its source
become those of the learned density.

Two velocity fields learn from the same pairs, which start uniformly instead of from equilibrium: a
plain one, and one on top of a Boltzmann prior that has seen equilibrium samples. Printed are the
total variation between learned and exact laws, and the slowest timescale of nested jumps.

    python examples/prior/prinz.py --output prinz.png
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ase_tito.flow import linear_path
from ase_tito.flow.ode import OdeSettings, integrate
from ase_tito.flow.prior import BoltzmannPriorVelocity

Array = NDArray[np.float64]
Kernel = Callable[[float], Array]

EDGES = np.linspace(-1.25, 1.25, 101)
CENTRES = (EDGES[1:] + EDGES[:-1]) / 2
SHORTEST, LONGEST = 0.05, 2.0
"""Lags of the pairs, in units of time of a diffusion constant of 1."""
SOURCE_WIDTH = 0.5
NO_GRAPH: Any = None
ODE = OdeSettings("midpoint", steps=10)
QUANTILES = (np.arange(200) + 0.5) / 200


@dataclass(frozen=True)
class Exact:
    """Diffusion on the grid: hopping rates in detailed balance, diagonalized."""

    equilibrium: Array
    rates: Array
    left: Array
    right: Array

    @classmethod
    def build(cls) -> Exact:
        """For 4 (x⁸ + 0.8 e^{−80x²} + 0.2 e^{−80(x−½)²} + 0.5 e^{−40(x+½)²}) in k_BT."""
        x, width = CENTRES, EDGES[1] - EDGES[0]
        bumps = ((0.8, 80, 0.0), (0.2, 80, 0.5), (0.5, 40, -0.5))
        energy = 4 * (x**8 + sum(a * np.exp(-b * (x - c) ** 2) for a, b, c in bumps))
        weight = np.exp(-energy)
        hop = np.exp(-np.diff(energy) / 2) / width**2
        generator = np.diag(hop, 1) + np.diag(1 / hop / width**4, -1)
        generator -= np.diag(generator.sum(1))
        root = np.sqrt(weight / weight.sum())
        symmetric = root[:, None] * generator / root
        rates, vectors = np.linalg.eigh((symmetric + symmetric.T) / 2)
        return cls(root**2, rates, vectors / root[:, None], vectors.T * root)

    def transition(self, lag: float) -> Array:
        """Rows p(y | x, τ) over the bins."""
        rows = ((self.left * np.exp(self.rates * lag)) @ self.right).clip(0)
        return np.asarray(rows / rows.sum(1, keepdims=True))

    @property
    def timescale(self) -> float:
        """The slowest implied timescale."""
        return float(-1 / self.rates[-2])


class Field(nn.Module):
    """A velocity on positions (B, 1, 1), with or without condition and lag."""

    def __init__(self, conditional: bool, width: int = 64) -> None:
        super().__init__()
        self.conditional = conditional
        inputs = 25 + (15 if conditional else 0)
        self.layers = nn.Sequential(
            nn.Linear(inputs, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 1),
        )

    def encode(
        self, batch: object, condition: Tensor, lag_time: Tensor, temperature: Tensor | None = None
    ) -> Tensor:
        """Features of x and of the logarithm of the lag."""
        x = condition[:, 0]
        if not self.conditional:
            return x[:, :0]
        share = torch.log(lag_time / SHORTEST) / math.log(LONGEST / SHORTEST)
        return torch.cat([x, _waves(x[:, 0], 4), _waves(share, 3)], 1)

    def forward(self, z: Tensor, s: Tensor, context: Tensor) -> Tensor:
        """Velocity, shape (B, 1, 1)."""
        z = z[:, 0]
        velocity: Tensor = self.layers(torch.cat([z, _waves(z[:, 0], 8), _waves(s, 4), context], 1))
        return velocity[:, None]


Velocity = Field | BoltzmannPriorVelocity


def train(field: Velocity, pairs: Tensor, steps: int, seed: int) -> None:
    """Flow matching on rows (x, y, τ), with a learning rate that falls to zero."""
    generator = torch.Generator().manual_seed(seed)
    weights = [weight for weight in field.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, 3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        chosen = pairs[torch.randint(len(pairs), (512,), generator=generator)]
        x, y = chosen[:, 0, None, None], chosen[:, 1, None, None]
        z0 = SOURCE_WIDTH * torch.randn(y.shape, generator=generator)
        s = torch.rand(len(y), generator=generator)
        z, velocity = linear_path(z0, y, s)
        loss = (field(z, s, field.encode(NO_GRAPH, x, chosen[:, 2])) - velocity).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def transition(field: Velocity, lag: float) -> Array:
    """Rows of the learned p(y | x, τ) over the bins, from where the source's quantiles end."""
    levels = torch.special.ndtri(torch.from_numpy(QUANTILES)).float()
    z0 = (SOURCE_WIDTH * levels).repeat(len(CENTRES))[:, None, None]
    x = torch.from_numpy(CENTRES).float().repeat_interleave(len(levels))[:, None, None]
    with torch.no_grad():
        context = field.encode(NO_GRAPH, x, torch.full((len(x),), lag))
        mask = torch.ones(len(x), 1, dtype=torch.bool)
        ends = integrate(lambda z, s: field(z, s, context), z0, ODE, mask).positions
    y = np.sort(ends.double().numpy().reshape(len(CENTRES), -1), axis=1)
    cumulative = np.stack([np.interp(EDGES, row, QUANTILES, left=0, right=1) for row in y])
    rows = np.diff(cumulative, axis=1)
    return np.asarray(rows / rows.sum(1, keepdims=True))


def variation(first: Array, second: Array, weights: Array | None = None) -> float:
    """Total variation of two laws, or its mean over rows."""
    distance = 0.5 * np.abs(first - second).sum(-1)
    return float(distance if weights is None else weights @ distance)


def slowest(matrix: Array, lag: float) -> tuple[Array, float]:
    """Stationary law and slowest implied timescale of nested jumps."""
    values, vectors = np.linalg.eig(matrix.T)
    order = np.argsort(-np.abs(values))
    law = np.abs(vectors[:, order[0]].real)
    return law / law.sum(), float(-lag / np.log(min(np.abs(values[order[1]]), 1 - 1e-9)))


def draw_pairs(exact: Exact, count: int, rng: np.random.Generator) -> Tensor:
    """Pairs (x, y, τ) that start uniformly, at lags log-uniform in their range."""
    lags = SHORTEST * (LONGEST / SHORTEST) ** (rng.integers(30, size=count) / 29)
    start, end = rng.integers(20, 80, size=count), np.empty(count, int)
    for lag in np.unique(lags):
        cumulative = exact.transition(lag).cumsum(1)
        where = np.flatnonzero(lags == lag)
        below = rng.random(len(where))[:, None] > cumulative[start[where]]
        end[where] = below.sum(1).clip(max=len(CENTRES) - 1)
    jitter = (rng.random((2, count)) - 0.5) * (EDGES[1] - EDGES[0])
    rows = np.stack([CENTRES[start] + jitter[0], CENTRES[end] + jitter[1], lags], 1)
    return torch.from_numpy(rows).float()


def draw_equilibrium(exact: Exact, count: int, rng: np.random.Generator) -> Tensor:
    """Equilibrium samples as rows (0, y, ∞)."""
    jitter = (rng.random(count) - 0.5) * (EDGES[1] - EDGES[0])
    y = CENTRES[rng.choice(len(CENTRES), count, p=exact.equilibrium)] + jitter
    return torch.from_numpy(np.stack([0 * y, y, 0 * y + np.inf], 1)).float()


def draw_figure(path: Path, exact: Exact, models: dict[str, Velocity], lag: float) -> None:
    """Relaxation from one place by nested jumps, and what it ends in."""
    times = (lag, 2 * lag, 20 * lag)
    figure, axes = plt.subplots(1, 3, figsize=(10, 2.8), sharey=True, layout="constrained")
    start = np.abs(CENTRES + 0.75).argmin()
    matrices = {name: transition(field, lag) for name, field in models.items()}
    for ax, time in zip(axes, times, strict=True):
        jumps = round(time / lag)
        ax.fill_between(CENTRES, exact.transition(time)[start], color="0.85", label="exact")
        for name, matrix in matrices.items():
            ax.plot(CENTRES, np.linalg.matrix_power(matrix, jumps)[start], label=name)
        ax.set(title=f"{jumps} jump{'s' * (jumps > 1)} of {lag:g}", xlabel="x", yticks=[])
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    """Train, print the table, and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, help="figure to write (.png, .svg)")
    parser.add_argument("--pairs", type=int, nargs="+", default=[500, 5000, 50000])
    parser.add_argument("--steps", type=int, default=1500, help="of training, for each field")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    exact = Exact.build()
    prior = Field(conditional=False)
    train(prior, draw_equilibrium(exact, 100_000, rng), 4 * options.steps, options.seed)
    prior.requires_grad_(False)
    learned = transition(prior, math.inf)[0]
    print(f"slowest timescale {exact.timescale:.3f}; lags from {SHORTEST:g} to {LONGEST:g}")
    print(f"prior: total variation from equilibrium {variation(learned, exact.equilibrium):.3f}\n")
    lags = (2 * SHORTEST, 0.5, LONGEST)
    columns = "".join(f"{f'one jump of {lag:g}':>17s}" for lag in lags)
    print(f"{'pairs':>7s} {'field':<11s}{columns}{'stationary law':>17s}{'timescale':>12s}")
    for count in options.pairs:
        pairs = draw_pairs(exact, count, rng)
        models: dict[str, Velocity] = {
            "plain": Field(conditional=True),
            "with prior": BoltzmannPriorVelocity(prior, Field(conditional=True), exact.timescale),
        }
        for name, field in models.items():
            train(field, pairs, options.steps, options.seed)
            rows = [transition(field, lag) for lag in lags]
            errors = [
                variation(row, exact.transition(lag), exact.equilibrium)
                for row, lag in zip(rows, lags, strict=True)
            ]
            law, time = slowest(rows[1], lags[1])
            errors.append(variation(law, exact.equilibrium))
            shown = "".join(f"{error:17.3f}" for error in errors)
            print(f"{count:7d} {name:<11s}{shown}{time:12.3f}")
    if options.output:
        draw_figure(options.output, exact, models, lags[1])
        print(f"\n{options.output}: relaxation by nested jumps, with {options.pairs[-1]} pairs")


def _waves(value: Tensor, count: int) -> Tensor:
    """Sines and cosines, (B,) to (B, 2 · count)."""
    phase = value[:, None] * (0.5 * math.pi * torch.arange(1, count + 1))
    return torch.cat([phase.sin(), phase.cos()], 1)


if __name__ == "__main__":
    main()
