"""The peptide data of Timewarp (Klein et al., arXiv 2302.01170)."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path

import numpy as np

from ase_tito.data.readers.source import Candidate, ReadOptions, Source
from ase_tito.data.readers.times import regular_frames
from ase_tito.data.records import MoleculeRecord, Run
from ase_tito.errors import DataError, StructureError
from ase_tito.perception import build_graph
from ase_tito.structure import read_structure

ARRAYS, TOPOLOGY = "-traj-arrays.npz", "-traj-state0.pdb"
SPLITS = {"train": "train", "val": "validation", "test": "test"}
"""Folders, and what their splits are called here."""

TEMPERATURE_K = 310.0
FORCE_FIELD = "amber14, OBC1"
SPACING_PS = 5.0
"""Of the frames that are kept by default: the raw ones are not evenly spaced."""


def is_timewarp(path: Path) -> bool:
    """Whether this is a folder, or a folder of folders, of such data, or one of its archives."""
    return path.name.endswith(ARRAYS) or (path.is_dir() and bool(_folders(path)))


def open_timewarp(path: Path, options: ReadOptions) -> Source:
    """Peptides by their sequences, in splits if there are the folders train, val and test.

    Positions and times alone are read (nm, ps). Bonds are those of the PDB file's residues, never
    of its coordinates; stereochemistry is that of the first frame.
    """
    candidates: list[Candidate] = []
    splits: dict[str, tuple[str, ...]] = {}
    folders = {path.parent: None} if path.is_file() else _folders(path)
    for folder, split in folders.items():
        archives = [path] if path.is_file() else sorted(folder.glob("*" + ARRAYS))
        names = tuple(archive.name.removesuffix(ARRAYS) for archive in archives)
        candidates += (
            Candidate(name, f"{folder.name}/{name}", partial(_load, archive, name, options))
            for name, archive in zip(names, archives, strict=True)
        )
        if split is not None:
            splits[split] = names
    return Source(tuple(candidates), splits)


def _folders(path: Path) -> dict[Path, str | None]:
    found: dict[Path, str | None] = {
        path / folder: split
        for folder, split in SPLITS.items()
        if any((path / folder).glob("*" + ARRAYS))
    }
    return found or ({path: None} if any(path.glob("*" + ARRAYS)) else {})


def _load(path: Path, name: str, options: ReadOptions) -> MoleculeRecord:
    topology = path.with_name(name + TOPOLOGY)
    frames, bonds = read_structure(topology)
    if bonds is None:
        raise StructureError(f"{topology}: says nothing about bonds")
    numbers = frames[0].numbers
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            missing = [key for key in ("positions", "time") if key not in archive]
            if missing:
                raise DataError(f"{path}: lacks {', '.join(missing)}")
            positions, times = archive["positions"], archive["time"]
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: not a readable archive ({error})") from error
    if positions.shape != (len(times), len(numbers), 3):
        raise DataError(
            f"{path}: positions have shape {positions.shape}, where {len(times)} times and the "
            f"{len(numbers)} atoms of {topology.name} are expected"
        )
    keep = options.keep_ps or SPACING_PS
    kept = regular_frames(str(path), times, keep)
    run = Run(
        "md",
        np.ascontiguousarray(10 * positions[kept], np.float32),
        keep,
        options.temperature_K or TEMPERATURE_K,
    )
    graph = build_graph(numbers, run.positions[0], bonds)
    return MoleculeRecord(
        name, graph, (run,), "", options.force_field or FORCE_FIELD, {"sequence": name}
    )
