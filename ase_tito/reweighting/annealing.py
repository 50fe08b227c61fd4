"""Annealed importance sampling: from the prior to the calculator's ensemble in many small steps.

R. M. Neal, Stat. Comput. 11, 125 (2001); with resampling a sequential Monte Carlo sampler,
Del Moral, Doucet, Jasra, J. R. Stat. Soc. B 68, 411 (2006).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp

from ase_tito.errors import ConfigError
from ase_tito.flow.ode import OdeSettings
from ase_tito.graph import MolecularGraph
from ase_tito.reweighting.hamiltonian import HamiltonianMoves
from ase_tito.reweighting.importance import draw
from ase_tito.reweighting.samples import WeightedSamples, effective_sample_size, normalized
from ase_tito.reweighting.target import BoltzmannTarget
from ase_tito.transfer.implicit import DENSITY_ODE
from ase_tito.transfer.prior import BoltzmannPrior


@dataclass(frozen=True)
class AnnealingSettings:
    """How samples are led from π_0 = p_eq to π_1 ∝ e^{−U/k_BT} along π_λ ∝ p_eq^{1−λ} e^{−λU/k_BT}.

    Parameters
    ----------
    level_share : float
        A step in λ is as long as leaves this share of the (conditional) effective sample size. The
        estimate of the normalizer is then biased, in proportion to 1/N; averages are not, for
        large N.
    levels : tuple of float
        A schedule in place of that: rising values of λ, the last one 1. Then, and without
        resampling, the normalizer's estimate is unbiased, as Neal shows.
    resample_below : float
        Samples are resampled where their effective number is below this share; 0 never.
    moves : int
        Hamiltonian moves after each step, and at λ = 1.
    leapfrog_steps : int
        Force evaluations per move.
    step_A : float
        Length of a leapfrog step for unit momenta, in Å; it is adapted from level to level to
        `acceptance`.
    acceptance : float

    Raises
    ------
    ConfigError
        For values that make no sense.
    """

    level_share: float = 0.5
    levels: tuple[float, ...] = ()
    resample_below: float = 0.5
    moves: int = 2
    leapfrog_steps: int = 10
    step_A: float = 0.01
    acceptance: float = 0.75

    def __post_init__(self) -> None:
        for name in ("level_share", "acceptance"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(f"{name} must lie between 0 and 1, not {getattr(self, name)}")
        if not 0 <= self.resample_below <= 1:
            raise ConfigError(f"resample_below must lie in [0, 1], not {self.resample_below}")
        if self.levels and not (
            self.levels[-1] == 1.0 and (np.diff([0.0, *self.levels]) > 0).all()
        ):
            raise ConfigError(f"levels must rise from above 0 to 1, not {self.levels}")
        if self.moves < 0 or self.leapfrog_steps < 1 or not self.step_A > 0:
            raise ConfigError("moves, leapfrog_steps and step_A must be positive")


@dataclass(frozen=True)
class Level:
    """One step of the annealing: λ, the effective sample size before resampling, moves accepted."""

    value: float
    effective_sample_size: float
    resampled: bool
    acceptance: float


@dataclass(frozen=True, eq=False)
class AnnealedSamples(WeightedSamples):
    """Weighted samples, and how they came about.

    Attributes
    ----------
    levels : tuple of Level
    evaluations : int
        Energies, and forces, that the calculator was asked for.
    """

    levels: tuple[Level, ...] = field(default=())
    evaluations: int = 0


def annealed_sample(
    prior: BoltzmannPrior,
    graph: MolecularGraph,
    calculator: BaseCalculator,
    count: int,
    *,
    generator: torch.Generator,
    temperature_K: float | None = None,
    settings: AnnealingSettings | None = None,
    ode: OdeSettings = DENSITY_ODE,
    batch_size: int = 64,
    atoms: Atoms | None = None,
) -> AnnealedSamples:
    """Draw from a prior, and lead the samples to a calculator's ensemble.

    Between two values of λ samples are weighted; at each they move by Hamiltonian Monte Carlo, on
    the calculator's forces, accepted with the exact π_λ. So weighted averages converge to those of
    the calculator's Boltzmann distribution, however poor the prior and the moves. At λ < 1 each
    move costs a log-density of the prior; at λ = 1 the calculator's forces alone.

    Parameters
    ----------
    prior, graph, calculator, count, generator, temperature_K, ode, batch_size, atoms
        As for `importance_sample`. The calculator gives forces.
    settings : AnnealingSettings, optional

    Raises
    ------
    DomainError
        For a molecule or a temperature that the prior was not trained for.
    DataError
        If all samples lose their weight.
    """
    settings = settings or AnnealingSettings()
    prior = prior.in_float64()
    temperature = prior.domain.resolve_temperature(temperature_K)
    target = BoltzmannTarget(graph, calculator, temperature, atoms)
    positions, log_prob, energies = draw(prior, graph, target, count, generator, ode, batch_size)
    moves = HamiltonianMoves(prior, graph, target, settings.leapfrog_steps, ode, batch_size)
    rng = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
    log_weights, groups = np.zeros(count), np.arange(count)
    value, step, log_normalizer = 0.0, settings.step_A, 0.0
    levels: list[Level] = []
    while value < 1:
        gain = -energies - log_prob  # d ln π_λ / dλ, without its constant
        reached = _next_level(settings, value, len(levels), log_weights, gain)
        grown = log_weights + (reached - value) * gain
        log_normalizer += float(logsumexp(grown) - logsumexp(log_weights))
        log_weights, value = grown, reached
        size = effective_sample_size(log_weights)
        resampled = size < settings.resample_below * count
        if resampled:
            chosen = _systematic(normalized(log_weights), rng)
            positions, log_prob, energies = positions[chosen], log_prob[chosen], energies[chosen]
            groups, log_weights = groups[chosen], np.zeros(count)
        accepted = []
        for _ in range(settings.moves):
            positions, log_prob, energies, share = moves.move(
                positions, log_prob, energies, value, step, rng
            )
            step *= float(np.exp(share - settings.acceptance))
            accepted.append(share)
        levels.append(Level(value, size, resampled, float(np.mean(accepted or [np.nan]))))
    return AnnealedSamples(
        positions,
        log_weights,
        energies * units.kB * temperature,
        log_normalizer,
        groups,
        temperature,
        tuple(levels),
        target.evaluations,
    )


def _next_level(
    settings: AnnealingSettings,
    value: float,
    done: int,
    log_weights: NDArray[np.float64],
    gain: NDArray[np.float64],
) -> float:
    """The next λ: of the schedule, or as far as the samples stand."""
    if settings.levels:
        return settings.levels[done]
    weights = normalized(log_weights)
    # a sample that counts for nothing at any λ > 0 must not stop the others
    possible = np.isfinite(gain) & (weights > 0)
    gain, weights = gain[possible], weights[possible] / weights[possible].sum()

    def spare(step: float) -> float:
        grown = step * (gain - gain.max())
        share = np.exp(grown) @ weights
        return float(share**2 / (np.exp(2 * grown) @ weights)) - settings.level_share

    if not len(gain) or spare(1 - value) >= 0:
        return 1.0
    return min(1.0, value + float(brentq(spare, 0.0, 1 - value, xtol=1e-12)))


def _systematic(weights: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of systematic resampling: each about N times its weight."""
    count = len(weights)
    places = (rng.random() + np.arange(count)) / count
    edges = np.cumsum(weights)
    return np.searchsorted(edges / edges[-1], places, side="right").clip(max=count - 1)
