"""Arguments in ASE's conventions, and their refusal before any file is touched."""

from __future__ import annotations

import math
import os
from numbers import Real
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.md.md import MolecularDynamics

from ase_tito.dynamics.record import model_name
from ase_tito.dynamics.run_record import PICOSECOND
from ase_tito.dynamics.trajectory import check_output, check_same_molecule, check_writable
from ase_tito.errors import ConfigError, DomainError, OutputError, warn
from ase_tito.transfer.implicit import ImplicitTransferOperator


def lag_in_ps(timestep: Any) -> float:
    """The lag of a time step in ASE's units, in ps."""
    if not isinstance(timestep, Real) or not math.isfinite(timestep) or timestep <= 0:
        raise ConfigError(
            "timestep must be a positive number in ASE's units of time, such as "
            f"100_000 * ase.units.fs for jumps of 100 ps, not {timestep!r}"
        )
    return float(f"{float(timestep) / PICOSECOND:.12g}")  # units leave 100.00000000000001 ps


def temperature_in_K(temperature: Any, temperature_K: Any) -> float | None:
    """The temperature in K of either of ASE's two arguments, or None."""
    if temperature is not None:
        temperature_K = MolecularDynamics._process_temperature(temperature, temperature_K, "eV")
    if temperature_K is None:
        return None
    if not isinstance(temperature_K, Real) or not float(temperature_K) > 0:
        raise ConfigError(f"temperature_K must be one positive number, not {temperature_K!r}")
    return float(temperature_K)


def check_lag(operator: ImplicitTransferOperator, timestep: float, lag_time_ps: float) -> None:
    """The domain's refusal of a lag, for those who gave a time step in ASE's units."""
    try:
        operator.domain.check_lag(lag_time_ps)
    except DomainError as error:
        low, high = operator.domain.lag_range_ps
        example = min(max(100.0, low), high)
        raise DomainError(
            f"timestep={timestep:g} (ASE's units) is a lag of {lag_time_ps:g} ps "
            f"({1000 * lag_time_ps:g} fs), and model {model_name(operator)!r} was trained on "
            f"lags of {low:g} to {high:g} ps: each step is a whole jump, not an MD step; "
            f"for {example:g} ps pass timestep={1000 * example:g} * ase.units.fs"
        ) from error


def warn_of_ignored(friction: Any, fixcm: bool | None) -> None:
    """Warn of arguments of Langevin that a learned jump has no use for."""
    options = {"friction": friction, "fixcm": fixcm}
    given = [name for name, value in options.items() if value is not None]
    if given:
        warn(
            f"{' and '.join(given)} ignored: the model has learned its friction from its training "
            "data, and the centre of mass always stays where it is"
        )


def check_outputs(trajectory: Any, logfile: Any, atoms: Atoms, append: bool) -> None:
    """Refuse outputs that cannot be written, before any is opened."""
    is_path = isinstance(trajectory, str | os.PathLike)
    log_is_path = isinstance(logfile, str | os.PathLike) and logfile != "-"
    if log_is_path:
        check_writable(logfile)
    if is_path:
        check_output(trajectory)
        if log_is_path and Path(trajectory).resolve() == Path(logfile).resolve():
            raise OutputError(f"trajectory and logfile are the same file, {trajectory}")
        if append and os.path.isfile(trajectory) and os.path.getsize(trajectory):
            check_same_molecule(trajectory, atoms)
