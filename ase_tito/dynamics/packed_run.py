"""All replicas of a run in one compact trajectory: a frame holds them one after another.

The file is an ASE trajectory like any other, locked, repaired and continued as they are; of one
replica alone it takes 24 bytes per atom and frame. Momenta are not kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from ase import Atoms
from ase.io import Trajectory
from numpy.typing import NDArray

from ase_tito.dynamics.jump import EnsembleJump
from ase_tito.dynamics.metropolis import MetropolisHastings
from ase_tito.dynamics.record import PREFIX, model_name
from ase_tito.dynamics.run_record import REPLICAS
from ase_tito.dynamics.trajectory import COUNTERS, read_ends
from ase_tito.dynamics.written_run import WrittenRun
from ase_tito.errors import ConfigError, OutputError

_PER_REPLICA = ("valid", "first_valid", "invalid_first_proposals", "retries")


class PackedRun(WrittenRun):
    """An ensemble of one molecule whose replicas are written to one file."""

    packed = True

    def write_frames(self, done: EnsembleJump | None = None) -> None:
        """Write the current frame of all replicas: after a jump, or where they start."""
        ensemble, (file,) = self.ensemble, self.files
        outcome = ensemble.assess() if done is None else done
        every = range(ensemble.n_systems)
        frame = Atoms(
            np.tile(ensemble.graphs[0].atomic_numbers, len(every)),
            np.concatenate([ensemble.positions(k) for k in every]),
        )
        per_replica = (
            outcome.valid,
            outcome.first_valid,
            ensemble.invalid_first_proposals,
            ensemble.retries,
        )
        entries = {
            "model": model_name(ensemble.operator),
            "lag_time_ps": ensemble.lag_time_ps,
            "time_ps": outcome.jump * ensemble.lag_time_ps,
            "seed": ensemble.seed,
            "jump": outcome.jump,
            **{
                name: values.tolist()
                for name, values in zip(_PER_REPLICA, per_replica, strict=True)
            },
        }
        frame.info = {PREFIX + name: value for name, value in entries.items()}
        counters = {
            "jumps": outcome.jump,
            "invalid_first_proposals": int(ensemble.invalid_first_proposals.sum()),
            "retries": int(ensemble.retries.sum()),
        }
        file.set_description(
            {
                "type": "molecular-dynamics",
                **self.record.to_dict(),
                REPLICAS: list(ensemble.replicas),
                COUNTERS: counters,
            }
        )
        file.write(frame)

    def _check_run(self, k: int) -> None:
        path = self.files[k].path
        theirs = read_ends(path)[0].get(REPLICAS)
        if theirs != list(self.ensemble.replicas):
            count = "no packed run" if theirs is None else f"{len(theirs)} replicas"
            raise OutputError(
                f"{path} cannot be continued: it holds {count}, not {self.ensemble.n_systems} "
                "replicas in one file"
            )
        super()._check_run(k)

    def _take_last_frame(self, k: int) -> None:
        last = read_ends(self.files[k].path)[2]
        ensemble = self.ensemble
        ensemble.jump = last.info[PREFIX + "jump"]
        positions = last.positions.reshape(ensemble.n_systems, -1, 3)
        invalid, retries = (last.info[PREFIX + name] for name in _PER_REPLICA[2:])
        for system, frame in enumerate(positions):
            ensemble.restore(
                system, frame, invalid_first_proposals=invalid[system], retries=retries[system]
            )


def check_packable(correction: MetropolisHastings | None) -> None:
    """ConfigError for a run whose frames say more than one file of all replicas can."""
    if correction is not None:
        raise ConfigError(
            "corrected replicas keep records of their own: write them to a file each, without "
            "one_file"
        )


def read_packed(
    path: str | os.PathLike[str],
) -> tuple[Atoms, Iterator[tuple[dict[str, Any], NDArray[np.float64]]]]:
    """The frames of a packed trajectory, read one by one.

    Parameters
    ----------
    path : path

    Returns
    -------
    atoms : Atoms
        The molecule, as the first replica started.
    frames : iterator of (dict, ndarray of shape (R, n, 3))
        Of each frame its entries ``tito_…``, those of the replicas as lists, and positions in Å.

    Raises
    ------
    OutputError
        For any other file.
    """
    description, first, _ = read_ends(path)
    if REPLICAS not in description:
        raise OutputError(f"{path} does not hold several replicas: read it with ase.io.read")
    count = len(description[REPLICAS])

    def frames() -> Iterator[tuple[dict[str, Any], NDArray[np.float64]]]:
        with Trajectory(path) as trajectory:
            for frame in trajectory:
                yield frame.info, frame.positions.reshape(count, -1, 3)

    return first[: len(first) // count], frames()
