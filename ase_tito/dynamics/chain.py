"""Chains of accepted and repeated states: Metropolis-Hastings for the systems of an ensemble."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from ase import Atoms, units
from numpy.typing import NDArray

from ase_tito.dynamics.jump import judgement, passed
from ase_tito.dynamics.metropolis import (
    ODE_TOLERANCE,
    MetropolisHastings,
    MetropolisRecord,
    acceptance_generator,
    block_of,
)
from ase_tito.dynamics.systems import Systems
from ase_tito.errors import ConfigError, StructureError, TITOWarning
from ase_tito.flow.frame import FrameName
from ase_tito.geometry import random_rotations
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.metropolis import (
    in_double_precision,
    proposal_ratio,
    proposal_ratio_again,
    propose,
)
from ase_tito.validity import check

_ROTATION_TOLERANCE = 0.05
"""In kT, of an energy that should be invariant."""


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
    evaluations, divergences, energies : int
    """

    positions: NDArray[np.float64]
    failed: NDArray[np.bool_]
    energy_eV: float
    density_ratio: float | None
    evaluations: int
    divergences: int
    energies: int


class MetropolisChains:
    """One chain for each system of an ensemble.

    Parameters
    ----------
    correction : MetropolisHastings
    operator : ImplicitTransferOperator
    systems : Systems
    atoms : sequence of Atoms, length B
        What the calculator is shown, beside positions.
    positions : ndarray, shape (B, N, 3)
        Where the chains start.
    batch_size : int

    Attributes
    ----------
    records : list of MetropolisRecord

    Raises
    ------
    StructureError
        If a start is no valid geometry: the distribution is one of valid geometries.
    ConfigError
        If the calculator's energy is not finite, or changes with a rotation.
    """

    def __init__(
        self,
        correction: MetropolisHastings,
        operator: ImplicitTransferOperator,
        systems: Systems,
        atoms: Sequence[Atoms],
        positions: NDArray[np.float64],
        batch_size: int,
    ) -> None:
        self.correction = correction
        self._operator = in_double_precision(operator)
        self._systems = systems
        self._atoms = list(atoms)
        self._batch_size = batch_size
        self._kT = units.kB * systems.temperature_K
        self._at = positions.copy()
        self._blocks: dict[int, tuple[tuple[int, int], list[Outcome]]] = {}
        self.records = [MetropolisRecord(self._energy_of_state(k)) for k in range(len(systems))]
        self._check_invariance(operator.frame.name)

    def restore(
        self, system: int, positions: NDArray[np.float64], record: MetropolisRecord
    ) -> None:
        """Take up a chain where a run was interrupted."""
        self._at[system] = positions
        self.records[system] = record
        self._blocks.pop(system, None)

    def step(
        self, positions: NDArray[np.float64], jump: int
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], int]:
        """Decide on one proposal of each system.

        Returns
        -------
        positions : ndarray, shape (B, N, 3)
        failed : ndarray of bool, shape (B, 5)
            Checks that the proposals failed.
        accepted : ndarray of bool, shape (B,)
        evaluations : int
            Velocities, over all systems.
        """
        everyone = range(len(self._systems))
        for k in everyone:
            if not np.array_equal(positions[k], self._at[k]):
                self._start_anew(k, positions[k], jump - 1)
        spent = self._propose(jump)
        outcomes = [self._outcome(k, jump) for k in everyone]
        self._check_integration(jump, outcomes)
        accepted = np.array([self._decide(k, jump, outcomes[k]) for k in everyone])
        failed = np.stack([outcome.failed for outcome in outcomes])
        return self._at.copy(), failed, accepted, spent

    def _decide(self, k: int, jump: int, outcome: Outcome) -> bool:
        """Whether system k takes its proposal; the state and its record follow."""
        record = self.records[k]
        log_ratio = None
        if outcome.density_ratio is not None:
            energy = (outcome.energy_eV - record.energy_eV) / self._kT
            log_ratio = outcome.density_ratio - energy
        uniform = acceptance_generator(self._systems.seed, self._systems.replicas[k], jump).random()
        accepted = log_ratio is not None and math.log1p(-uniform) < log_ratio
        record = replace(record, accepted=accepted, log_ratio=log_ratio)
        if log_ratio is not None:
            record = replace(
                record,
                ratios=record.ratios + 1,
                log_ratio_sum=record.log_ratio_sum + log_ratio,
                log_ratio_squares=record.log_ratio_squares + log_ratio**2,
            )
        if accepted:
            record = replace(
                record,
                energy_eV=outcome.energy_eV,
                acceptances=record.acceptances + 1,
                last_accepted=jump,
            )
            self._at[k] = outcome.positions
            self._blocks.pop(k, None)
        self.records[k] = record
        return accepted

    def _block(self, k: int, jump: int) -> tuple[int, int]:
        """First and last jump whose proposals are evaluated together with this one's."""
        since = self.records[k].last_accepted
        largest = self.correction.proposals if len(self._systems) == 1 else 1
        first, last = block_of(jump - since, largest)
        return since + first, since + last

    def _outcome(self, k: int, jump: int) -> Outcome:
        (first, _), outcomes = self._blocks[k]
        return outcomes[jump - first]

    def _propose(self, jump: int) -> int:
        """Evaluate all proposals that this jump needs and that are not known; velocities spent."""
        wanted: list[tuple[int, int]] = []
        for k in range(len(self._systems)):
            block = self._block(k, jump)
            if k not in self._blocks or self._blocks[k][0] != block:
                self._blocks[k] = block, []
                wanted += [(k, number) for number in range(block[0], block[1] + 1)]
        for start in range(0, len(wanted), self._batch_size):
            part = wanted[start : start + self._batch_size]
            for (k, _), outcome in zip(part, self._evaluate(part), strict=True):
                self._blocks[k][1].append(outcome)
        spent = 0
        for k in dict.fromkeys(k for k, _ in wanted):
            (first, _), outcomes = self._blocks[k]
            spent += sum(outcome.evaluations for outcome in outcomes)
            if jump == first:  # else a restart in the middle of a block, which is counted already
                record = self.records[k]
                self.records[k] = replace(
                    record,
                    evaluations=record.evaluations + sum(o.evaluations for o in outcomes),
                    divergences=record.divergences + sum(o.divergences for o in outcomes),
                    energies=record.energies + sum(o.energies for o in outcomes),
                )
        return spent

    def _evaluate(self, keys: Sequence[tuple[int, int]]) -> list[Outcome]:
        """Proposals of some (system, jump), in one batch."""
        index = np.array([k for k, _ in keys])
        batch, here = self._systems.select(index), self._at[index]
        quadrature, lag = self.correction.quadrature, self._systems.lag_time_ps
        temperature = self._systems.temperature_K
        proposal = propose(
            self._operator,
            batch,
            torch.from_numpy(here).to(batch.device),
            lag,
            self._systems.noise(index, [jump for _, jump in keys]),
            quadrature,
            temperature_K=temperature,
        )
        samples = proposal.positions.cpu().numpy()
        samples = self._systems.with_centres_of(here, samples, index)
        failed, _ = judgement(check(batch, torch.from_numpy(samples).to(batch.device)))
        needed = passed(failed) & proposal.reversible.cpu().numpy()
        energies = np.full(len(keys), np.nan)
        for row in np.flatnonzero(needed):
            energies[row] = self._energy(index[row], samples[row])
        chosen = np.flatnonzero(np.isfinite(energies))
        ratios = np.full(len(keys), np.nan)
        costs = np.full(len(keys), proposal.evaluations)
        divergences = np.zeros(len(keys), int)
        if len(chosen):
            rows = torch.from_numpy(chosen).to(batch.device)
            ratio = proposal_ratio(
                self._operator, proposal, rows, lag, quadrature, temperature_K=temperature
            )
            ratios[chosen] = ratio.log.cpu().numpy()
            costs[chosen] += ratio.evaluations
            divergences[chosen] = ratio.divergences
        return [
            Outcome(
                samples[row],
                failed[row],
                float(energies[row]),
                float(ratios[row]) if np.isfinite(ratios[row]) else None,
                int(costs[row]),
                int(divergences[row]),
                int(needed[row]),
            )
            for row in range(len(keys))
        ]

    def _check_integration(self, jump: int, outcomes: Sequence[Outcome]) -> None:
        """Where it is due, compute a ratio again, ten times tighter, and note the difference."""
        due = [
            k
            for k, outcome in enumerate(outcomes)
            if outcome.density_ratio is not None and jump >= self.records[k].next_check
        ]
        for start in range(0, len(due), self._batch_size):
            index = np.array(due[start : start + self._batch_size])
            batch = self._systems.select(index)
            y = torch.from_numpy(np.stack([outcomes[k].positions for k in index]))
            again = proposal_ratio_again(
                self._operator,
                batch,
                y.to(batch.device),
                torch.from_numpy(self._at[index]).to(batch.device),
                self._systems.lag_time_ps,
                self.correction.quadrature.tighter(),
                temperature_K=self._systems.temperature_K,
            )
            first = np.array([outcomes[k].density_ratio for k in index])
            for k, error in zip(index, np.abs(again.log.cpu().numpy() - first), strict=True):
                record = self.records[k]
                self.records[k] = replace(
                    record,
                    next_check=jump + self.correction.check_every,
                    ode_error=max(float(error), record.ode_error or 0.0),
                    evaluations=record.evaluations + again.evaluations,
                    divergences=record.divergences + again.divergences,
                )
                self._warn_of(float(error), k, jump)

    def _warn_of(self, error: float, k: int, jump: int) -> None:
        if error > ODE_TOLERANCE:
            warnings.warn(
                f"jump {jump} of replica {self._systems.replicas[k]}: the integration is off by "
                f"{error:.2g} in the log ratio, more than {ODE_TOLERANCE:g}; for an exact ensemble "
                "pass MetropolisHastings a quadrature of more nodes and steps than "
                f"{self.correction.quadrature}",
                TITOWarning,
                stacklevel=6,
            )

    def _start_anew(self, k: int, positions: NDArray[np.float64], jump: int) -> None:
        """Someone moved a system: its chain goes on from there."""
        self._at[k] = positions
        self._blocks.pop(k, None)
        self.records[k] = replace(
            self.records[k],
            energy_eV=self._energy_of_state(k),
            energies=self.records[k].energies + 1,
            last_accepted=jump,
        )

    def _energy_of_state(self, k: int) -> float:
        batch = self._systems.select(np.array([k]))
        state = torch.from_numpy(self._at[k])[None].to(batch.device)
        _, reasons = judgement(check(batch, state))
        if reasons[0]:
            raise StructureError(
                f"system {k} is no valid geometry ({reasons[0]}), and Metropolis-Hastings samples "
                "valid ones only: start from another frame"
            )
        energy = self._energy(k, self._at[k])
        if not math.isfinite(energy):
            raise ConfigError(f"the calculator's energy of system {k} is {energy}")
        return energy

    def _energy(self, k: int, positions: NDArray[np.float64]) -> float:
        """The calculator's energy in eV."""
        atoms = self._atoms[k].copy()
        atoms.set_positions(positions[: len(atoms)], apply_constraint=False)
        atoms.calc = self.correction.calculator
        return float(atoms.get_potential_energy())

    def _check_invariance(self, frame: FrameName) -> None:
        """Energies must be those of a molecule in space, wherever it is and however it lies."""
        moved = self._at[0] + 1.0
        if frame == "condition":
            rotation = random_rotations(1, torch.Generator().manual_seed(0), torch.float64)
            moved = moved @ rotation[0].numpy()
        change = abs(self._energy(0, moved) - self.records[0].energy_eV) / self._kT
        if not change <= _ROTATION_TOLERANCE:
            raise ConfigError(
                f"the calculator's energy changes by {change:.2g} kT when the molecule is moved as "
                f"a whole, and a model of the frame {frame!r} samples all places "
                f"{'and orientations ' if frame == 'condition' else ''}alike"
            )
