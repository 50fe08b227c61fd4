"""Guarded samples of a transfer operator, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms
from numpy.typing import NDArray

from ase_tito.dynamics.after_jump import AfterJump
from ase_tito.dynamics.jump import Draw, joined, judgement
from ase_tito.dynamics.systems import Systems
from ase_tito.errors import StructureError
from ase_tito.flow.ode import OdeSettings
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.noise import AFTER_JUMP, keyed_generator
from ase_tito.validity import CHECKS, check


@dataclass(frozen=True, eq=False)
class Sampler:
    """Draws y ~ p(y | x, τ) for some of the systems of an ensemble, and checks them.

    Attributes
    ----------
    operator : ImplicitTransferOperator
    systems : Systems
    atoms : list of Atoms
        What the steps after a jump are shown, beside positions.
    ode : OdeSettings or None
    batch_size : int
    after_jump : tuple of AfterJump
        Applied to each valid sample, which is then checked again.
    isolate : bool
        Whether a condition that is beyond use loses its own system alone.
    """

    operator: ImplicitTransferOperator
    systems: Systems
    atoms: list[Atoms]
    ode: OdeSettings | None
    batch_size: int
    after_jump: Sequence[AfterJump]
    isolate: bool

    def draw(
        self, positions: NDArray[np.float64], systems: NDArray[np.intp], jump: int, retry: int
    ) -> Draw:
        """Sample some systems from the positions (B, N, 3) of all."""
        chunks = [
            self._apart(positions, systems[start : start + self.batch_size], jump, retry)
            for start in range(0, len(systems), self.batch_size)
        ]
        return joined(chunks, positions)

    def _apart(
        self, positions: NDArray[np.float64], systems: NDArray[np.intp], jump: int, retry: int
    ) -> Draw:
        """As `_together`, save that a geometry beyond use stops its own system alone."""
        try:
            return self._together(positions[systems], systems, jump, retry)
        except StructureError as error:
            if not self.isolate:
                raise
            if len(systems) == 1:
                lost = np.full_like(positions[systems], np.nan)
                failed = np.array([np.array(CHECKS) == "finite"])
                return Draw(lost, failed, [str(error)], 0, 0.0)
        middle = len(systems) // 2
        parts = np.split(systems, [middle])
        return joined([self._apart(positions, part, jump, retry) for part in parts], positions)

    def _together(
        self, here: NDArray[np.float64], systems: NDArray[np.intp], jump: int, retry: int
    ) -> Draw:
        batch = self.systems.select(systems)
        transition = self.operator.sample(
            batch,
            torch.from_numpy(here).to(batch.device),
            self.systems.lag_time_ps,
            noise=self.systems.noise(systems, jump, retry),
            temperature_K=self.systems.temperature_K,
            ode=self.ode,
        )
        sample = transition.positions.cpu().numpy()
        # no dynamics inverts a CH2: where a sample did, it is its equal atoms that changed names
        sample = self.systems.with_sides_of(here, sample, systems)
        # the operator keeps the centroid; a centre of mass is what dynamics keep
        sample = self.systems.with_centres_of(here, sample, systems)
        failed, reasons = judgement(check(batch, torch.from_numpy(sample).to(batch.device)))
        if self.after_jump:
            for row, k in enumerate(systems):
                if not reasons[row]:
                    self._finish(sample[row], k, jump, retry)
            sample = self.systems.with_centres_of(here, sample, systems)
            again, found = judgement(check(batch, torch.from_numpy(sample).to(batch.device)))
            failed |= again
            reasons = [first or second for first, second in zip(reasons, found, strict=True)]
        info = transition.info
        return Draw(sample, failed, reasons, info.evaluations, info.wall_time_s)

    def _finish(self, sample: NDArray[np.float64], system: int, jump: int, retry: int) -> None:
        """Apply the steps after a jump to one sample (N, 3), in place."""
        atoms = self.atoms[system].copy()
        atoms.set_positions(sample[: len(atoms)], apply_constraint=False)
        key = self.systems.seed, self.systems.replicas[system], jump, retry
        for number, step in enumerate(self.after_jump):
            step(atoms, self.systems.temperature_K, keyed_generator(*key, AFTER_JUMP, number))
        sample[: len(atoms)] = atoms.positions
