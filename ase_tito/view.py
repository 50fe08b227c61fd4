"""Look at trajectories: in ASE's viewer, or in a notebook."""

from __future__ import annotations

import os
from collections.abc import Sequence
from io import StringIO
from typing import Any, Literal

import ase.io
import numpy as np
from ase import Atoms
from ase.io.trajectory import Trajectory
from scipy.spatial.transform import Rotation

from ase_tito.errors import ConfigError, DataError

Viewer = Literal["ase", "py3Dmol", "nglview"]

_STYLE = {"stick": {"radius": 0.12}, "sphere": {"scale": 0.22}}


def view(
    trajectory: str | os.PathLike[str] | Atoms | Sequence[Atoms],
    *,
    viewer: Viewer = "ase",
    frames: int = 100,
    superpose: bool = True,
) -> Any:
    """Show a trajectory as an animation.

    Frames of jumps are unrelated in their small motions and may be turned: by default each is
    superposed on the first.

    Parameters
    ----------
    trajectory : path, Atoms or sequence of Atoms
        Whatever `ase.io.read` reads.
    viewer : {'ase', 'py3Dmol', 'nglview'}
        ASE's window, or a widget for notebooks: install ``ase_tito[view]`` for py3Dmol; nglview is
        ASE's viewer 'ngl'.
    frames : int
        At most so many, spread evenly over the trajectory, first and last included.
    superpose : bool

    Returns
    -------
    view
        What the viewer returns: ASE's process, a `py3Dmol.view`, or a widget of nglview. In a
        notebook it shows itself at the end of a cell.

    Raises
    ------
    ConfigError
        For an unknown viewer, one that is not installed, and fewer than one frame.
    DataError
        For a trajectory without frames.
    """
    if viewer not in ("ase", "py3Dmol", "nglview"):
        raise ConfigError(f"viewer must be 'ase', 'py3Dmol' or 'nglview', not {viewer!r}")
    if frames < 1:
        raise ConfigError(f"frames must be at least 1, not {frames}")
    images = spread(trajectory, frames)
    if superpose:
        images = superposed(images)
    if viewer == "py3Dmol":
        return _py3dmol(images)
    from ase.visualize import view as ase_view

    try:
        return ase_view(images, viewer="ngl" if viewer == "nglview" else "ase")
    except ImportError as error:
        raise ConfigError("nglview is not installed: pip install nglview") from error


def spread(
    trajectory: str | os.PathLike[str] | Atoms | Sequence[Atoms], frames: int
) -> list[Atoms]:
    """At most so many frames of a trajectory, spread evenly; of a .traj file only these are read.

    Raises
    ------
    DataError
        If there are none.
    """
    if isinstance(trajectory, Atoms):
        return [trajectory.copy()]
    if isinstance(trajectory, str | os.PathLike):
        path = os.fspath(trajectory)
        if path.endswith(".traj"):
            with Trajectory(path) as file:
                return _picked(file, frames, path)
        return _picked(list(ase.io.iread(path, ":")), frames, path)
    return _picked(trajectory, frames, "the trajectory")


def superposed(images: Sequence[Atoms]) -> list[Atoms]:
    """Copies, centred on the mean of their atoms and turned onto the first one."""
    first = images[0].positions - images[0].positions.mean(0)
    turned = []
    for atoms in images:
        copy, x = atoms.copy(), atoms.positions - atoms.positions.mean(0)
        copy.positions = Rotation.align_vectors(first, x)[0].apply(x) if len(x) > 2 else x
        turned.append(copy)
    return turned


def _picked(images: Any, frames: int, name: str) -> list[Atoms]:
    if not len(images):
        raise DataError(f"{name} holds no frames")
    count = min(frames, len(images))
    chosen = np.linspace(0, len(images) - 1, count).round().astype(int)
    return [images[int(k)].copy() for k in chosen]


def _py3dmol(images: Sequence[Atoms]) -> Any:
    try:
        import py3Dmol
    except ImportError as error:
        raise ConfigError(
            "py3Dmol is not installed: pip install 'ase_tito[view]', or viewer='ase'"
        ) from error
    text = StringIO()
    ase.io.write(text, images, format="xyz")
    shown = py3Dmol.view(width=480, height=360)
    shown.addModelsAsFrames(text.getvalue(), "xyz")
    shown.setStyle(_STYLE)
    shown.zoomTo()
    if len(images) > 1:
        shown.animate({"loop": "forward", "interval": 75})
    return shown
