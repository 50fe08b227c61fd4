"""Steps after each jump that improve samples with a calculator: useful, and not exact.

Where molecular dynamics or a minimization moves a sample, its density is no longer known, and the
frames follow neither the model nor the calculator's Boltzmann distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Protocol

import numpy as np
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from ase.optimize import BFGS

from ase_tito.errors import ConfigError


class AfterJump(Protocol):
    """A step after a jump: moves atoms, and says what it is for the trajectory's header."""

    def __call__(self, atoms: Atoms, temperature_K: float, rng: np.random.Generator) -> None:
        """Move the atoms; `rng` is keyed by the jump."""

    def to_dict(self) -> dict[str, Any]:
        """JSON-able description."""


@dataclass(frozen=True)
class ShortMD:
    """Langevin dynamics from each sample, with momenta drawn anew (the paper's MD fine-tuning).

    Not exact. Its time is not counted as simulated time.

    Parameters
    ----------
    calculator : ase calculator
        Equal positions must give equal forces, else no run can be repeated.
    time_ps : float
    time_step_fs : float
    friction_per_ps : float

    Raises
    ------
    ConfigError
        For values out of their range, or something that computes no forces.
    """

    calculator: Any
    time_ps: float
    time_step_fs: float = 1.0
    friction_per_ps: float = 1.0

    def __post_init__(self) -> None:
        _check_calculator(self, self.calculator)
        for name in ("time_ps", "time_step_fs", "friction_per_ps"):
            value = getattr(self, name)
            if not isinstance(value, Real) or not 0 < float(value) < np.inf:
                raise ConfigError(f"{name} of ShortMD must be a positive number, not {value!r}")
        if self.steps < 1:
            raise ConfigError(
                f"ShortMD of {self.time_ps:g} ps is less than a step of {self.time_step_fs:g} fs"
            )

    @property
    def steps(self) -> int:
        """Force calls for each sample."""
        return round(1000 * self.time_ps / self.time_step_fs)

    def __call__(self, atoms: Atoms, temperature_K: float, rng: np.random.Generator) -> None:
        """Run the dynamics."""
        atoms.calc = self.calculator
        thermalize_momenta(atoms, temperature_K, rng=rng)
        Langevin(
            atoms,
            self.time_step_fs * units.fs,
            temperature_K=temperature_K,
            friction=self.friction_per_ps / (1000 * units.fs),
            fixcm=False,
            rng=rng,
        ).run(self.steps)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able description."""
        return {
            "kind": "ShortMD",
            "calculator": type(self.calculator).__name__,
            "time_ps": float(self.time_ps),
            "time_step_fs": float(self.time_step_fs),
            "friction_per_ps": float(self.friction_per_ps),
        }


@dataclass(frozen=True)
class Minimize:
    """A few steps of minimization from each sample, by ASE's BFGS.

    Not exact: it takes the thermal energy out of the stiffest motions, and narrows distributions.

    Parameters
    ----------
    calculator : ase calculator
    steps : int
        At most so many; a minimum is reached where no force is above 0.05 eV/Å.

    Raises
    ------
    ConfigError
        For a number of steps that makes no sense, or something that computes no forces.
    """

    calculator: Any
    steps: int

    def __post_init__(self) -> None:
        _check_calculator(self, self.calculator)
        if not isinstance(self.steps, int) or isinstance(self.steps, bool) or self.steps < 1:
            raise ConfigError(f"steps of Minimize must be a positive integer, not {self.steps!r}")

    def __call__(self, atoms: Atoms, temperature_K: float, rng: np.random.Generator) -> None:
        """Run the minimization."""
        atoms.calc = self.calculator
        BFGS(atoms, logfile=None).run(fmax=0.05, steps=self.steps)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able description."""
        return {
            "kind": "Minimize",
            "calculator": type(self.calculator).__name__,
            "steps": self.steps,
        }


def check_after_jump(steps: Sequence[AfterJump], corrected: bool) -> tuple[AfterJump, ...]:
    """The steps; ConfigError for anything else, and for any under Metropolis-Hastings."""
    if not isinstance(steps, list | tuple):
        raise ConfigError(
            f"after_jump must be a list of steps such as [Minimize(calc, 5)], not {steps!r}"
        )
    for step in steps:
        if isinstance(step, type) or not callable(step) or not hasattr(step, "to_dict"):
            raise ConfigError(f"after_jump takes steps such as ShortMD or Minimize, not {step!r}")
    if steps and corrected:
        raise ConfigError(
            "a step after the jump moves the sample to where its density is unknown: under "
            "Metropolis-Hastings nothing may move it; leave out after_jump or the correction"
        )
    return tuple(steps)


def _check_calculator(step: object, calculator: Any) -> None:
    if isinstance(calculator, type) or not hasattr(calculator, "get_forces"):
        raise ConfigError(f"{type(step).__name__} needs an ASE calculator, not {calculator!r}")
