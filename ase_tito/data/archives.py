"""Arrays of ``.npz`` archives, or one line on what is wrong with the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ase_tito.errors import DataError
from ase_tito.npzfile import opened_npz


def read_archive(
    path: Path, required: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, NDArray[Any]]:
    """Read some arrays by name; the others are not looked at.

    Raises
    ------
    DataError
        For a file that is missing, damaged, or lacks what is required.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    with opened_npz(
        path, lambda error: DataError(f"{path}: not a readable .npz archive ({error})")
    ) as archive:
        missing = [name for name in required if name not in archive]
        if missing:
            raise DataError(f"{path}: lacks {', '.join(missing)}")
        wanted = [*required, *(name for name in optional if name in archive)]
        return {name: archive[name] for name in wanted}
