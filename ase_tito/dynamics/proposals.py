"""Proposals of Metropolis-Hastings: geometry, energy and density ratio, each where it is needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms, units
from numpy.typing import NDArray

from ase_tito.dynamics.jump import judgement, passed
from ase_tito.dynamics.metropolis import MetropolisHastings, MetropolisRecord
from ase_tito.dynamics.moves import Moves
from ase_tito.dynamics.systems import Systems
from ase_tito.errors import ConfigError, OutputError, StructureError
from ase_tito.geometry import random_rotations
from ase_tito.validity import check

_MOVED_TOLERANCE = 0.05
"""In kT, of an energy that should be invariant."""

_REPEATED_TOLERANCE = 0.01
"""In kT, of an energy that is computed again: what neither rounding nor convergence explains."""


@dataclass(frozen=True)
class Outcome:
    """One proposal: where it leads, what is wrong with it, and its cost.

    Attributes
    ----------
    positions : ndarray, shape (N, 3)
    failed : ndarray of bool, shape (5,)
        Checks of its geometry.
    energy_eV : float
        nan where it was not needed.
    density_ratio : float or None
        The log ratio without energies; None where the proposal is rejected without it.
    log_density : float
        Of the proposal under the moves, log q(y | x) or log p_eq(y); nan where there is no ratio.
    evaluations, divergences, energies : int
    """

    positions: NDArray[np.float64]
    failed: NDArray[np.bool_]
    energy_eV: float
    density_ratio: float | None
    log_density: float
    evaluations: int
    divergences: int
    energies: int


@dataclass(frozen=True, eq=False)
class Proposals:
    """Makes and judges proposals for the systems of an ensemble.

    Attributes
    ----------
    correction : MetropolisHastings
    moves : Moves
    systems : Systems
    atoms : list of Atoms, length B
        What the calculator is shown, beside positions.
    """

    correction: MetropolisHastings
    moves: Moves
    systems: Systems
    atoms: list[Atoms]

    def evaluate(
        self,
        states: NDArray[np.float64],
        keys: Sequence[tuple[int, int]],
        log_densities: NDArray[np.float64],
    ) -> list[Outcome]:
        """Proposals of some (system, jump) from the states (B, N, 3) of all, in one batch.

        `log_densities` (B,) are those that `state` gave, or nan.
        """
        index = np.array([k for k, _ in keys])
        batch, here = self.systems.select(index), states[index]
        device = batch.device
        own, first, origin = np.unique(index, return_index=True, return_inverse=True)
        proposal = self.moves.propose(
            self.systems.select(own),
            torch.from_numpy(states[own]).to(device),
            torch.from_numpy(origin).to(device),
            self.systems.noise(index, [jump for _, jump in keys]),
        )
        samples = proposal.positions.cpu().numpy()
        samples = self.systems.with_centres_of(here, samples, index)
        failed, _ = judgement(check(batch, torch.from_numpy(samples).to(device)))
        needed = passed(failed) & proposal.reversible.cpu().numpy()
        energies = np.full(len(keys), np.nan)
        for row in np.flatnonzero(needed):
            energies[row] = self.energy(index[row], samples[row])
        chosen = np.flatnonzero(np.isfinite(energies))
        ratios, densities = np.full((2, len(keys)), np.nan)
        costs = np.full(len(keys), proposal.evaluations)
        costs[first] += self.moves.extra_evaluations
        divergences = np.zeros(len(keys), int)
        if len(chosen):
            ratio = self.moves.ratio(
                proposal,
                torch.from_numpy(chosen).to(device),
                torch.from_numpy(log_densities[index[chosen]]).to(device),
            )
            ratios[chosen] = ratio.log.cpu().numpy()
            densities[chosen] = ratio.forward.cpu().numpy()
            costs[chosen] += ratio.evaluations
            divergences[chosen] = ratio.divergences
        return [
            Outcome(
                samples[row],
                failed[row],
                float(energies[row]),
                float(ratios[row]) if np.isfinite(ratios[row]) else None,
                float(densities[row]),
                int(costs[row]),
                int(divergences[row]),
                int(needed[row]),
            )
            for row in range(len(keys))
        ]

    def integrate_again(
        self,
        states: NDArray[np.float64],
        index: NDArray[np.intp],
        outcomes: Sequence[Outcome],
    ) -> tuple[NDArray[np.float64], int, int]:
        """Errors (b,) of the density ratios of some systems' outcomes, by a ten times tighter one.

        Beside them, the velocities and divergences that it took for each.
        """
        batch = self.systems.select(index)
        y = torch.from_numpy(np.stack([outcome.positions for outcome in outcomes]))
        x = torch.from_numpy(states[index])
        again = self.moves.ratio_again(batch, y.to(batch.device), x.to(batch.device))
        first = np.array([outcome.density_ratio for outcome in outcomes], dtype=np.float64)
        errors = np.nan_to_num(np.abs(again.log.cpu().numpy() - first), nan=np.inf)
        return errors, again.evaluations, again.divergences

    def state(self, k: int, positions: NDArray[np.float64]) -> MetropolisRecord:
        """What a chain knows of its start (N, 3), which must be a valid geometry."""
        batch = self.systems.select(np.array([k]))
        state = torch.from_numpy(positions)[None].to(batch.device)
        _, reasons = judgement(check(batch, state))
        if reasons[0]:
            raise StructureError(
                f"system {k} is no valid geometry ({reasons[0]}), and Metropolis-Hastings samples "
                "valid ones only: start from another frame"
            )
        energy = self.energy(k, positions)
        if not math.isfinite(energy):
            raise ConfigError(f"the calculator's energy of system {k} is {energy}")
        found = self.moves.log_density(batch, state)
        if found is None:
            return MetropolisRecord(energy)
        log_density = float(found[0])
        if not math.isfinite(log_density):
            raise StructureError(
                f"the prior gives system {k} the log-density {log_density}: start from a frame "
                "that is nearer to its equilibrium"
            )
        quadrature = self.correction.quadrature
        return MetropolisRecord(
            energy,
            log_density=log_density,
            evaluations=quadrature.evaluations,
            divergences=quadrature.nodes,
        )

    def energy(self, k: int, positions: NDArray[np.float64]) -> float:
        """The calculator's energy in eV of one system at positions (N, 3)."""
        atoms = self.atoms[k].copy()
        atoms.set_positions(positions[: len(atoms)], apply_constraint=False)
        atoms.calc = self.correction.calculator
        return float(atoms.get_potential_energy())

    def check_energy(self, k: int, positions: NDArray[np.float64], energy_eV: float) -> None:
        """OutputError unless the energy at positions (N, 3) is what a run wrote of its last state.

        Calculators are not kept in trajectories, and another one has another ensemble.
        """
        found = self.energy(k, positions)
        kT = units.kB * self.systems.temperature_K
        if not abs(found - energy_eV) / kT <= _REPEATED_TOLERANCE:
            raise OutputError(
                f"the run's last state of replica {self.systems.replicas[k]} had the energy "
                f"{energy_eV:.6f} eV, and has {found:.6f} eV now: pass the calculator and the "
                "charges and spins of the start, or begin another run"
            )

    def check_invariance(self, positions: NDArray[np.float64]) -> None:
        """ConfigError if moving the first system, at positions (N, 3), changes its energy.

        A molecule in space is as likely wherever it is and, in the frame 'condition', however it
        lies.
        """
        frame = self.moves.frame
        moved = positions + 1.0
        if frame == "condition":
            rotation = random_rotations(1, torch.Generator().manual_seed(0), torch.float64)
            moved = moved @ rotation[0].numpy()
        kT = units.kB * self.systems.temperature_K
        change = abs(self.energy(0, moved) - self.energy(0, positions)) / kT
        if not change <= _MOVED_TOLERANCE:
            raise ConfigError(
                f"the calculator's energy changes by {change:.2g} kT when the molecule is moved as "
                f"a whole, and a model of the frame {frame!r} samples all places "
                f"{'and orientations ' if frame == 'condition' else ''}alike"
            )
