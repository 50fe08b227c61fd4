"""A run from a start geometry to files: one trajectory, or one for each of many replicas."""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from ase import Atoms
from numpy.typing import ArrayLike

from ase_tito.dynamics.after_jump import AfterJump
from ase_tito.dynamics.atoms import molecular_graph
from ase_tito.dynamics.ensemble import OnInvalid, TITOEnsemble
from ase_tito.dynamics.jump import EnsembleJump
from ase_tito.dynamics.lock import OutputLock
from ase_tito.dynamics.metropolis import MetropolisHastings, MetropolisRecord
from ase_tito.dynamics.model import resolve_model
from ase_tito.dynamics.momenta import Momenta, check_momenta, set_momenta
from ase_tito.dynamics.record import FrameRecord, RunRecord
from ase_tito.dynamics.trajectory import COUNTERS, TrajectoryFile, check_output, read_ends
from ase_tito.errors import ConfigError, OutputError, TITOWarning
from ase_tito.flow.ode import OdeSettings
from ase_tito.graph import MolecularGraph
from ase_tito.transfer.implicit import ImplicitTransferOperator

Existing = Literal["refuse", "replace", "restart", "append"]
Start = Literal["first", "last", "spread"]
Progress = Callable[[EnsembleJump, int], object]
"""Called with each jump, once its frames are written, and the number of the last one to come."""

MOST_REPLICAS = 10_000
_REPLICA_FILE = re.compile(r"replica-\d{4}\.traj")
_MAY_DIFFER = ("timestep", "model_source", "threads", "package_version")


@dataclass(frozen=True)
class RunSummary:
    """What a run did, in the call that returned this.

    Attributes
    ----------
    paths : tuple of Path
        The trajectories, one for each replica.
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
        return len(self.paths) * self.jumps * self.lag_time_ps / 1000

    @property
    def ns_per_day(self) -> float:
        """Simulated time in ns, over all replicas, per day of wall time; nan if no time passed."""
        return self.simulated_time_ns / self.wall_time_s * 86400 if self.wall_time_s else np.nan


def run_to_files(
    frames: Atoms | Sequence[Atoms],
    output: str | os.PathLike[str],
    *,
    jumps: int,
    lag_time_ps: float,
    replicas: int | None = None,
    existing: Existing = "refuse",
    start: Start = "first",
    model: str | os.PathLike[str] | ImplicitTransferOperator = "auto",
    temperature_K: float | None = None,
    seed: int = 0,
    interval: int = 1,
    on_invalid: OnInvalid = "retry",
    max_retries: int = 10,
    correction: MetropolisHastings | None = None,
    after_jump: Sequence[AfterJump] = (),
    momenta: Momenta = "maxwell-boltzmann",
    ode: OdeSettings | Mapping[str, Any] | None = None,
    bonds: ArrayLike | None = None,
    graph: MolecularGraph | None = None,
    device: torch.device | str = "cpu",
    batch_size: int = 256,
    progress: Progress | None = None,
) -> RunSummary:
    """Run nested jumps of one molecule and write them as ASE trajectories.

    Each file is what `TITODynamics` writes: the same header, the same entries in ``atoms.info``,
    and noise keyed by (seed, replica, jump, retry).

    Parameters
    ----------
    frames : Atoms or sequence of Atoms
        Frames of one molecule; `start` says which of them the replicas start from.
    output : path
        Without `replicas` a trajectory, else a directory (made if need be) of trajectories
        ``replica-0000.traj``, ``replica-0001.traj``, ...
    jumps : int
        Jumps of each replica; with ``existing='restart'`` those already done included.
    lag_time_ps : float
        τ of each jump in ps.
    replicas : int, optional
        Number of replicas, advanced together in batches.
    existing : {'refuse', 'replace', 'restart', 'append'}
        What to do with an output that exists: raise `OutputError`; replace it; continue it until it
        holds `jumps` jumps in all; or continue it by `jumps` more. A continued run equals an
        uninterrupted one and must have been started with the same settings. If nothing exists, all
        four start anew.
    start : {'first', 'last', 'spread'}
        All replicas start from the first frame, from the last one, or from frames evenly spread.
    model, temperature_K, on_invalid, max_retries, correction, after_jump : optional
        As in `TITODynamics`.
    momenta, bonds, graph, device : optional
        As in `TITODynamics`.
    ode : OdeSettings or mapping, optional
        Settings of the ODE solver, or those that shall differ from the model's own.
    seed : int
        Key of all random numbers.
    interval : int
        Jumps between frames.
    batch_size : int
        Most replicas sampled in one batch.
    progress : callable, optional
        Called with each `EnsembleJump`, once its frames are written, and the last one's number.

    Raises
    ------
    OutputError
        If an output exists (see `existing`), is in use, belongs to another run, or cannot be
        written.
    StructureError, GraphError, DomainError, CheckpointError, ConfigError
        As `TITODynamics`; all before any output is opened.
    InvalidSampleError
        As `on_invalid` says. What was written before stays and can be continued.
    """
    _check_options(jumps, interval, replicas, existing)
    check_momenta(momenta)
    directory = None if replicas is None else _directory(Path(output))
    paths = [Path(output)] if directory is None else _replica_paths(directory, replicas or 1)
    _check_existing(paths, _other_replicas(directory, paths), existing)
    frames = [frames] if isinstance(frames, Atoms) else list(frames)
    starts = [atoms.copy() for atoms in _starting_frames(frames, len(paths), start)]
    graph = molecular_graph(starts[0], bonds=bonds, graph=graph)
    for atoms in starts[1:]:
        molecular_graph(atoms, graph=graph)
    operator, source = resolve_model(model, graph, temperature_K, device)
    ensemble = TITOEnsemble(
        operator,
        graph,
        np.stack([atoms.positions for atoms in starts]),
        lag_time_ps,
        temperature_K=temperature_K,
        seed=seed,
        masses=[atoms.get_masses() for atoms in starts],
        on_invalid=on_invalid,
        max_retries=max_retries,
        batch_size=batch_size,
        ode=_changed(operator.ode, ode),
        correction=correction,
        after_jump=after_jump,
        atoms=[atoms.copy() for atoms in starts],
    )
    record = RunRecord.of(ensemble, source=source, momenta=momenta, interval=interval)
    with ExitStack() as stack:
        if directory is not None:
            _make(directory)
        # 'append' deletes nothing: until all are locked, nothing may be lost
        files = [stack.enter_context(TrajectoryFile(path, append=True)) for path in paths]
        run = _Run(ensemble, files, starts, record)
        if existing == "replace":
            run.forget()
            for path in _other_replicas(directory, paths):
                _delete(path)
        elif existing == "refuse":
            run.check_empty()
        if not run.resume():
            run.write_frames()
        last = jumps if existing != "append" else ensemble.jump + jumps
        return run.advance(last, progress)


@dataclass
class _Run:
    """An ensemble and the files it is written to."""

    ensemble: TITOEnsemble
    files: list[TrajectoryFile]
    atoms: list[Atoms]
    record: RunRecord

    def forget(self) -> None:
        """Empty the files; all are locked by now."""
        for file in self.files:
            file.truncate(0)

    def check_empty(self) -> None:
        """OutputError if someone wrote a file just before it was locked."""
        for file in self.files:
            if len(file):
                raise OutputError(_exists(file.path))

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
        if k == 0:
            self._warn_of_changes(path, record)

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

    def _warn_of_changes(self, path: Path, record: RunRecord) -> None:
        changes = record.changes()
        if changes:
            warnings.warn(
                f"{path} is continued with {' and '.join(changes)}: positions may differ in their "
                "last bits from an uninterrupted run",
                TITOWarning,
                stacklevel=5,
            )


def _check_options(jumps: int, interval: int, replicas: int | None, existing: str) -> None:
    smallest = {"jumps": (jumps, 0), "interval": (interval, 1)}
    if replicas is not None:
        smallest["replicas"] = (replicas, 1)
    for name, (value, least) in smallest.items():
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
            raise ConfigError(f"{name} must be a whole number from {least}, not {value!r}")
    if replicas is not None and replicas > MOST_REPLICAS:
        raise ConfigError(f"at most {MOST_REPLICAS} replicas can be written, not {replicas}")
    if existing not in get_args(Existing):
        raise ConfigError(f"existing must be one of {get_args(Existing)}, not {existing!r}")


def _starting_frames(frames: Sequence[Atoms], count: int, start: str) -> list[Atoms]:
    if not frames:
        raise ConfigError("a run needs at least one frame to start from")
    if start not in get_args(Start):
        raise ConfigError(f"start must be one of {get_args(Start)}, not {start!r}")
    if start == "spread":
        return [frames[k * len(frames) // count] for k in range(count)]
    return [frames[0 if start == "first" else -1]] * count


def _changed(
    settings: OdeSettings, changes: OdeSettings | Mapping[str, Any] | None
) -> OdeSettings | None:
    if isinstance(changes, OdeSettings):
        return changes
    if not changes:
        return None
    return OdeSettings.from_dict({**settings.to_dict(), **changes})


def _directory(output: Path) -> Path:
    """The directory of the replicas, which need not exist yet."""
    if output.suffix == ".traj" or (output.exists() and not output.is_dir()):
        raise OutputError(f"replicas are written to a directory, and {output} is a file's name")
    if not output.parent.is_dir():
        raise OutputError(f"cannot write {output}: there is no directory {output.parent}")
    return output


def _make(directory: Path) -> None:
    try:
        directory.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the directory {directory}: {error.strerror}") from error


def _replica_paths(directory: Path, count: int) -> list[Path]:
    return [directory / f"replica-{k:04d}.traj" for k in range(count)]


def _check_existing(paths: list[Path], others: list[Path], existing: Existing) -> None:
    """Refuse what is there and must not be touched; nothing is opened yet."""
    for path in paths:
        if path.parent.is_dir() or len(paths) == 1:
            check_output(path)
    present = [path for path in paths if path.exists()] + others
    written = [path for path in present if path.stat().st_size]
    if existing == "refuse" and written:
        raise OutputError(_exists(written[0]))
    if existing in ("restart", "append") and written and len(present) != len(paths):
        raise OutputError(f"{paths[0].parent} holds {len(present)} replicas, not {len(paths)}")


def _exists(path: Path) -> str:
    return f"{path} exists: restart it, append to it, overwrite it, or choose another output"


def _other_replicas(directory: Path | None, paths: list[Path]) -> list[Path]:
    """Trajectories of replicas in the directory that are not among these."""
    if directory is None or not directory.is_dir():
        return []
    found = {path for path in directory.iterdir() if _REPLICA_FILE.fullmatch(path.name)}
    return sorted(found - set(paths))


def _delete(path: Path) -> None:
    """Remove a replica of an earlier, larger run, which would be taken for one of this run's."""
    with OutputLock(path):
        path.unlink()


def _setting(key: str, value: Any) -> str:
    shown = str(value)
    return f"{key} {shown}" if len(shown) <= 60 else f"another {key}"
