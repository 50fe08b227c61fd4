"""Reading dataset files: many molecules, opened at once and read when they are needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ase_tito.data.layout import FORMAT, FORMAT_VERSION, GRAPH_ARRAYS, decode_attributes
from ase_tito.data.records import MoleculeRecord, Run
from ase_tito.data.trajectory import MolecularTrajectory
from ase_tito.data.writer import check_finite, check_splits
from ase_tito.errors import DataError, TITOError
from ase_tito.graph import MolecularGraph

_OWN = ("format", "format_version")


class Dataset:
    """A dataset file, of which nothing is read but its table of contents.

    Positions come as views of one memory map of the file: they cost no memory until they are
    looked at, and they outlive the dataset. Those of a run that is still growing are chunked, and
    read into memory.

    Parameters
    ----------
    path : path
        An HDF5 file in the layout of ``docs/data.md``.

    Attributes
    ----------
    names : tuple of str
        All molecules, sorted.
    splits : dict of str to tuple of str
        Names of molecules by split; disjoint.
    attributes : dict
        What is said of the dataset as a whole.

    Raises
    ------
    DataError
        For a file that is missing, cut off, no dataset, or of a newer format, and for splits that
        overlap or name unknown molecules.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise DataError(f"{self.path}: no such dataset")
        try:
            self._file = h5py.File(self.path, "r")
        except OSError as error:
            raise DataError(
                f"{self.path}: not a readable HDF5 file, or one that is being written ({error})"
            ) from error
        try:
            self._read_contents()
        except BaseException:
            self.close()
            raise

    def _read_contents(self) -> None:
        file = self._file
        stored = decode_attributes(file.attrs)
        if stored.get("format") != FORMAT:
            raise DataError(
                f"{self.path}: an HDF5 file, but no dataset of this package; 'ase-tito data"
                " convert' makes one of other formats"
            )
        if "format_version" not in stored:
            raise DataError(f"{self.path}: damaged (it says no format version)")
        version = stored["format_version"]
        if not isinstance(version, int) or not 1 <= version <= FORMAT_VERSION:
            raise DataError(
                f"{self.path}: has format version {version}, and this version of the package reads"
                f" up to {FORMAT_VERSION}: update the package"
            )
        self.attributes = {key: value for key, value in stored.items() if key not in _OWN}
        with self._readable():
            self.names = tuple(sorted(file["molecules"]))
            self.splits = {
                split: tuple(array.asstr()[:].tolist())
                for split, array in file.get("splits", {}).items()
            }
        check_splits(str(self.path), self.splits, self.names)

    def __enter__(self) -> Dataset:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.names)

    def close(self) -> None:
        """Close the file; records that were read stay usable."""
        self._file.close()

    def molecule(self, name: str) -> MoleculeRecord:
        """Read a molecule: its graph and attributes, and its runs' positions as views.

        Raises
        ------
        DataError
            For an unknown name, and for entries that are missing or inconsistent.
        """
        if name not in self._known:
            raise DataError(f"{self.path}: there is no molecule {name}")
        with self._readable(f", molecule {name}"):
            group = self._file["molecules"][name]
            graph = MolecularGraph(*(_entry(group, key)[()] for key in GRAPH_ARRAYS))
            attributes = decode_attributes(group.attrs)
            return MoleculeRecord(
                name,
                graph,
                tuple(self._run(run, key) for key, run in _entry(group, "runs").items()),
                str(attributes.pop("smiles", "")),
                str(attributes.pop("force_field", "")),
                attributes,
            )

    def records(self, split: str | None = None) -> Iterator[MoleculeRecord]:
        """Read the molecules of a split, or all, one by one."""
        for name in self.members(split):
            yield self.molecule(name)

    def members(self, split: str | None = None) -> tuple[str, ...]:
        """Names of a split's molecules, or all.

        Raises
        ------
        DataError
            For a split that the dataset does not have.
        """
        if split is None:
            return self.names
        if split not in self.splits:
            known = ", ".join(self.splits) or "none"
            raise DataError(f"{self.path}: there is no split {split}; it has {known}")
        return self.splits[split]

    def trajectories(self, split: str | None = None) -> list[MolecularTrajectory]:
        """The time-ordered runs of a split's molecules, or of all; named ``MOLECULE/RUN``."""
        return [
            MolecularTrajectory(
                f"{record.name}/{run.name}",
                record.graph,
                run.positions,
                run.frame_spacing_ps,
                run.temperature_K,
                run.energies,
            )
            for record in self.records(split)
            for run in record.runs
            if run.time_ordered
        ]

    def check(self, name: str) -> None:
        """Read a molecule wholly, and refuse positions or energies that are not finite."""
        for run in self.molecule(name).runs:
            where = f"{self.path}, molecule {name}, run {run.name}"
            check_finite(where, run.positions)
            if run.energies is not None and not np.isfinite(run.energies).all():
                raise DataError(f"{where}: there are energies that are not finite")

    def _run(self, group: h5py.Group, name: str) -> Run:
        attributes = decode_attributes(group.attrs)
        lacking = [k for k in ("frame_spacing_ps", "temperature_K") if k not in attributes]
        if lacking:
            raise DataError(f"run {name} lacks {lacking[0]}")
        return Run(
            name,
            self._positions(_entry(group, "positions")),
            float(attributes.pop("frame_spacing_ps")),
            float(attributes.pop("temperature_K")),
            np.asarray(group["energies"], np.float64) if "energies" in group else None,
            bool(attributes.pop("time_ordered", True)),
            attributes,
            np.asarray(group["weights"], np.float64) if "weights" in group else None,
        )

    def _positions(self, stored: h5py.Dataset) -> NDArray[np.float32]:
        offset = stored.id.get_offset()
        if offset is None or stored.dtype != np.dtype("<f4") or self._file.userblock_size:
            return np.asarray(stored, np.float32)
        end = offset + stored.id.get_storage_size()
        if end > len(self._bytes):
            raise DataError(f"the file ends before the positions {stored.name} do")
        return self._bytes[offset:end].view("<f4").reshape(stored.shape)

    @cached_property
    def _bytes(self) -> NDArray[np.uint8]:
        """The file, mapped once: every map holds a file descriptor."""
        return np.memmap(self.path, np.uint8, "r")

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)

    @contextmanager
    def _readable(self, where: str = "") -> Iterator[None]:
        """Errors of reading, and of what was read, name the file."""
        try:
            yield
        except TITOError as error:
            raise DataError(f"{self.path}{where}: {error}") from error
        except (OSError, KeyError, RuntimeError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{self.path}{where}: damaged ({error})") from error


def _entry(group: h5py.Group, key: str) -> Any:
    if key not in group:
        raise DataError(f"{group.name} lacks {key}")
    return group[key]
