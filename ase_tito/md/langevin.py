"""Langevin dynamics of an OpenMM system, in blocks that can be repeated bit by bit.

The middle scheme (Z. Zhang et al., J. Phys. Chem. A 123, 6056 (2019)), whose distribution of
positions hardly depends on the step. The Reference platform is the fastest for small molecules:
some 10⁵ steps a second for twenty atoms in vacuum on one core.
"""

from __future__ import annotations

import math

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import unit

from ase_tito.errors import DataError
from ase_tito.md.energies import EV_PER_KJ_MOL
from ase_tito.md.engine import Block, Progress, State, centred
from ase_tito.md.settings import LangevinSettings

GAS_CONSTANT = unit.MOLAR_GAS_CONSTANT_R.value_in_unit(unit.kilojoule_per_mole / unit.kelvin)
"""In kJ/mol/K."""


_EXPLODED = "the integration failed; use a shorter time step"


class LangevinEngine:
    """Langevin dynamics of one system at one temperature.

    Parameters
    ----------
    system : openmm.System
        With the masses to integrate with.
    settings : LangevinSettings
    temperature_K : float, optional
        Instead of that of the settings.
    """

    def __init__(
        self,
        system: openmm.System,
        settings: LangevinSettings,
        temperature_K: float | None = None,
    ) -> None:
        self.settings = settings
        self.temperature_K = settings.temperature_K if temperature_K is None else temperature_K
        self._integrator = openmm.LangevinMiddleIntegrator(
            self.temperature_K, settings.friction_per_ps, settings.time_step_fs / 1000
        )
        self._context = openmm.Context(
            system, self._integrator, openmm.Platform.getPlatformByName("Reference")
        )
        self._degrees_of_freedom = 3 * system.getNumParticles()

    def start(self, positions: NDArray[np.float64], seed: int) -> State:
        self.reseed(seed)
        self._context.setPositions(0.1 * positions)  # Å to nm
        openmm.LocalEnergyMinimizer.minimize(self._context)
        self._context.setVelocitiesToTemperature(self.temperature_K, seed)
        self._step(self.settings.equilibration_steps)
        return self._state()

    def block(self, state: State, seed: int, frames: int, progress: Progress) -> Block:
        self.reseed(seed)
        self._set(state)
        n = self._context.getSystem().getNumParticles()
        positions, energies = np.empty((frames, n, 3)), np.empty(frames)
        kinetic = 0.0
        for k in range(frames):
            self._step(self.settings.steps_per_frame)
            now = self._context.getState(positions=True, energy=True)
            positions[k] = 10 * now.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
            energies[k] = _potential_energy(now)
            kinetic += now.getKineticEnergy().value_in_unit(unit.kilojoule_per_mole)
            progress(self.settings.frame_spacing_ps)
        temperature = 2 * kinetic / (frames * self._degrees_of_freedom * GAS_CONSTANT)
        return Block(
            centred(positions),
            energies * EV_PER_KJ_MOL,
            self._state(),
            {"kinetic_temperature_K": np.array(temperature)},
        )

    def advance(self, state: State) -> tuple[State, float]:
        """The state a frame later and its potential energy in kJ/mol; noise goes on."""
        self._set(state)
        self._step(self.settings.steps_per_frame)
        return self._state(), self._potential()

    def potential(self, state: State) -> float:
        """Potential energy in kJ/mol."""
        self._set(state)
        return self._potential()

    def reseed(self, seed: int) -> None:
        """Draw noise from this seed on."""
        self._integrator.setRandomNumberSeed(seed)
        self._context.reinitialize()  # seeds are read when a context is made

    def _set(self, state: State) -> None:
        self._context.setPositions(state["positions_nm"])
        self._context.setVelocities(state["velocities_nm_per_ps"])

    def _potential(self) -> float:
        return _potential_energy(self._context.getState(energy=True))

    def _step(self, steps: int) -> None:
        try:
            self._integrator.step(steps)
        except openmm.OpenMMException as error:
            raise DataError(f"{_EXPLODED} ({error})") from error

    def _state(self) -> State:
        now = self._context.getState(positions=True, velocities=True)
        return {
            "positions_nm": now.getPositions(asNumpy=True).value_in_unit(unit.nanometer),
            "velocities_nm_per_ps": now.getVelocities(asNumpy=True).value_in_unit(
                unit.nanometer / unit.picosecond
            ),
        }


def _potential_energy(state: openmm.State) -> float:
    """In kJ/mol; DataError if it is not finite."""
    energy = float(state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole))
    if not math.isfinite(energy):
        raise DataError(_EXPLODED)
    return energy
