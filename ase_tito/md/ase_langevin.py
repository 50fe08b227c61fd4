"""Langevin dynamics with any ASE calculator, by ASE's own integrator."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.optimize import BFGS
from numpy.typing import NDArray

from ase_tito.errors import ConfigError, DataError
from ase_tito.md.engine import Block, Progress, State, centred
from ase_tito.md.settings import LangevinSettings

FORCE_TOLERANCE = 0.05
"""eV/Å, where the minimization before a run ends."""

_MINIMIZATION_STEPS = 500


class AseLangevinEngine:
    """`ase.md.langevin.Langevin`, whose centre of mass is free.

    Parameters
    ----------
    atoms : Atoms
        What the calculator sees besides positions, such as charges, magnetic moments and info. Not
        changed, and its positions are not read.
    calculator : ase calculator
        Equal positions must give equal forces, else no run can be repeated.
    settings : LangevinSettings
    masses : array, shape (n,)
        In amu.
    """

    def __init__(
        self,
        atoms: Atoms,
        calculator: Calculator,
        settings: LangevinSettings,
        masses: NDArray[np.float64],
    ) -> None:
        self.settings = settings
        self._atoms = atoms.copy()
        self._atoms.set_masses(masses)
        self._atoms.calc = calculator

    def start(self, positions: NDArray[np.float64], seed: int) -> State:
        atoms = self._atoms
        atoms.positions = positions
        atoms.set_velocities(np.zeros_like(positions))
        BFGS(atoms, logfile=None).run(fmax=FORCE_TOLERANCE, steps=_MINIMIZATION_STEPS)
        generator = np.random.default_rng(seed)
        thermalize_momenta(atoms, temperature_K=self.settings.temperature_K, rng=generator)
        self._integrator(generator).run(self.settings.equilibration_steps)
        return self._state()

    def block(self, state: State, seed: int, frames: int, progress: Progress) -> Block:
        atoms = self._atoms
        atoms.positions = state["positions_A"]
        atoms.set_momenta(state["momenta"])
        integrator = self._integrator(np.random.default_rng(seed))
        positions, energies = np.empty((frames, len(atoms), 3)), np.empty(frames)
        temperature = 0.0
        for k in range(frames):
            integrator.run(self.settings.steps_per_frame)
            if not np.isfinite(atoms.positions).all():
                raise DataError("the integration failed; use a shorter time step")
            positions[k] = atoms.positions
            energies[k] = atoms.get_potential_energy()
            temperature += 2 * atoms.get_kinetic_energy() / (3 * len(atoms) * units.kB) / frames
            progress(self.settings.frame_spacing_ps)
        return Block(
            centred(positions),
            energies,
            self._state(),
            {"kinetic_temperature_K": np.array(temperature)},
        )

    def _integrator(self, generator: np.random.Generator) -> Langevin:
        return Langevin(
            self._atoms,
            self.settings.time_step_fs * units.fs,
            temperature_K=self.settings.temperature_K,
            friction=self.settings.friction_per_ps / (1000 * units.fs),
            fixcm=False,
            rng=generator,
        )

    def _state(self) -> State:
        return {
            "positions_A": self._atoms.positions.copy(),
            "momenta": self._atoms.get_momenta(),
        }


def load_calculator(name: str) -> Calculator:
    """The calculator that ``FILE.py:NAME`` names or makes; the file is run.

    Raises
    ------
    ConfigError
        If the file or the name in it is missing, or names no calculator.
    """
    path, _, entry = name.rpartition(":")
    if not path:
        raise ConfigError(f"a calculator is given as FILE.py:NAME, not {name!r}")
    if not Path(path).is_file():
        raise ConfigError(f"{path}: no such file")
    entries = runpy.run_path(path)
    if entry not in entries:
        raise ConfigError(f"{path} defines no {entry!r}")
    found = entries[entry]
    if not hasattr(found, "get_potential_energy") or isinstance(found, type):
        if not isinstance(found, Callable):  # type: ignore[arg-type]
            raise ConfigError(f"{entry!r} of {path} is neither a calculator nor makes one")
        found = found()
    if not hasattr(found, "get_potential_energy"):
        raise ConfigError(f"{entry!r} of {path} makes no ASE calculator")
    return found
