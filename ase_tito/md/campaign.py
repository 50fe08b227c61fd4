"""Many molecules, one process a core, each resumed from wherever it is."""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.connection
import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ase_tito.atomic import write_atomically
from ase_tito.errors import ConfigError, OutputError, TITOError
from ase_tito.md.manifest import write_manifest
from ase_tito.md.plan import CampaignPlan, MoleculePlan
from ase_tito.md.task import (
    RunTask,
    molecule_folder,
    planned_ps,
    run_task,
    simulated_ps,
    tasks_of,
)

Report = Callable[[float, float, str], None]
"""Takes picoseconds done and to do over all molecules, and a message or ''."""


Emit = Callable[[str, float | str], None]
"""Takes a molecule's name, and picoseconds just simulated or why it is left out."""

MESSAGE_FRAMES = 10
"""Frames between two messages of progress."""


@dataclass(frozen=True)
class Outcome:
    """What came of a campaign.

    Attributes
    ----------
    failed : dict
        Why a molecule was left out, by name.
    simulated_ns : float
        By this call.
    """

    failed: dict[str, str]
    simulated_ns: float


def run_campaign(
    plan: CampaignPlan,
    output: Path,
    *,
    processes: int = 1,
    resume: bool = False,
    command: str = "",
    report: Report = lambda done, total, message: None,
) -> Outcome:
    """Simulate all molecules of a plan into a directory.

    Parameters
    ----------
    plan : CampaignPlan
    output : Path
        A directory, made if need be.
    processes : int
        Side by side; each keeps one core busy.
    resume : bool
        Continue what the directory holds. The plan may have more molecules or longer runs by then.
    command : str
        For the manifest.
    report : callable

    Raises
    ------
    OutputError
        If the directory exists and `resume` is not set, or another campaign writes to it.
    ConfigError
        If it holds molecules of the same names with other settings, or the file of a calculator or
        its structure cannot be read.
    """
    if not isinstance(processes, int) or processes < 1:
        raise ConfigError(f"processes must be a whole number from 1, not {processes!r}")
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file; choose a directory")
    if output.exists() and any(output.iterdir()) and not resume:
        raise OutputError(f"{output} exists; --resume continues it, or choose another directory")
    for molecule in plan.molecules:
        molecule.identity()  # fails for files that are missing before anything is written
    output.mkdir(parents=True, exist_ok=True)
    with _only_writer(output):
        for molecule in plan.molecules:
            check_identity(output, molecule, plan.seed)
        write_manifest(output, plan, command)
        tasks = [
            task for molecule in plan.molecules for task in tasks_of(output, molecule, plan.seed)
        ]
        total = sum(planned_ps(molecule) for molecule in plan.molecules)
        before = sum(simulated_ps(output, molecule) for molecule in plan.molecules)
        done = before
        failed: dict[str, str] = {}

        def emit(name: str, value: float | str) -> None:
            nonlocal done
            if not isinstance(value, str):
                done += value
                report(done, total, "")
            elif name not in failed:
                failed[name] = value
                report(done, total, f"{name} is left out: {value}")

        report(done, total, "")
        _run_all(tasks, processes, emit)
    return Outcome(failed, (done - before) / 1000)


def check_identity(output: Path, molecule: MoleculePlan, seed: int) -> None:
    """Note down a molecule's settings, or compare them with those noted.

    Raises
    ------
    ConfigError
        If they differ in more than times.
    """
    folder = molecule_folder(output, molecule)
    noted = {"settings.json": {**molecule.identity(), "seed": seed}}
    if molecule.exchange is not None:  # may come later, where runs turn out not to mix
        ladder = {k: v for k, v in asdict(molecule.exchange).items() if k != "time_ns"}
        noted["exchange.json"] = ladder
    folder.mkdir(parents=True, exist_ok=True)
    for name, settings in noted.items():
        path, wanted = folder / name, json.loads(json.dumps(settings))
        if not path.exists():
            write_atomically(path, json.dumps(wanted, indent=2).encode())
            continue
        changed = _differences(wanted, json.loads(path.read_text("utf-8")))
        if changed:
            raise ConfigError(
                f"{molecule.name} was simulated with other settings ({', '.join(changed)}); "
                "restore them, or choose another output directory"
            )


def _differences(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    changed = []
    for key in sorted({*wanted, *found}):
        new, old = wanted.get(key), found.get(key)
        if isinstance(new, dict) and isinstance(old, dict):
            changed += _differences(new, old)
        elif key.endswith("_sha256"):
            if old not in (None, new):  # older versions noted none
                changed.append(f"another content of the file of the {key.removesuffix('_sha256')}")
        elif new != old:
            changed.append(f"{key} {old!r}, now {new!r}")
    return changed


@contextmanager
def _only_writer(output: Path) -> Iterator[None]:
    lock = FileLock(output / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise OutputError(f"{output} is being written by another process; wait for it") from None
    try:
        yield
    finally:
        lock.release()


def _run_all(tasks: list[RunTask], processes: int, emit: Emit) -> None:
    """Run the tasks in order, and tell of picoseconds done and of failures while they run."""
    if processes == 1:
        for task in tasks:
            reason = _run(task, emit)
            if reason:
                emit(task.molecule.name, reason)
        return
    # fresh interpreters: forked ones would share locks and threads of numerical libraries
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        messages = manager.Queue()
        pool = ProcessPoolExecutor(processes, context, initializer=_end_with_parent)
        try:
            waiting = {pool.submit(_run_elsewhere, task, messages): task for task in tasks}
            while waiting:
                finished, _ = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                _pass_on(messages, emit)
                for future in finished:
                    name = waiting.pop(future).molecule.name
                    reason = future.result()
                    if reason:
                        emit(name, reason)
            _pass_on(messages, emit)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _run_elsewhere(task: RunTask, messages: Any) -> str:
    return _run(task, lambda name, value: messages.put((name, value)))


def _pass_on(messages: Any, emit: Emit) -> None:
    while True:
        try:
            emit(*messages.get_nowait())
        except queue.Empty:
            return


def _run(task: RunTask, emit: Emit) -> str:
    """Run a task and return why it failed, or ''."""
    gathered = 0.0

    def progress(picoseconds: float) -> None:
        nonlocal gathered
        gathered += picoseconds
        if gathered >= MESSAGE_FRAMES * task.molecule.settings.frame_spacing_ps:
            emit(task.molecule.name, gathered)
            gathered = 0.0

    try:
        run_task(task, progress)
    except OutputError:
        raise
    except TITOError as error:
        return " ".join(str(error).split())
    emit(task.molecule.name, gathered)
    return ""


def _end_with_parent() -> None:
    """Let a worker end when whoever started it does, in whatever way."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
