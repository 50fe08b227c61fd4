"""Molecules without an orientation are refused before the first step, not in the midst of a run."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch

from ase_tito.data.trajectory import MolecularTrajectory
from ase_tito.errors import ConfigError
from ase_tito.flow.frame import Frame, linear

_FRAMES = 64
"""Of each trajectory at least: some of a linear molecule that bends are beyond the limit."""


def check_orientation(frame: Frame, trajectories: Iterable[MolecularTrajectory]) -> None:
    """Refuse linear molecules, and those of two atoms, in the frame 'condition'.

    Raises
    ------
    ConfigError
        Naming the trajectory.
    """
    if frame.name != "condition":
        return
    for trajectory in trajectories:
        stride = max(1, len(trajectory) // _FRAMES)
        some = np.array(trajectory.positions[::stride])
        finite = np.flatnonzero(np.isfinite(some).all((1, 2)))  # the others are refused when drawn
        found = finite[linear(torch.from_numpy(some[finite])).numpy()]
        if len(found):
            raise ConfigError(
                f"{trajectory.name}: the molecule is linear in frame {stride * found[0]} and has "
                "no well-defined orientation in the frame 'condition': set frame = \"free\", or "
                "leave the molecule out"
            )
