"""XYZ files, before ASE reads them: it believes whatever number of atoms they announce."""

from __future__ import annotations

from pathlib import Path

from ase_tito.errors import StructureError

_SHORTEST_LINE = 2
"""Bytes: one letter and the end of the line."""


def check_announced_atoms(path: Path) -> None:
    """Refuse an (extended) XYZ file in which a frame announces more atoms than the file can hold.

    Takes time in proportion to the size of the file, not to what it announces. What else may be
    wrong is left to whoever reads it.

    Raises
    ------
    StructureError
        Naming the frame; the path is the caller's to add.
    """
    left, frame = path.stat().st_size, 0
    with path.open("rb") as file:
        while line := file.readline():
            left -= len(line)
            if line.lstrip().startswith(b"VEC"):  # of a cell, as ASE reads them
                continue
            try:
                announced = int(line)
            except ValueError:
                return
            if announced * _SHORTEST_LINE > left + 1:  # the last line may lack its end
                raise StructureError(
                    f"frame {frame} announces {announced} atoms, and {left} bytes follow: it is cut"
                    " off, or the number is wrong"
                )
            left -= sum(len(file.readline()) for _ in range(announced + 1))
            frame += 1
