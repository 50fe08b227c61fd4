"""XTC and DCD for `ase.io`, read and written by mdtraj; elements are in a file beside them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.cell import Cell
from numpy.typing import NDArray

from ase_tito.errors import DataError, OutputError
from ase_tito.sidecar import read_sidecar, read_topology_atoms, write_sidecar

TIME_KEY = "tito_time_ps"
"""Entry of ``atoms.info`` with the time of a frame, as runs of this package write it."""

_CHUNK = 500
_NM = 10.0  # Å


def read_xtc(
    filename: str | os.PathLike[str],
    index: slice = slice(-1, None),
    topology: str | os.PathLike[str] | Atoms | None = None,
) -> Iterator[Atoms]:
    """Frames of a GROMACS XTC file; called by `ase.io.read` and `ase.io.iread`.

    Positions are rounded in this format, by default to 0.01 Å. The time of a frame in ps is in
    ``atoms.info['tito_time_ps']``.

    Parameters
    ----------
    filename : path
    index : slice
        Frames that are skipped are not read.
    topology : path or Atoms, optional
        Elements and names, in this order of atoms; by default ``FILENAME.pdb``, which `write_xtc`
        makes.

    Raises
    ------
    StructureError
        Without a topology.
    DataError
        For damaged files, and a topology of another number of atoms.
    """
    from mdtraj.formats import XTCTrajectoryFile

    def images(file: Any, count: int) -> Iterator[tuple[Any, float | None, Cell | None]]:
        xyz, times, _, boxes = file.read(count)  # no boxes where all are zero
        for k, x in enumerate(xyz.astype(np.float64)):
            cell = None if boxes is None else Cell(_NM * boxes[k].astype(np.float64))
            yield _NM * x, float(times[k]), cell

    return _read(filename, index, topology, XTCTrajectoryFile, images, _is_numbered)


def write_xtc(
    filename: str | os.PathLike[str],
    images: Sequence[Atoms],
    append: bool = False,
    frame_spacing_ps: float | None = None,
) -> None:
    """Write frames of one molecule, and its elements and names to ``FILENAME.pdb``.

    Parameters
    ----------
    filename : path
    images : sequence of Atoms
        Times are taken from ``info['tito_time_ps']``, where all frames have it; else frames are
        numbered.
    append : bool
        Add to an existing file of the same atoms, with times if its frames have some, else without.
    frame_spacing_ps : float, optional
        Time between frames, in place of what they say.

    Raises
    ------
    OutputError
        For frames of different atoms or with positions that are not finite, for some with and some
        without times, and files that cannot be written; an existing one is left as it was then.
    """
    from mdtraj.formats import XTCTrajectoryFile

    path = Path(filename)
    _check_frames(path, images)
    known = frame_spacing_ps is not None or all(TIME_KEY in atoms.info for atoms in images)
    before = 0
    if append and path.is_file():
        if not np.array_equal(read_sidecar(path).numbers, images[0].numbers):
            raise OutputError(f"cannot append to {path}: it holds other atoms")
        with XTCTrajectoryFile(str(path)) as file:
            before = len(file)
            if _is_numbered(file) == known:
                raise OutputError(
                    f"cannot append to {path}: its frames have no times, and these have; write "
                    "them to another file"
                    if known
                    else f"cannot append to {path}: its frames have times, and these have none; "
                    f"give each its info[{TIME_KEY!r}], or pass frame_spacing_ps"
                )
    numbers = before + np.arange(len(images))
    times = numbers.astype(np.float64)
    if frame_spacing_ps is not None:
        times *= frame_spacing_ps
    elif known:
        times = np.array([float(atoms.info[TIME_KEY]) for atoms in images])
    boxes = np.array([atoms.cell.array * atoms.pbc.any() for atoms in images]) / _NM
    xyz = np.array([atoms.positions for atoms in images]) / _NM

    def write(partial: Path) -> None:
        with XTCTrajectoryFile(str(partial), "w") as file:
            file.write(
                xyz.astype(np.float32),
                times.astype(np.float32),
                (numbers + known).astype(np.int32),  # see _is_numbered
                boxes.astype(np.float32),
            )

    _replace(path, write, before_it=path if before else None)
    if not before:
        write_sidecar(path, images[0])


def read_dcd(
    filename: str | os.PathLike[str],
    index: slice = slice(-1, None),
    topology: str | os.PathLike[str] | Atoms | None = None,
) -> Iterator[Atoms]:
    """Frames of a CHARMM or NAMD DCD file, which holds no times; else as `read_xtc`.

    The suffix belongs to CP2K's files in ASE: pass ``format='dcd'``.
    """
    from mdtraj.formats import DCDTrajectoryFile

    def images(file: Any, count: int) -> Iterator[tuple[Any, float | None, Cell | None]]:
        xyz, lengths, angles = file.read(count)
        for k, x in enumerate(xyz):
            there = lengths is not None and np.all(lengths[k] > 0)
            cell = Cell.new([*lengths[k], *angles[k]]) if there else None
            yield x.astype(np.float64), None, cell

    return _read(filename, index, topology, DCDTrajectoryFile, images, lambda file: True)


def write_dcd(filename: str | os.PathLike[str], images: Sequence[Atoms]) -> None:
    """Write frames of one molecule, and its elements and names to ``FILENAME.pdb``.

    A periodic cell is stored as lengths and angles, hence must lie as ASE's standard form does.

    Raises
    ------
    OutputError
        As `write_xtc`, for cells that lie otherwise, and for frames of which only some are
        periodic.
    """
    from mdtraj.formats import DCDTrajectoryFile

    path = Path(filename)
    _check_frames(path, images)
    periodic = {bool(atoms.pbc.any()) for atoms in images}
    if len(periodic) > 1:
        raise OutputError(f"cannot write {path}: either all frames have a cell in DCD, or none")
    cells: dict[str, NDArray[np.float32]] = {}
    if True in periodic:
        for k, atoms in enumerate(images):
            if not np.allclose(atoms.cell.standard_form()[0].array, atoms.cell.array, atol=1e-4):
                raise OutputError(
                    f"cannot write {path}: the cell of frame {k} is turned, and DCD holds lengths "
                    "and angles only; write .traj or .xtc"
                )
        parameters = np.array([atoms.cell.cellpar() for atoms in images], np.float32)
        cells = {"cell_lengths": parameters[:, :3], "cell_angles": parameters[:, 3:]}

    def write(partial: Path) -> None:
        with DCDTrajectoryFile(str(partial), "w") as file:
            file.write(np.array([atoms.positions for atoms in images], np.float32), **cells)

    _replace(path, write)
    write_sidecar(path, images[0])


def _read(
    filename: str | os.PathLike[str],
    index: slice,
    topology: str | os.PathLike[str] | Atoms | None,
    opened: Callable[[str], Any],
    images: Callable[[Any, int], Iterator[tuple[Any, float | None, Cell | None]]],
    is_numbered: Callable[[Any], bool],
) -> Iterator[Atoms]:
    """Those frames, neighbours in chunks and others one by one."""
    path = Path(filename)
    if topology is None:
        molecule = read_sidecar(path)
    else:
        molecule = topology if isinstance(topology, Atoms) else read_topology_atoms(topology)
    frame = 0
    try:
        with opened(str(path)) as file:
            wanted = range(len(file))[index]
            size = _CHUNK if wanted.step == 1 else 1
            numbered = is_numbered(file)
            for first in range(0, len(wanted), size):
                frame, count = wanted[first], min(size, len(wanted) - first)
                file.seek(frame)
                for x, time_ps, cell in images(file, count):
                    if len(x) != len(molecule):
                        raise DataError(
                            f"{path}: the topology has {len(molecule)} atoms and the trajectory "
                            f"{len(x)}: it is another molecule's, or lacks atoms"
                        )
                    yield _frame(molecule, x, None if numbered else time_ps, cell)
                    frame += 1
    except DataError:
        raise
    except Exception as error:  # mdtraj's readers raise whatever occurs to them
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: frame {frame} cannot be read ({reason})") from error


def _is_numbered(file: Any) -> bool:
    """Whether an open XTC file, at its start, has numbers 0, 1, ... for times that nobody knows.

    Its steps are then the same numbers, as other programs write them too. Beside times that are
    known `write_xtc` counts steps from 1, so that 0, 1, 2 ps are told from numbers.
    """
    _, times, steps, _ = file.read(2)
    numbers = list(range(len(times)))
    return bool(times.tolist() == numbers and steps.tolist() == numbers)


def _frame(molecule: Atoms, x: Any, time_ps: float | None, cell: Cell | None) -> Atoms:
    atoms = Atoms(molecule.numbers, x)
    for name in set(molecule.arrays) - set(atoms.arrays):
        atoms.set_array(name, molecule.arrays[name])
    if cell is not None and cell.volume > 0:
        atoms.cell, atoms.pbc = cell, True
    if time_ps is not None:
        atoms.info[TIME_KEY] = time_ps
    return atoms


def _check_frames(path: Path, images: Sequence[Atoms]) -> None:
    if not len(images) or not len(images[0]):
        raise OutputError(f"cannot write {path}: there are no atoms")
    for k, (atoms, after) in enumerate(pairwise(images), 1):
        if not np.array_equal(atoms.numbers, after.numbers):
            raise OutputError(
                f"cannot write {path}: frame {k} has other atoms than frame {k - 1}, and the "
                "format holds one molecule"
            )
    for k, atoms in enumerate(images):
        if not np.isfinite(atoms.positions).all():
            raise OutputError(f"cannot write {path}: positions of frame {k} are not finite")


def _replace(path: Path, write: Callable[[Path], None], before_it: Path | None = None) -> None:
    """Write beside a file and take its place; what is in `before_it` comes first."""
    partial, added = (path.with_name(f".{path.name}.{name}") for name in ("partial", "added"))
    try:
        if before_it is None:
            write(partial)
        else:  # XTC files are their frames, one after the other
            write(added)
            shutil.copyfile(before_it, partial)
            with partial.open("ab") as whole, added.open("rb") as more:
                shutil.copyfileobj(more, whole)
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error
    finally:
        for rest in (partial, added):
            with suppress(OSError):
                rest.unlink(missing_ok=True)
