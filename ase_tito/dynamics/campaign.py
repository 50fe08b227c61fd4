"""A run from a start geometry to files: one trajectory, or one for each of many replicas."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from ase import Atoms
from numpy.typing import ArrayLike

from ase_tito.dynamics.after_jump import AfterJump
from ase_tito.dynamics.atoms import molecular_graph
from ase_tito.dynamics.batching import on_threads
from ase_tito.dynamics.ensemble import TITOEnsemble
from ase_tito.dynamics.metropolis import MetropolisHastings
from ase_tito.dynamics.model import resolve_model
from ase_tito.dynamics.momenta import Momenta, check_momenta
from ase_tito.dynamics.outputs import (
    Existing,
    allow_open_files,
    check_existing,
    delete_replica,
    make_directory,
    other_replicas,
    replica_directory,
    replica_paths,
)
from ase_tito.dynamics.packed_run import PackedRun, check_packable
from ase_tito.dynamics.policy import OnInvalid
from ase_tito.dynamics.run_record import RunRecord
from ase_tito.dynamics.starts import warn_of_starts
from ase_tito.dynamics.trajectory import TrajectoryFile
from ase_tito.dynamics.written_run import Progress, RunSummary, WrittenRun, recorded_run
from ase_tito.errors import ConfigError, OutputError
from ase_tito.flow.ode import OdeSettings
from ase_tito.graph import MolecularGraph
from ase_tito.transfer.implicit import ImplicitTransferOperator

Start = Literal["turn", "first", "last", "spread"]
MOST_REPLICAS = 10_000


def run_to_files(
    frames: Atoms | Sequence[Atoms],
    output: str | os.PathLike[str],
    *,
    jumps: int,
    lag_time_ps: float,
    replicas: int | None = None,
    first_replica: int = 0,
    one_file: bool = False,
    existing: Existing = "refuse",
    start: Start = "turn",
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
    batch_size: int | None = None,
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
    first_replica : int
        Key of the noise of the first of them, where these are a part of more.
    one_file : bool
        Write all replicas to one compact trajectory, each frame of which holds them all, without
        momenta; see `ase_tito.dynamics.packed_run`.
    existing : {'refuse', 'replace', 'restart', 'append'}
        What to do with an output that exists: raise `OutputError`; replace it; continue it until it
        holds `jumps` jumps in all; or continue it by `jumps` more. A continued run equals an
        uninterrupted one and must have been started with the same settings. If nothing exists, all
        four start anew.
    start : {'turn', 'first', 'last', 'spread'}
        Replicas start from the frames in turn (a single run from the first), all from the first or
        all from the last, or from frames evenly spread.
    model, temperature_K, on_invalid, max_retries, correction, after_jump : optional
        As in `TITODynamics`.
    momenta, bonds, graph, device : optional
        As in `TITODynamics`.
    ode : OdeSettings or mapping, optional
        Settings of the ODE solver, or those that shall differ from the model's own.
    seed : int
        Key of all random numbers.
    interval : int
        Jumps between frames; divides `jumps`.
    batch_size : int, optional
        Most replicas sampled in one batch; by default what is fastest, or what the continued run
        had. A continued run also uses as many threads as the earlier one, so that bits are equal.
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

    Warns
    -----
    TITOWarning
        As `TITODynamics`; of starts that are another stereoisomer than the first, or otherwise no
        valid geometry of the graph, once and not where a run is continued.
    """
    check_options(jumps, interval, replicas, first_replica, existing)
    check_momenta(momenta)
    if one_file:
        check_packable(correction)
    directory = None if replicas is None or one_file else replica_directory(Path(output))
    paths = [Path(output)] if directory is None else replica_paths(directory, replicas or 1)
    check_existing(paths, other_replicas(directory, paths), existing)
    allow_open_files(2 * len(paths))  # each has a lock
    earlier = recorded_run(paths) if existing in ("restart", "append") else None
    frames = [frames] if isinstance(frames, Atoms) else list(frames)
    starts = [atoms.copy() for atoms in _starting_frames(frames, replicas or 1, start)]
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
        replicas=range(first_replica, first_replica + len(starts)),
        masses=[atoms.get_masses() for atoms in starts],
        on_invalid=on_invalid,
        max_retries=max_retries,
        batch_size=earlier.batch_size if earlier and batch_size is None else batch_size,
        ode=_changed(operator.ode, ode),
        correction=correction,
        after_jump=after_jump,
        atoms=[atoms.copy() for atoms in starts],
    )
    if earlier is None:
        names = [f"replica {replica}" for replica in ensemble.replicas]
        warn_of_starts(names, ensemble.assess().reasons)
    with ExitStack() as stack:
        stack.enter_context(on_threads(earlier.threads if earlier else None))
        record = RunRecord.of(
            ensemble, source=source, momenta="zero" if one_file else momenta, interval=interval
        )
        if directory is not None:
            make_directory(directory)
        files = _opened(paths, stack)
        run = (PackedRun if one_file else WrittenRun)(ensemble, files, starts, record)
        if existing == "replace":
            run.forget()
            for path in other_replicas(directory, paths):
                delete_replica(path)
        elif existing == "refuse":
            run.check_empty()
        if not run.resume():
            run.write_frames()
        last = jumps if existing != "append" else ensemble.jump + jumps
        return run.advance(last, progress)


def _opened(paths: list[Path], stack: ExitStack) -> list[TrajectoryFile]:
    """The files, all locked. Where one cannot be, those that were made for it are gone again."""
    new = {path for path in paths if not path.exists()}
    files: list[TrajectoryFile] = []
    try:
        for path in paths:
            # 'append' deletes nothing: until all are locked, nothing may be lost
            files.append(stack.enter_context(TrajectoryFile(path, append=True)))
    except OutputError:
        for file in files:
            if file.path in new:  # still locked, so that no one else has written it
                with suppress(PermissionError):
                    file.path.unlink()
        raise
    return files


def check_options(
    jumps: int,
    interval: int,
    replicas: int | None,
    first_replica: int = 0,
    existing: str = "refuse",
) -> None:
    """ConfigError for options of `run_to_files` that are out of their range."""
    smallest = {"jumps": (jumps, 0), "interval": (interval, 1), "first_replica": (first_replica, 0)}
    if replicas is not None:
        smallest["replicas"] = (replicas, 1)
    for name, (value, least) in smallest.items():
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
            raise ConfigError(f"{name} must be a whole number from {least}, not {value!r}")
    if jumps % interval:
        above = jumps + interval - jumps % interval
        below = f"{above - interval} or " if above > interval else ""
        raise ConfigError(
            f"interval {interval} does not divide jumps {jumps}: the last of them would not be "
            f"written, nor continued from; make it {below}{above} jumps"
        )
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
    if start == "turn":
        return [frames[k % len(frames)] for k in range(count)]
    return [frames[0 if start == "first" else -1]] * count


def _changed(
    settings: OdeSettings, changes: OdeSettings | Mapping[str, Any] | None
) -> OdeSettings | None:
    if isinstance(changes, OdeSettings):
        return changes
    if not changes:
        return None
    return OdeSettings.from_dict({**settings.to_dict(), **changes})
