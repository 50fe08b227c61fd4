"""Hamiltonian Monte Carlo moves on a calculator's forces, exact for a tempered target.

Duane, Kennedy, Pendleton, Roweth, Phys. Lett. B 195, 216 (1987).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ase_tito.flow.ode import OdeSettings
from ase_tito.graph import MolecularGraph
from ase_tito.reweighting.target import BoltzmannTarget
from ase_tito.transfer.prior import BoltzmannPrior

Array = NDArray[np.float64]


class HamiltonianMoves:
    """Moves that leave π_λ ∝ p_eq^{1−λ} e^{−λU/k_BT} on centred positions invariant.

    Leapfrog steps follow the calculator's forces −∇U/k_BT at any λ: whatever force makes the
    trajectory, it is reversible and keeps volume, so that accepting by π_λ is exact. Where the
    prior is good, p_eq ∝ e^{−U/k_BT} nearly, and this force is nearly that of every π_λ.

    Parameters
    ----------
    prior : BoltzmannPrior
        In double precision.
    graph : MolecularGraph
    target : BoltzmannTarget
    leapfrog_steps : int
    ode : OdeSettings
        Of the prior's density.
    batch_size : int
        Densities that are integrated at once.
    """

    def __init__(
        self,
        prior: BoltzmannPrior,
        graph: MolecularGraph,
        target: BoltzmannTarget,
        leapfrog_steps: int,
        ode: OdeSettings,
        batch_size: int,
    ) -> None:
        self._prior, self._graph, self._target = prior, graph, target
        self._steps, self._ode, self._batch_size = leapfrog_steps, ode, batch_size

    def move(
        self,
        positions: Array,
        log_prob: Array,
        energies: Array,
        level: float,
        step: float,
        rng: np.random.Generator,
    ) -> tuple[Array, Array, Array, float]:
        """One move of each sample.

        Parameters
        ----------
        positions : ndarray, shape (N, n, 3)
        log_prob, energies : ndarray, shape (N,)
            log p_eq and U/k_BT there.
        level : float
            λ.
        step : float
            Of the leapfrog, in Å for momenta of unit variance.
        rng : numpy.random.Generator

        Returns
        -------
        positions, log_prob, energies : ndarray
            After the move.
        accepted : float
            Share of the samples that moved.
        """
        momenta = _centred(rng.standard_normal(positions.shape))
        start = _kinetic(momenta)
        moved = positions.copy()
        _, forces = self._target.reduced_forces(moved)
        new_energies = energies
        for _ in range(self._steps):
            momenta = momenta + 0.5 * step * _centred(forces)
            moved = moved + step * momenta
            new_energies, forces = self._target.reduced_forces(moved)
            momenta = momenta + 0.5 * step * _centred(forces)
        new_log_prob = self._log_prob(moved, np.isfinite(new_energies)) if level < 1 else log_prob
        with np.errstate(invalid="ignore"):  # from one impossible place to another
            change = (
                _log_density(new_log_prob, new_energies, level)
                - _log_density(log_prob, energies, level)
                + start
                - _kinetic(momenta)
            )
        accepted = np.log(rng.random(len(change))) < np.nan_to_num(change, nan=-np.inf)
        keep = accepted[:, None, None]
        return (
            np.where(keep, moved, positions),
            np.where(accepted, new_log_prob, log_prob),
            np.where(accepted, new_energies, energies),
            float(accepted.mean()),
        )

    def _log_prob(self, positions: Array, possible: NDArray[np.bool_]) -> Array:
        """The prior's log-density, −∞ for positions that are not possible."""
        values = np.full(len(positions), -np.inf)
        where = np.flatnonzero(possible)
        for start in range(0, len(where), self._batch_size):
            part = where[start : start + self._batch_size]
            density = self._prior.log_prob(
                self._graph,
                torch.from_numpy(positions[part]),
                temperature_K=self._target.temperature_K,
                ode=self._ode,
            )
            values[part] = density.value.nan_to_num(nan=-torch.inf).numpy()
        return values


def _log_density(log_prob: Array, energies: Array, level: float) -> Array:
    return (1 - level) * log_prob - level * energies if level < 1 else -energies


def _kinetic(momenta: Array) -> Array:
    return 0.5 * np.square(momenta).sum((1, 2))


def _centred(vectors: Array) -> Array:
    centred: Array = vectors - vectors.mean(1, keepdims=True)
    return centred
