"""One run: blocks of frames on disk, each with the state after it, so that any kill costs a block.

A block is one file, written atomically: frames and state cannot disagree, and nothing is doubled.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_tito.atomic import write_atomically
from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph
from ase_tito.md.engine import Engine, Progress, State, seed_of
from ase_tito.md.guard import check_block
from ase_tito.npzfile import opened_npz

_STATE, _COUNT = "state_", "count_"


@dataclass(frozen=True, eq=False)
class RunData:
    """What a run has stored so far.

    Attributes
    ----------
    positions : array of float32, shape (T, n, 3)
        In Å.
    energies : array, shape (T,)
        In eV.
    counts : dict
        The engine's, one value for each block, and frames ``outside_limits``.
    """

    positions: NDArray[np.float32]
    energies: NDArray[np.float64]
    counts: dict[str, NDArray[np.float64]]


def continue_run(
    directory: Path,
    engine: Engine,
    graph: MolecularGraph,
    start: NDArray[np.float64],
    *,
    seed: int,
    frames: int,
    block_frames: int,
    progress: Progress,
) -> None:
    """Simulate until a run holds so many frames, from wherever it is.

    Parameters
    ----------
    directory : Path
        Of this run alone; made if need be.
    engine : Engine
    graph : MolecularGraph
        That frames are held to.
    start : array, shape (n, 3)
        Å.
    seed : int
        Of this run.
    frames, block_frames : int
        In all, and of one block.
    progress : callable

    Raises
    ------
    DataError
        If the molecule does not stay what it is (`check_block`), or a block is damaged.
    """
    directory.mkdir(parents=True, exist_ok=True)
    paths = block_paths(directory)
    done = sum(frames_in(path) for path in paths)
    if done >= frames:
        return
    state = _state_after(paths[-1]) if paths else engine.start(start, seed_of(seed, "start"))
    number = len(paths)
    while done < frames:
        count = min(block_frames, frames - done)
        block = engine.block(state, seed_of(seed, number), count, progress)
        check = check_block(block.positions, block.energies, graph)
        content = io.BytesIO()
        counts = block.counts | {"outside_limits": np.array(float(check.outside_limits))}
        arrays: dict[str, Any] = {
            "positions": block.positions,
            "energies": block.energies,
            **{_STATE + key: value for key, value in block.state.items()},
            **{_COUNT + key: value for key, value in counts.items()},
        }
        np.savez(content, **arrays)
        write_atomically(directory / f"block-{number:05d}.npz", content.getvalue())
        state, number, done = block.state, number + 1, done + count


def block_paths(directory: Path) -> list[Path]:
    """The blocks of a run, in order; DataError if one is missing in between."""
    paths = sorted(directory.glob("block-*.npz"))
    for number, path in enumerate(paths):
        if path.name != f"block-{number:05d}.npz":
            raise DataError(f"{directory}: block {number} is missing; delete those after it")
    return paths


def frames_done(directory: Path) -> int:
    """Frames that a run has stored."""
    return sum(frames_in(path) for path in block_paths(directory))


def read_run(directory: Path) -> RunData | None:
    """All frames of a run, or None if there is none yet; DataError if a block is damaged."""
    paths = block_paths(directory)
    if not paths:
        return None
    blocks = [_read(path) for path in paths]
    return RunData(
        np.concatenate([block["positions"] for block in blocks]),
        np.concatenate([block["energies"] for block in blocks]),
        {
            key.removeprefix(_COUNT): np.stack([block[key] for block in blocks])
            for key in blocks[0]
            if key.startswith(_COUNT)
        },
    )


def frames_in(path: Path) -> int:
    """Frames in a block."""
    return len(_read(path, only="energies")["energies"])


def _state_after(path: Path) -> State:
    return {
        key.removeprefix(_STATE): value
        for key, value in _read(path).items()
        if key.startswith(_STATE)
    }


def _read(path: Path, only: str | None = None) -> dict[str, NDArray[np.generic]]:
    with opened_npz(
        path, lambda error: DataError(f"{path}: damaged ({error}); delete it and those after it")
    ) as archive:
        return {key: archive[key] for key in archive if only in (None, key)}
