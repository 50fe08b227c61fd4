"""A campaign over many molecules in blocks of replicas, run anywhere and in any order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import ArrayLike

from ase_tito.atomic import publish, write_atomically
from ase_tito.dynamics.atoms import molecular_graph
from ase_tito.dynamics.batching import on_threads
from ase_tito.dynamics.campaign import check_options, run_to_files
from ase_tito.dynamics.model import resolve_model
from ase_tito.dynamics.policy import check_policy
from ase_tito.dynamics.seed import checked_seed, seed_of
from ase_tito.dynamics.starts import start_reasons, warn_of_starts
from ase_tito.dynamics.systems import check_domain
from ase_tito.errors import ConfigError, OutputError, TITOError
from ase_tito.graph import MolecularGraph

SETTINGS_FILE = "campaign.json"
_STARTS = "molecules"
"""Its entry with a digest of each molecule's starting frames."""

THREADS = 1
"""Of a block: with its batches they decide the last bits, the same wherever it runs."""


@dataclass(frozen=True, eq=False)
class Block:
    """Some replicas of one molecule.

    Attributes
    ----------
    molecule : str
        Name of the molecule, and of the directory of its blocks.
    path : Path
        Where the replicas will be, as `ase_tito.dynamics.packed_run` writes them.
    frames : tuple of Atoms
        Where each replica starts.
    graph : MolecularGraph
        Of the molecule's first frame, whichever frames these replicas start from.
    seed, first_replica : int
        Keys of the first replica's noise; the others follow.
    settings : mapping
        Arguments of `run_to_files`.
    """

    molecule: str
    path: Path
    frames: tuple[Atoms, ...]
    graph: MolecularGraph
    seed: int
    first_replica: int
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class BlockOutcome:
    """What came of a block.

    Attributes
    ----------
    molecule : str
    path : Path
    replicas, jumps : int
        Replicas, and jumps of each that were made now.
    wall_time_s : float
    invalid_first_proposals : int
    failure : str
        Why there is no trajectory; empty where there is one.
    """

    molecule: str
    path: Path
    replicas: int
    jumps: int = 0
    wall_time_s: float = 0.0
    invalid_first_proposals: int = 0
    failure: str = ""


def plan_blocks(
    molecules: Mapping[str, tuple[Sequence[Atoms], ArrayLike | None]],
    output: Path,
    *,
    replicas: int,
    block_size: int = 100,
    resume: bool = False,
    **settings: Any,
) -> list[Block]:
    """Check everything, and cut a campaign into blocks.

    Parameters
    ----------
    molecules : mapping
        Frames of each molecule, from which its replicas start in turn, and its bonds or None.
    output : Path
        A directory, made if need be: MOLECULE/block-0000.traj, ...
    replicas : int
        Of each molecule.
    block_size : int
        Replicas of one block: one task, written as a whole or not at all.
    resume : bool
        Go on with what the directory holds, which must be of this very campaign: molecules may be
        new, but those of a name must start from the same frames.
    **settings
        `seed`, from which and its name each molecule gets its own: the same noise would lead two
        files of one molecule to the same places. `model` (a name or path), `lag_time_ps`, `jumps`
        and other arguments of `run_to_files`, for all molecules. They are written to campaign.json.

    Raises
    ------
    ConfigError
        For numbers or settings that make no sense.
    OutputError
        If the directory holds anything and `resume` is not set, or another campaign.
    StructureError, GraphError, DomainError, CheckpointError
        As `run_to_files`, for any molecule, before anything is written.

    Warns
    -----
    TITOWarning
        As `run_to_files`; of frames that are no valid geometry where the molecule is new.
    """
    for name, value in (("replicas", replicas), ("block_size", block_size)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ConfigError(f"{name} must be a positive integer, not {value!r}")
    if not molecules:
        raise ConfigError("a campaign needs at least one molecule")
    check_options(settings["jumps"], settings.get("interval", 1), min(replicas, block_size))
    check_policy(settings.get("on_invalid", "retry"), settings.get("max_retries", 10))
    seed = checked_seed(settings.get("seed", 0))
    graphs = {}
    for name, (frames, bonds) in molecules.items():
        try:
            graphs[name] = _check_molecule(name, frames, bonds, settings)
        except TITOError as error:
            raise type(error)(f"{name}: {error}") from error
    starts = {name: _digest(frames, bonds) for name, (frames, bonds) in molecules.items()}
    for name in _claim(
        output, {"replicas": replicas, "block_size": block_size, **settings}, starts, resume
    ):
        used = molecules[name][0][:replicas]
        names = [f"frame {k} of {name}" for k in range(len(used))]
        warn_of_starts(names, start_reasons(graphs[name], used))
    return [
        Block(
            name,
            output / name / f"block-{number:04d}.traj",
            tuple(frames[k % len(frames)] for k in range(first, min(first + block_size, replicas))),
            graphs[name],
            seed_of(name, seed),
            first,
            settings,
        )
        for name, (frames, _) in molecules.items()
        for number, first in enumerate(range(0, replicas, block_size))
    ]


def run_block(block: Block) -> BlockOutcome:
    """Run a block, or go on where a killed process left it; a block that is there stays as it is.

    A molecule that cannot be run is an outcome, not an error, so that the others go on. What it
    has written so far stays, as block-0000.partial.traj.

    Raises
    ------
    OutputError
        If another process is at it, or it cannot be written.
    """
    count = len(block.frames)
    if block.path.exists():
        return BlockOutcome(block.molecule, block.path, count)
    partial = block.path.with_name(f"{block.path.stem}.partial.traj")
    try:
        block.path.parent.mkdir(parents=True, exist_ok=True)
        with on_threads(THREADS):
            done = run_to_files(
                list(block.frames),
                partial,
                replicas=count,
                first_replica=block.first_replica,
                one_file=True,
                existing="restart",
                graph=block.graph,
                **{**block.settings, "seed": block.seed},
            )
    except OSError as error:
        raise OutputError(f"cannot write {block.path}: {error.strerror or error}") from error
    except OutputError:
        raise
    except TITOError as error:
        return BlockOutcome(block.molecule, block.path, count, failure=str(error))
    publish(partial, block.path)
    return BlockOutcome(
        block.molecule,
        block.path,
        count,
        done.jumps,
        done.wall_time_s,
        done.invalid_first_proposals,
    )


def _check_molecule(
    name: str, frames: Sequence[Atoms], bonds: ArrayLike | None, settings: Mapping[str, Any]
) -> MolecularGraph:
    """The molecule's graph, once all that its blocks will need is in order."""
    if not frames or not name or name != Path(name).name:
        raise ConfigError(f"{name!r} is no name for the directory of a molecule, or has no frames")
    graph = molecular_graph(frames[0], bonds=bonds)
    for atoms in frames[1:]:
        molecular_graph(atoms, graph=graph)
    model, temperature = settings.get("model", "auto"), settings.get("temperature_K")
    operator, _ = resolve_model(model, graph, temperature)
    check_domain(operator, [graph], settings["lag_time_ps"])
    operator.domain.resolve_temperature(temperature)
    return graph


def _digest(frames: Sequence[Atoms], bonds: ArrayLike | None) -> str:
    """Of where a molecule's replicas start."""
    digest = hashlib.sha256(b"" if bonds is None else np.asarray(bonds, np.int64).tobytes())
    for atoms in frames:
        for array in (atoms.numbers.astype(np.int64), atoms.positions, atoms.get_masses()):
            digest.update(array.tobytes())
    return digest.hexdigest()


def _claim(
    output: Path, settings: Mapping[str, Any], starts: Mapping[str, str], resume: bool
) -> list[str]:
    """Make the directory, or see that it is of this campaign; its settings are written first.

    The names of those molecules that are new to it are returned.
    """
    if output.exists() and not output.is_dir():
        raise OutputError(f"{output} is a file; choose a directory")
    path = output / SETTINGS_FILE
    known: dict[str, str] = {}
    if path.exists():
        if not resume:
            raise OutputError(f"{output} exists; resume it, or choose another directory")
        theirs = json.loads(path.read_text())
        known = theirs.get(_STARTS, {})
        for key, value in json.loads(json.dumps(settings, default=str)).items():
            if theirs.get(key) != value:
                raise OutputError(
                    f"{output} cannot be resumed: it was made with {key} {theirs.get(key)}, not "
                    f"{value}"
                )
        for name, digest in starts.items():
            if known.get(name, digest) != digest:
                raise OutputError(
                    f"{output} cannot be resumed: its {name} started from other frames; give it "
                    "another name, or choose another directory"
                )
        if starts.items() <= known.items():
            return []
    elif output.exists() and any(output.iterdir()):
        raise OutputError(
            f"{output} holds something else than a campaign; choose another directory"
        )
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the directory {output}: {error.strerror}") from error
    entries = {**settings, _STARTS: {**known, **starts}}
    write_atomically(path, (json.dumps(entries, indent=1, default=str) + "\n").encode())
    return [name for name in starts if name not in known]
