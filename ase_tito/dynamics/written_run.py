"""An ensemble whose replicas are written to trajectories, and continued from them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from ase import Atoms

from ase_tito.dynamics.ensemble import TITOEnsemble
from ase_tito.dynamics.jump import EnsembleJump
from ase_tito.dynamics.metropolis import MetropolisRecord
from ase_tito.dynamics.momenta import set_momenta
from ase_tito.dynamics.outputs import exists_already
from ase_tito.dynamics.record import FrameRecord
from ase_tito.dynamics.resume import refuse_appended
from ase_tito.dynamics.run_record import RunRecord, refuse_packed
from ase_tito.dynamics.trajectory import COUNTERS, TrajectoryFile, read_ends
from ase_tito.dynamics.ulm import first_item, is_trajectory, read_frames
from ase_tito.errors import OutputError

Progress = Callable[[EnsembleJump, int], object]
"""Called with each jump, once its frames are written, and the number of the last one to come."""

_MAY_DIFFER = ("timestep", "model_source", "threads", "batch_size", "package_version")


@dataclass(frozen=True)
class RunSummary:
    """What a run did, in the call that returned this.

    Attributes
    ----------
    paths : tuple of Path
        The trajectories, one for each replica, or one of all.
    replicas : int
    jumps : int
        Jumps of each replica.
    total_jumps : int
        Jumps of each replica since its start.
    lag_time_ps : float
    wall_time_s : float
        Time spent jumping and writing.
    invalid_first_proposals : int
        Over all replicas.
    evaluations : int
        Calls of the velocity field, each for a whole batch; of corrected runs, for each replica.
    metropolis : tuple of MetropolisRecord
        Of corrected runs, for each replica: acceptances and costs since its start.
    """

    paths: tuple[Path, ...]
    replicas: int
    jumps: int
    total_jumps: int
    lag_time_ps: float
    wall_time_s: float
    invalid_first_proposals: int
    evaluations: int
    metropolis: tuple[MetropolisRecord, ...] = ()

    @property
    def simulated_time_ns(self) -> float:
        """Simulated time in ns, over all replicas."""
        return self.replicas * self.jumps * self.lag_time_ps / 1000

    @property
    def ns_per_day(self) -> float:
        """Simulated time in ns, over all replicas, per day of wall time; nan if no time passed."""
        return self.simulated_time_ns / self.wall_time_s * 86400 if self.wall_time_s else np.nan


@dataclass
class WrittenRun:
    """An ensemble and the files it is written to."""

    ensemble: TITOEnsemble
    files: list[TrajectoryFile]
    atoms: list[Atoms]
    record: RunRecord

    packed: ClassVar[bool] = False

    def forget(self) -> None:
        """Empty the files; all are locked by now."""
        for file in self.files:
            file.truncate(0)

    def check_empty(self) -> None:
        """OutputError if someone wrote a file just before it was locked."""
        for file in self.files:
            if len(file):
                raise OutputError(exists_already(file.path))

    def resume(self) -> bool:
        """Go to the last frame that all files have; False if they have none."""
        counts = [len(file) for file in self.files]
        for k, count in enumerate(counts):
            if count:
                self._check_run(k)
        shared = min(counts)
        if not shared:
            if max(counts) > 1:
                raise OutputError(
                    f"{self.files[counts.index(0)].path} holds no whole frame, and others do; "
                    "start the run anew"
                )
            self.forget()  # killed before all first frames were written
            return False
        for k, file in enumerate(self.files):
            file.truncate(shared)
            self._take_last_frame(k)
        return True

    def advance(self, last: int, progress: Progress | None) -> RunSummary:
        """Jump until the jump of number `last` is done."""
        ensemble = self.ensemble
        first, evaluations = ensemble.jump, 0
        invalid_before = int(ensemble.invalid_first_proposals.sum())
        started = time.perf_counter()
        while ensemble.jump < last:
            done = ensemble.step()
            evaluations += done.evaluations
            if done.jump % self.record.interval == 0:
                self.write_frames(done)
            if progress is not None:
                progress(done, last)
        records = [ensemble.metropolis_record(k) for k in range(ensemble.n_systems)]
        return RunSummary(
            paths=tuple(file.path for file in self.files),
            replicas=ensemble.n_systems,
            jumps=ensemble.jump - first,
            total_jumps=ensemble.jump,
            lag_time_ps=ensemble.lag_time_ps,
            wall_time_s=time.perf_counter() - started,
            invalid_first_proposals=int(ensemble.invalid_first_proposals.sum()) - invalid_before,
            evaluations=evaluations,
            metropolis=tuple(record for record in records if record is not None),
        )

    def write_frames(self, done: EnsembleJump | None = None) -> None:
        """Write the current frame of every replica: after a jump, or where they start."""
        ensemble = self.ensemble
        outcome = ensemble.assess() if done is None else done
        for k, (file, atoms) in enumerate(zip(self.files, self.atoms, strict=True)):
            atoms.set_positions(ensemble.positions(k), apply_constraint=False)
            if done is not None:
                set_momenta(
                    atoms,
                    self.record.momenta,  # type: ignore[arg-type]
                    ensemble.temperature_K,
                    seed=ensemble.seed,
                    replica=ensemble.replicas[k],
                    jump=done.jump,
                )
            frame = FrameRecord.of(ensemble, outcome, k)
            frame.write(atoms.info)
            file.set_description(self._description(frame))
            file.write(atoms)

    def _description(self, frame: FrameRecord) -> dict[str, Any]:
        record = replace(self.record, replica=frame.replica)
        return {"type": "molecular-dynamics", **record.to_dict(), COUNTERS: frame.counters}

    def _check_run(self, k: int) -> None:
        """OutputError unless the file of replica k was written by a run with these settings."""
        path = self.files[k].path
        description, _, _ = read_ends(path)
        if not self.packed:
            refuse_packed(path, description)
        try:
            record = RunRecord.from_description(description)
        except OutputError as error:
            raise OutputError(f"{path} cannot be continued: {error}") from None
        theirs = asdict(record)
        for key, value in {**asdict(self.record), "replica": self.ensemble.replicas[k]}.items():
            if theirs[key] != value and key not in _MAY_DIFFER:
                raise OutputError(
                    f"{path} cannot be continued: it was made with {_setting(key, theirs[key])}, "
                    f"not {_setting(key, value)}"
                )
        refuse_appended(path, record.interval)
        if k == 0:
            record.warn_of_changes(path, batch_size=self.record.batch_size)

    def _take_last_frame(self, k: int) -> None:
        """Set replica k to the last frame of its file."""
        path = self.files[k].path
        _, _, last = read_ends(path)
        frame = FrameRecord.read(last.info)
        if k == 0:
            self.ensemble.jump = frame.jump
        elif frame.jump != self.ensemble.jump:
            raise OutputError(
                f"{path} cannot be continued: its last frame is of jump {frame.jump}, that of "
                f"replica 0 of jump {self.ensemble.jump}"
            )
        frame.restore(self.ensemble, k, last.positions)


def _setting(key: str, value: Any) -> str:
    shown = str(value)
    return f"{key} {shown}" if len(shown) <= 60 else f"another {key}"


def recorded_run(paths: Sequence[Path]) -> RunRecord | None:
    """What the first of these trajectories that has a frame says of its run; None if none does.

    Nothing is repaired yet, so only what stands in the header of the file is looked at.
    """
    for path in paths:
        if path.exists() and is_trajectory(path) and read_frames(path).offsets:
            description = json.loads(first_item(path)[1]).get("description", {})
            with suppress(OutputError):  # said once the files are locked and compared
                return RunRecord.from_description(description)
    return None
