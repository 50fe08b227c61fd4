"""How a trajectory is integrated, with units in the names; checked before anything is computed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ase_tito.errors import ConfigError

HEAVY_HYDROGEN_AMU = 3.0
LONGEST_STEP_LIGHT_FS = 1.0
LONGEST_STEP_HEAVY_FS = 4.0


@dataclass(frozen=True)
class LangevinSettings:
    """Langevin dynamics of one molecule.

    Parameters
    ----------
    temperature_K : float
    time_step_fs : float
        Up to 1 fs, or up to 4 fs with heavy hydrogens; bonds are flexible. Beyond 2 fs their
        distribution suffers.
    friction_per_ps : float
    hydrogen_mass_amu : float
        Mass is repartitioned to it from the heavy atoms, which changes no distribution of
        positions; 1.008 leaves masses as they are.
    frame_spacing_ps : float
        Between stored frames; a whole number of steps.
    equilibration_ps : float
        After minimization, not stored.
    block_ps : float
        Frames are saved in blocks of so much time, with all that is needed to go on: a kill costs
        the block that was being computed.
    """

    temperature_K: float = 300.0
    time_step_fs: float = 2.0
    friction_per_ps: float = 1.0
    hydrogen_mass_amu: float = 4.0
    frame_spacing_ps: float = 1.0
    equilibration_ps: float = 100.0
    block_ps: float = 500.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, int | float) or isinstance(value, bool):
                raise ConfigError(f"{name} must be a number, not {value!r}")
            if not (math.isfinite(value) and value > 0) and name != "equilibration_ps":
                raise ConfigError(f"{name} must be positive, not {value!r}")
            object.__setattr__(self, name, float(value))
        if not (math.isfinite(self.equilibration_ps) and self.equilibration_ps >= 0):
            raise ConfigError(f"equilibration_ps must not be negative: {self.equilibration_ps}")
        heavy = self.hydrogen_mass_amu >= HEAVY_HYDROGEN_AMU
        longest = LONGEST_STEP_HEAVY_FS if heavy else LONGEST_STEP_LIGHT_FS
        if self.time_step_fs > longest:
            raise ConfigError(
                f"a time step of {self.time_step_fs:g} fs is too long for hydrogens of "
                f"{self.hydrogen_mass_amu:g} amu: at most {longest:g} fs"
                + ("" if heavy else ", or heavier hydrogens (hydrogen_mass_amu = 4)")
            )
        steps = 1000 * self.frame_spacing_ps / self.time_step_fs
        if abs(steps - round(steps)) > 1e-6 * steps:
            raise ConfigError(
                f"frame_spacing_ps = {self.frame_spacing_ps:g} is no whole number of time steps of "
                f"{self.time_step_fs:g} fs"
            )

    @property
    def steps_per_frame(self) -> int:
        return round(1000 * self.frame_spacing_ps / self.time_step_fs)

    @property
    def equilibration_steps(self) -> int:
        return round(1000 * self.equilibration_ps / self.time_step_fs)

    @property
    def block_frames(self) -> int:
        return max(1, round(self.block_ps / self.frame_spacing_ps))

    def frames(self, time_ps: float) -> int:
        """Frames in so much time, at least one."""
        return max(1, round(time_ps / self.frame_spacing_ps))
