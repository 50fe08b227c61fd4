"""What is needed of a trajectory to continue its run."""

from __future__ import annotations

import os

import numpy as np
from ase import Atoms

from ase_tito.dynamics.atoms import check_movable
from ase_tito.dynamics.record import FrameRecord
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
    return run, frame, first, last


def moved_to(last: Atoms, atoms: Atoms | None) -> Atoms:
    """The given atoms, or new ones, in the state of a trajectory's last frame."""
    if atoms is None:
        last.calc = None  # it would know the energy of this frame only
        return last
    check_movable(atoms)
    if not np.array_equal(atoms.numbers, last.numbers):
        raise StructureError(
            f"the trajectory is of {last.get_chemical_formula()}, or in another order of atoms, "
            f"than the atoms given ({atoms.get_chemical_formula()})"
        )
    if not np.array_equal(atoms.get_masses(), last.get_masses()):
        raise StructureError("the atoms given have other masses than those of the trajectory")
    atoms.set_positions(last.positions, apply_constraint=False)
    atoms.set_momenta(last.get_momenta(), apply_constraint=False)
    atoms.info.update(last.info)
    return atoms
