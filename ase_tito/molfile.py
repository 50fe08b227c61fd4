"""Atoms and bonds of MDL molfiles and SD files (V2000), of which ASE reads the atoms only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from numpy.typing import NDArray

from ase_tito.errors import StructureError


def read_molfile(path: str | Path) -> tuple[list[Atoms], NDArray[np.int64]]:
    """Read a molfile, or all records of an SD file as frames of one molecule.

    Parameters
    ----------
    path : str or Path
        A ``.mol`` or ``.sdf`` file, format V2000 (BIOVIA, CTfile Formats), with 3D coordinates.

    Returns
    -------
    frames : list of Atoms
        Positions in Å.
    bonds : ndarray of int64, shape (m, 2)

    Raises
    ------
    StructureError
        For another format version, flat drawings, unknown elements, damaged lines (named by their
        number), or records of different molecules.
    """
    records = [read() for read in read_molfile_records(path)]
    frames = [atoms for atoms, _ in records]
    bonds = records[0][1]
    for k, (atoms, own) in enumerate(records):
        if not np.array_equal(atoms.numbers, frames[0].numbers) or not np.array_equal(own, bonds):
            raise StructureError(
                f"{path}: record {k + 1} is another molecule than record 1, or numbers its atoms "
                "differently; one file holds frames of one molecule"
            )
    return frames, bonds


def read_molfile_records(
    path: str | Path,
) -> list[Callable[[], tuple[Atoms, NDArray[np.int64]]]]:
    """The records of an SD file of different molecules, read one by one when they are called.

    Parameters
    ----------
    path : str or Path
        As in `read_molfile`.

    Returns
    -------
    list of callable
        Each returns Atoms (Å) and bonds (m, 2), or raises a StructureError that names the damaged
        line; the other records are still good.

    Raises
    ------
    StructureError
        If the file is missing or holds nothing.
    """
    path = Path(path)
    if not path.is_file():
        raise StructureError(f"{path}: no such file")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    ends = [k for k, line in enumerate(lines) if line.startswith("$$$$")]
    starts = [0, *(end + 1 for end in ends)]
    records: list[Callable[[], tuple[Atoms, NDArray[np.int64]]]] = [
        partial(_record, path, lines, start, stop)
        for start, stop in zip(starts, [*ends, len(lines)], strict=True)
        if any(line.strip() for line in lines[start:stop])
    ]
    if not records:
        raise StructureError(f"{path}: no molecule in this file")
    return records


def _record(
    path: str | Path, lines: list[str], start: int, stop: int
) -> tuple[Atoms, NDArray[np.int64]]:
    """Atoms and sorted bonds of the record in ``lines[start:stop]``."""
    if stop - start < 4:
        raise StructureError(f"{path}: the molecule that starts in line {start + 1} is cut off")
    counts = lines[start + 3]
    if "V3000" in counts:
        raise StructureError(f"{path}: format V3000 is not read; save the molecule as V2000")
    n_atoms = _number(path, lines, start + 3, 0, 3)
    n_bonds = _number(path, lines, start + 3, 3, 6)
    first_atom = start + 4
    first_bond = first_atom + n_atoms
    if first_bond + n_bonds > stop:
        raise StructureError(
            f"{path}: line {start + 4} announces {n_atoms} atoms and {n_bonds} bonds, but the file "
            "ends before them"
        )
    symbols, positions = [], []
    for k in range(first_atom, first_bond):
        try:
            positions.append([float(lines[k][column : column + 10]) for column in (0, 10, 20)])
        except ValueError as error:
            raise StructureError(f"{path}: line {k + 1} holds no coordinates") from error
        symbols.append(lines[k][31:34].strip())
        if symbols[-1] not in atomic_numbers:
            raise StructureError(f"{path}: line {k + 1} names no element: {symbols[-1]!r}")
    if n_atoms > 3 and lines[start + 1][20:22] == "2D":
        raise StructureError(f"{path}: the coordinates are a flat drawing (2D), not a 3D structure")
    bonds = np.array(
        [
            sorted(_number(path, lines, k, column, column + 3) - 1 for column in (0, 3))
            for k in range(first_bond, first_bond + n_bonds)
        ],
        dtype=np.int64,
    ).reshape(-1, 2)
    return Atoms(symbols, positions), bonds[np.lexsort(bonds.T[::-1])]


def _number(path: str | Path, lines: list[str], line: int, begin: int, end: int) -> int:
    """The integer in these columns, which touch where numbers have three digits."""
    try:
        return int(lines[line][begin:end])
    except ValueError as error:
        raise StructureError(
            f"{path}: line {line + 1} holds no number in columns {begin + 1} to {end}"
        ) from error
