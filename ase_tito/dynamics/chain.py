"""Chains of accepted and repeated states: Metropolis-Hastings for the systems of an ensemble."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms, units
from numpy.typing import NDArray

from ase_tito.dynamics.metropolis import (
    ODE_TOLERANCE,
    MetropolisHastings,
    MetropolisRecord,
    block_of,
)
from ase_tito.dynamics.moves import moves_of
from ase_tito.dynamics.proposals import Outcome, Proposals
from ase_tito.dynamics.systems import Systems
from ase_tito.errors import warn
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.noise import ACCEPTANCE, keyed_generator


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
        If the calculator's energy is not finite, or changes with a rotation; for moves in the
        source space of a model without a prior.
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
        self._systems = systems
        self._proposals = Proposals(
            correction, moves_of(correction, operator, systems), systems, list(atoms)
        )
        self._batch_size = batch_size
        self._kT = units.kB * systems.temperature_K
        self._at = positions.copy()
        self._blocks: dict[int, tuple[tuple[int, int], list[Outcome]]] = {}
        self.records = [self._proposals.state(k, state) for k, state in enumerate(positions)]
        self._proposals.check_invariance(positions[0])

    def restore(
        self, system: int, positions: NDArray[np.float64], record: MetropolisRecord
    ) -> None:
        """Take up a chain where a run was interrupted; OutputError if the calculator is another."""
        self._proposals.check_energy(system, positions, record.energy_eV)
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
        key = self._systems.seed, self._systems.replicas[k], jump
        uniform = keyed_generator(*key, 0, ACCEPTANCE).random()
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
                log_density=None if record.log_density is None else outcome.log_density,
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
        densities = np.array([record.log_density for record in self.records], np.float64)
        for start in range(0, len(wanted), self._batch_size):
            part = wanted[start : start + self._batch_size]
            outcomes = self._proposals.evaluate(self._at, part, densities)
            for (k, _), outcome in zip(part, outcomes, strict=True):
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

    def _check_integration(self, jump: int, outcomes: Sequence[Outcome]) -> None:
        """Where it is due, compute a ratio again, ten times tighter, and note the difference."""
        due = [
            k
            for k, outcome in enumerate(outcomes)
            if outcome.density_ratio is not None and jump >= self.records[k].next_check
        ]
        for start in range(0, len(due), self._batch_size):
            index = np.array(due[start : start + self._batch_size])
            errors, evaluations, divergences = self._proposals.integrate_again(
                self._at, index, [outcomes[k] for k in index]
            )
            for k, error in zip(index, errors.tolist(), strict=True):
                record = self.records[k]
                self.records[k] = replace(
                    record,
                    next_check=jump + self.correction.check_every,
                    ode_error=max(error, record.ode_error or 0.0),
                    evaluations=record.evaluations + evaluations,
                    divergences=record.divergences + divergences,
                )
                self._warn_of(error, k, jump)

    def _warn_of(self, error: float, k: int, jump: int) -> None:
        if error > ODE_TOLERANCE:
            warn(
                f"jump {jump} of replica {self._systems.replicas[k]}: the integration is off by "
                f"{error:.2g} in the log ratio, more than {ODE_TOLERANCE:g}; for an exact ensemble "
                "pass MetropolisHastings a quadrature of more nodes and steps than "
                f"{self.correction.quadrature} (--quadrature)"
            )

    def _start_anew(self, k: int, positions: NDArray[np.float64], jump: int) -> None:
        """Someone moved a system: its chain goes on from there."""
        fresh, record = self._proposals.state(k, positions), self.records[k]
        self._at[k] = positions
        self._blocks.pop(k, None)
        self.records[k] = replace(
            record,
            energy_eV=fresh.energy_eV,
            log_density=fresh.log_density,
            evaluations=record.evaluations + fresh.evaluations,
            divergences=record.divergences + fresh.divergences,
            energies=record.energies + fresh.energies,
            last_accepted=jump,
        )
