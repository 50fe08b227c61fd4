"""One run of one molecule, from its plan to blocks of frames on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from ase_tito.errors import DataError, TITOError
from ase_tito.md.engine import Progress, seed_of
from ase_tito.md.files import write_atomically
from ase_tito.md.gaff import gaff_prmtop
from ase_tito.md.langevin import LangevinEngine
from ase_tito.md.molecule import BuiltMolecule, load_molecule, save_molecule
from ase_tito.md.plan import MoleculePlan
from ase_tito.md.run import continue_run, frames_done
from ase_tito.md.smiles import molecule_from_smiles
from ase_tito.md.system import repartitioned_masses, set_masses, system_from_prmtop

MOLECULE, TOPOLOGY, FAILURE = "molecule.npz", "system.prmtop", "failed.txt"


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
    run : int
        Counted from 0. What the molecule turns out not to need is no work.
    """

    output: Path
    molecule: MoleculePlan
    seed: int
    run: int


def run_task(task: RunTask, progress: Progress) -> None:
    """Build and parametrise the molecule unless that is done, and continue the run to its end.

    Raises
    ------
    TITOError
        Why the molecule is left out; noted in its folder, so that the campaign does not try again.
    """
    plan, folder = task.molecule, molecule_folder(task.output, task.molecule)
    reason = failure(folder)
    if reason:
        raise DataError(reason)
    try:
        with FileLock(folder / ".lock"):  # whoever comes first builds it for all runs
            molecule = prepare(plan, folder, task.seed)
        runs = len(molecule.starts)
        if task.run >= runs:
            return
        system = system_from_prmtop(folder / TOPOLOGY)
        set_masses(system, repartitioned_masses(molecule.graph, plan.settings.hydrogen_mass_amu))
        continue_run(
            run_folder(folder, task.run),
            LangevinEngine(system, plan.settings),
            molecule.graph,
            molecule.starts[task.run],
            seed=seed_of(task.seed, plan.name, task.run),
            frames=plan.settings.frames(1000 * plan.time_ns / runs),
            block_frames=plan.settings.block_frames,
            progress=progress,
        )
    except TITOError as error:
        text = " ".join(str(error).split()).removeprefix(f"{plan.name}: ")
        write_atomically(folder / FAILURE, text.encode())
        raise


def prepare(plan: MoleculePlan, folder: Path, seed: int) -> BuiltMolecule:
    """The molecule of a plan, with its topology beside it; both are made once and kept."""
    if not (folder / MOLECULE).exists():
        molecule = molecule_from_smiles(
            plan.smiles,
            starts=plan.starts,
            slow_starts=plan.slow_starts,
            seed=seed_of(seed, plan.name, "conformers"),
            name=plan.name,
        )
        write_atomically(folder / TOPOLOGY, gaff_prmtop(molecule).encode())
        save_molecule(folder / MOLECULE, molecule)
    return load_molecule(folder / MOLECULE)


def molecule_folder(output: Path, plan: MoleculePlan) -> Path:
    """Where all of a molecule is."""
    return output / "molecules" / plan.name


def run_folder(folder: Path, run: int) -> Path:
    """Where the blocks of a run are."""
    return folder / f"run-{run}"


def failure(folder: Path) -> str:
    """Why a molecule is left out, or ''."""
    path = folder / FAILURE
    return path.read_text("utf-8") if path.exists() else ""


def planned_ps(plan: MoleculePlan) -> float:
    """Picoseconds to simulate of a molecule in all."""
    return 1000 * plan.time_ns


def simulated_ps(output: Path, plan: MoleculePlan) -> float:
    """Picoseconds of a molecule that are on disk."""
    folder = molecule_folder(output, plan)
    frames = sum(frames_done(path) for path in folder.glob("run-*"))
    return frames * plan.settings.frame_spacing_ps
