"""Importance sampling: independent samples of a prior, weighted to a calculator's ensemble."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray
from torch import Tensor

from ase_tito.errors import ConfigError
from ase_tito.flow.density import Quadrature
from ase_tito.flow.ode import OdeSettings
from ase_tito.graph import MolecularGraph
from ase_tito.reweighting.samples import WeightedSamples, log_mean_weight
from ase_tito.reweighting.target import BoltzmannTarget
from ase_tito.transfer.metropolis import forward_log_density, propose
from ase_tito.transfer.prior import ANY_LAG_PS, BoltzmannPrior

DEFAULT_QUADRATURE = Quadrature()
"""Of samples and densities."""


class Draws(NamedTuple):
    """Samples of a prior, shape (N, n, 3) in Å, with log p_eq and U/k_BT, shape (N,)."""

    positions: NDArray[np.float64]
    log_prob: NDArray[np.float64]
    energies: NDArray[np.float64]


def importance_sample(
    prior: BoltzmannPrior,
    graph: MolecularGraph,
    calculator: BaseCalculator,
    count: int,
    *,
    generator: torch.Generator,
    temperature_K: float | None = None,
    ode: OdeSettings | Quadrature = DEFAULT_QUADRATURE,
    batch_size: int = 64,
    atoms: Atoms | None = None,
) -> WeightedSamples:
    """Draw from a prior, and weight by e^{−U/k_BT} / p_eq.

    Weighted averages converge to those of the calculator's Boltzmann distribution, whatever the
    prior, as long as it leaves nothing out; how fast is what the effective sample size says. Where
    it is small, `annealed_sample` gets further.

    Parameters
    ----------
    prior : BoltzmannPrior
        Evaluated in double precision.
    graph : MolecularGraph
    calculator : ase calculator
        Potential energy in eV of the isolated molecule.
    count : int
    generator : torch.Generator
    temperature_K : float, optional
        Needed only where the prior was trained at more than one temperature.
    ode : OdeSettings or Quadrature
        Of samples and densities: too loose a one is an error in the weights. A quadrature follows
        one path for both, with the divergence at few nodes of it, and is several times as fast.
    batch_size : int
        Samples that are integrated at once.
    atoms : Atoms, optional
        What the calculator is shown beside positions, such as charges and magnetic moments.

    Raises
    ------
    DomainError
        For a molecule or a temperature that the prior was not trained for.
    ConfigError
        For a count below one.
    StructureError
        For atoms that are not the graph's, in its order.
    """
    prior = prior.in_float64()
    temperature = prior.domain.resolve_temperature(temperature_K)
    target = BoltzmannTarget(graph, calculator, temperature, atoms)
    drawn = draw(prior, graph, target, count, generator, ode, batch_size)
    log_weights = -drawn.energies - drawn.log_prob
    return WeightedSamples(
        drawn.positions,
        log_weights,
        drawn.energies * units.kB * temperature,
        log_mean_weight(log_weights),
        np.arange(count),
        temperature,
    )


def draw(
    prior: BoltzmannPrior,
    graph: MolecularGraph,
    target: BoltzmannTarget,
    count: int,
    generator: torch.Generator,
    ode: OdeSettings | Quadrature,
    batch_size: int,
) -> Draws:
    """Samples with their densities and energies; those that diverged have the density +∞."""
    if count < 1 or batch_size < 1:
        raise ConfigError(f"count and batch_size must be positive, not {count} and {batch_size}")
    positions, log_prob = [], []
    for start in range(0, count, batch_size):
        size = min(batch_size, count - start)
        if isinstance(ode, Quadrature):
            x, value = _along_one_path(prior, graph, target, size, generator, ode)
        else:
            samples = prior.sample_with_log_prob(
                graph,
                size,
                generator=generator,
                temperature_K=target.temperature_K,
                ode=ode,
            )
            x, value = samples.positions, samples.log_prob
        positions.append(x.numpy())
        log_prob.append(value.nan_to_num(nan=torch.inf).numpy())
    together = np.concatenate(positions)
    return Draws(together, np.concatenate(log_prob), target.reduced_energies(together))


def _along_one_path(
    prior: BoltzmannPrior,
    graph: MolecularGraph,
    target: BoltzmannTarget,
    count: int,
    generator: torch.Generator,
    quadrature: Quadrature,
) -> tuple[Tensor, Tensor]:
    """Samples and their log-densities, both from the paths that made them; NaN where one failed."""
    nowhere = torch.zeros(count, graph.n_atoms, 3, dtype=torch.float64)
    noise = torch.randn(nowhere.shape, generator=generator, dtype=torch.float64)
    temperature = target.temperature_K
    proposal = propose(
        prior.transition,
        graph,
        nowhere,
        ANY_LAG_PS,
        noise,
        quadrature,
        temperature_K=temperature,
    )
    value = nowhere.new_full((count,), torch.nan)
    fine = proposal.reversible.nonzero()[:, 0]
    with torch.no_grad():
        value[fine] = forward_log_density(
            prior.transition, proposal, fine, ANY_LAG_PS, quadrature, temperature
        )
    return proposal.positions, value
