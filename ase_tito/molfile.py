"""Atoms and bonds of MDL molfiles and SD files (V2000), of which ASE reads the atoms only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from numpy.typing import NDArray

from ase_tito.errors import StructureError

_CHARGES = {0: 0, 1: 3, 2: 2, 3: 1, 4: 0, 5: -1, 6: -2, 7: -3}
"""Formal charges by their code in the lines of atoms; 4 is a radical."""

_HYDROGENS = {1: 1.00783, 2: 2.01410, 3: 3.01605}
"""amu (M. Wang et al., Chin. Phys. C 45, 030003 (2021)); of other elements the mass number is
within 0.6 % of the mass."""


def read_molfile(path: str | Path) -> tuple[list[Atoms], NDArray[np.int64]]:
    """Read a molfile, or all records of an SD file as frames of one molecule.

    Parameters
    ----------
    path : str or Path
        A ``.mol`` or ``.sdf`` file, format V2000 (BIOVIA, CTfile Formats), with 3D coordinates.

    Returns
    -------
    frames : list of Atoms
        Positions in Å; formal charges as initial charges in e, and masses in amu where isotopes are
        named.
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
    atoms = Atoms(symbols, positions)
    charges, isotopes = _charges_and_isotopes(path, lines, first_atom, n_atoms, n_bonds, stop)
    if any(charges):
        atoms.set_initial_charges(charges)
    if any(isotopes):
        atoms.set_masses([_mass(*each) for each in zip(atoms.numbers, isotopes, strict=True)])
    return atoms, bonds[np.lexsort(bonds.T[::-1])]


def _charges_and_isotopes(
    path: str | Path, lines: list[str], first_atom: int, n_atoms: int, n_bonds: int, stop: int
) -> tuple[list[int], list[int]]:
    """Formal charges, and mass numbers where they are named, else 0.

    Properties, which follow the bonds, replace all that the lines of atoms say of the same.
    """
    charges, isotopes = [0] * n_atoms, [0] * n_atoms
    first_property = first_atom + n_atoms + n_bonds
    ends = (k for k in range(first_property, stop) if lines[k].startswith("M  END"))
    stop = next(ends, stop)
    kinds = {line[:6] for line in lines[first_property:stop]}
    for k in range(n_atoms):
        line = first_atom + k
        difference, code = (
            _number(path, lines, line, *columns) if lines[line][slice(*columns)].strip() else 0
            for columns in ((34, 36), (36, 39))
        )
        if code not in _CHARGES:
            raise StructureError(f"{path}: line {line + 1} holds no code of a charge: {code}")
        if not kinds & {"M  CHG", "M  RAD"}:
            charges[k] = _CHARGES[code]
        if difference and "M  ISO" not in kinds:
            element = atomic_numbers[lines[line][31:34].strip()]
            isotopes[k] = round(atomic_masses[element]) + difference
    for line in range(first_property, stop):
        values = {"M  CHG": charges, "M  ISO": isotopes}.get(lines[line][:6])
        if values is None:
            continue
        for entry in range(_number(path, lines, line, 6, 9)):
            column = 9 + 8 * entry
            atom = _number(path, lines, line, column, column + 4)
            if not 1 <= atom <= n_atoms:
                raise StructureError(
                    f"{path}: line {line + 1} names atom {atom}, and there are {n_atoms}"
                )
            values[atom - 1] = _number(path, lines, line, column + 4, column + 8)
    for k, isotope in enumerate(isotopes):
        symbol = lines[first_atom + k][31:34].strip()
        if isotope and isotope < atomic_numbers[symbol]:
            raise StructureError(
                f"{path}: atom {k + 1} is an isotope of {symbol} of mass number {isotope}, which "
                "there is not"
            )
    return charges, isotopes


def _mass(atomic_number: int, mass_number: int) -> float:
    """In amu; the usual one where no isotope is named."""
    if not mass_number:
        return float(atomic_masses[atomic_number])
    return _HYDROGENS.get(mass_number, mass_number) if atomic_number == 1 else mass_number


def _number(path: str | Path, lines: list[str], line: int, begin: int, end: int) -> int:
    """The integer in these columns, which touch where numbers have three digits."""
    try:
        return int(lines[line][begin:end])
    except ValueError as error:
        raise StructureError(
            f"{path}: line {line + 1} holds no number in columns {begin + 1} to {end}"
        ) from error
