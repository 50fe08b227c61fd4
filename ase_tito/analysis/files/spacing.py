"""The time between frames: read from headers, else asked for, never guessed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import units
from numpy.typing import NDArray

from ase_tito.errors import DataError

_TOLERANCE = 1e-3
"""Relative; single-precision times of long runs are no better."""


def frame_spacing(path: Path, found_ps: float | None, asked_ps: float | None) -> float:
    """The spacing that file and user agree on, in ps.

    Raises
    ------
    DataError
        If there is none, it is not positive, or they disagree.
    """
    if asked_ps is not None and not (np.isfinite(asked_ps) and asked_ps > 0):
        raise DataError(f"the frame spacing must be a positive time in ps, not {asked_ps}")
    if found_ps is None and asked_ps is None:
        raise DataError(
            f"{path}: nothing in this file says how far apart its frames are; give the frame"
            " spacing in ps"
        )
    if found_ps is not None and asked_ps is not None:
        if abs(found_ps - asked_ps) > _TOLERANCE * found_ps:
            raise DataError(
                f"{path}: the file says that its frames are {found_ps:g} ps apart, not"
                f" {asked_ps:g} ps"
            )
        return found_ps
    return float(found_ps if asked_ps is None else asked_ps)  # type: ignore[arg-type]


def spacing_of_description(description: Mapping[str, Any]) -> float | None:
    """Frame spacing in ps by the header of an ASE trajectory; None where it does not say.

    Runs of this package say `lag_time_ps` and `interval`, ASE's own dynamics `timestep` (in ASE's
    unit of time) and `interval`. A run that Metropolis-Hastings corrected has no time.
    """
    if description.get("correction"):
        return None
    interval = description.get("interval")
    if interval is None or interval < 1:
        return None
    if "lag_time_ps" in description:
        return float(description["lag_time_ps"] * interval)
    if description.get("type") == "molecular-dynamics" and "timestep" in description:
        return float(description["timestep"] * interval / (1000 * units.fs))
    return None


def spacing_of_times(path: Path, times_ps: Sequence[Any] | NDArray[Any]) -> float | None:
    """Frame spacing in ps by the times (T,) in a file; None where they say nothing.

    Frames numbered 0, 1, 2, ... are what mdtraj writes if nobody told it the times: that is no
    spacing of 1 ps.

    Raises
    ------
    DataError
        If the times are not evenly spaced.
    """
    times = np.asarray(times_ps, np.float64)
    if len(times) < 2 or np.array_equal(times, np.arange(len(times))):
        return None
    steps = np.diff(times)
    mean = float(steps.mean())
    if mean <= 0:
        return None
    check_times(path, times, mean)
    return float(f"{mean:.6g}")


def check_times(
    path: Path, times_ps: NDArray[Any], spacing_ps: float, first_frame: int = 0
) -> None:
    """Refuse times (T,) that are not this far apart, naming the frame, counted from `first_frame`.

    Raises
    ------
    DataError
    """
    steps = np.diff(np.asarray(times_ps, np.float64))
    tolerance = max(_TOLERANCE * spacing_ps, 4e-7 * float(np.abs(times_ps).max(initial=0)))
    if len(steps) and np.abs(steps - spacing_ps).max() > tolerance:
        frame = int(np.abs(steps - spacing_ps).argmax())
        raise DataError(
            f"{path}: frames are not evenly spaced in time: {steps[frame]:g} ps after frame"
            f" {first_frame + frame}, {spacing_ps:g} ps on average; keep an evenly spaced part of"
            " them"
        )
