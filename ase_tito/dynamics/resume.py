"""What is needed of a trajectory to continue its run."""

from __future__ import annotations

import os

import numpy as np
from ase import Atoms
from ase.io.trajectory import Trajectory

from ase_tito.dynamics.atoms import check_movable
from ase_tito.dynamics.record import PREFIX, FrameRecord
from ase_tito.dynamics.run_record import RunRecord, refuse_packed
from ase_tito.dynamics.trajectory import read_ends
from ase_tito.errors import OutputError, StructureError


def read_run(path: str | os.PathLike[str]) -> tuple[RunRecord, FrameRecord, Atoms, Atoms]:
    """What a trajectory says of its run and its last frame, its first frame and its last."""
    description, first, last = read_ends(path)
    refuse_packed(path, description)
    try:
        run = RunRecord.from_description(description)
        frame = FrameRecord.read(last.info)
    except OutputError as error:
        raise OutputError(f"{path} cannot be continued: {error}") from None
    key = ("seed", "replica", "lag_time_ps", "model")
    if any(getattr(frame, name) != getattr(run, name) for name in key):
        raise OutputError(
            f"{path} cannot be continued: its last frame is of another run than its header"
        )
    refuse_appended(path, run.interval)
    return run, frame, first, last


def refuse_appended(path: str | os.PathLike[str], interval: int) -> None:
    """OutputError for a trajectory of several runs: its header says nothing of the later ones.

    A frame that could not be written (a full disk) may be missing where the run went on.
    """
    with Trajectory(path) as trajectory:
        count = len(trajectory)
        jumps = [frame.info.get(PREFIX + "jump", -1) for frame in trajectory[-2:]]
    if jumps[-1] < (count - 1) * interval or any(np.diff(jumps) != interval):
        raise OutputError(
            f"{path} cannot be continued: the last of its {count} frames is of jump {jumps[-1]}, "
            f"and one run would have come to jump {(count - 1) * interval}; frames of another were "
            "appended. Start a new run from the last frame instead"
        )


def as_at_start(first: Atoms, atoms: Atoms | None) -> Atoms:
    """A trajectory's first frame, with what the atoms given hold beyond it: their arrays."""
    if atoms is None:
        return first
    check_movable(atoms)
    if not np.array_equal(atoms.numbers, first.numbers):
        raise StructureError(
            f"the trajectory is of {first.get_chemical_formula()}, or in another order of atoms, "
            f"than the atoms given ({atoms.get_chemical_formula()})"
        )
    if not np.array_equal(atoms.get_masses(), first.get_masses()):
        raise StructureError("the atoms given have other masses than those of the trajectory")
    start = atoms.copy()
    start.set_positions(first.positions, apply_constraint=False)
    return start


def moved_to(last: Atoms, atoms: Atoms | None) -> Atoms:
    """The given atoms, or new ones, in the state of a trajectory's last frame."""
    if atoms is None:
        last.calc = None  # it would know the energy of this frame only
        return last
    atoms.set_positions(last.positions, apply_constraint=False)
    atoms.set_momenta(last.get_momenta(), apply_constraint=False)
    atoms.info.update(last.info)
    return atoms
