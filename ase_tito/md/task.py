"""One run of one molecule, from its plan to blocks of frames on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from ase_tito.atomic import write_atomically
from ase_tito.errors import DataError, OutputError, TITOError
from ase_tito.md.build import engine, prepare
from ase_tito.md.engine import Progress, seed_of
from ase_tito.md.plan import MoleculePlan
from ase_tito.md.run import continue_run, frames_done

FAILURE = "failed.txt"
EXCHANGE = "exchange"


@dataclass(frozen=True)
class RunTask:
    """One run, as it is handed to a process.

    Attributes
    ----------
    output : Path
        Of the campaign.
    molecule : MoleculePlan
    seed : int
        Of the campaign.
    run : int or None
        Counted from 0, or None for replica exchange. What the molecule turns out not to need is no
        work.
    """

    output: Path
    molecule: MoleculePlan
    seed: int
    run: int | None


def tasks_of(output: Path, molecule: MoleculePlan, seed: int) -> list[RunTask]:
    """All runs that a molecule may need."""
    runs: list[int | None] = list(range(max(molecule.starts, molecule.slow_starts or 0)))
    if molecule.exchange is not None:
        runs.append(None)
    return [RunTask(output, molecule, seed, run) for run in runs]


def run_task(task: RunTask, progress: Progress) -> None:
    """Build and parametrise the molecule unless that is done, and continue the run to its end.

    Raises
    ------
    TITOError
        Why the molecule is left out; noted in its folder, so that the campaign does not try again.
    OutputError
        If its folder cannot be written; nothing is noted then.
    """
    plan, folder = task.molecule, molecule_folder(task.output, task.molecule)
    reason = failure(folder)
    if reason:
        raise DataError(reason)
    try:
        with FileLock(folder / ".lock"):  # whoever comes first builds it for all runs
            molecule = prepare(plan, folder, task.seed)
        runs = len(molecule.starts)
        if task.run is not None and task.run >= runs:
            return
        exchange = plan.exchange if task.run is None else None
        time_ns = plan.time_ns / runs if exchange is None else exchange.time_ns
        continue_run(
            folder / run_name(task.run),
            engine(plan, molecule, folder, exchange=task.run is None),
            molecule.graph,
            molecule.starts[task.run or 0],
            seed=seed_of(task.seed, plan.name, EXCHANGE if task.run is None else task.run),
            frames=plan.settings.frames(1000 * time_ns),
            block_frames=plan.settings.block_frames,
            progress=progress,
        )
    except OutputError:  # a full disk is no reason to leave a molecule out for good
        raise
    except TITOError as error:
        text = " ".join(str(error).split()).removeprefix(f"{plan.name}: ")
        write_atomically(folder / FAILURE, text.encode())
        raise


def molecule_folder(output: Path, plan: MoleculePlan) -> Path:
    """Where all of a molecule is."""
    return output / "molecules" / plan.name


def run_name(run: int | None) -> str:
    """The folder of a run's blocks within its molecule's, and its name in the data set."""
    return EXCHANGE if run is None else f"run-{run}"


def failure(folder: Path) -> str:
    """Why a molecule is left out, or ''."""
    path = folder / FAILURE
    return path.read_text("utf-8") if path.exists() else ""


def planned_ps(plan: MoleculePlan) -> float:
    """Picoseconds that are stored of a molecule in the end."""
    exchange = plan.exchange.time_ns if plan.exchange is not None else 0.0
    return 1000 * (plan.time_ns + exchange)


def simulated_ps(output: Path, plan: MoleculePlan) -> float:
    """Picoseconds of a molecule that are on disk."""
    folder = molecule_folder(output, plan)
    folders = [*folder.glob("run-*"), folder / EXCHANGE]
    return sum(map(frames_done, folders)) * plan.settings.frame_spacing_ps
