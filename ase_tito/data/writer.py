"""Writing a dataset file, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ase_tito.data.layout import FORMAT, FORMAT_VERSION, GRAPH_ARRAYS, encode_attributes
from ase_tito.data.records import MoleculeRecord, Run, check_name
from ase_tito.errors import DataError, OutputError

_OFF_CENTRE = 1e-4
"""Å; frames whose mean is no farther from the origin are written as they are."""

_CHUNK = 10_000
"""Frames that are in memory at once."""


class DatasetWriter:
    """Writes a new dataset, as a context manager.

    The file is written beside its place and moved there when the block ends without an error;
    otherwise nothing remains of it.

    Parameters
    ----------
    path : path
        Must not exist.
    attributes : mapping
        Of the whole dataset (description, force field, …), as JSON values.

    Raises
    ------
    OutputError
        If the file exists, or cannot be written.
    """

    def __init__(
        self, path: str | os.PathLike[str], attributes: Mapping[str, Any] | None = None
    ) -> None:
        self.path = Path(path)
        self._absolute = Path(os.path.abspath(path))  # also if the process changes directories
        self._partial = self._absolute.with_name(self.path.name + ".partial")
        self._attributes = encode_attributes(str(path), attributes or {})
        self._splits: dict[str, tuple[str, ...]] = {}
        self._names: set[str] = set()
        self._file: h5py.File | None = None
        if self.path.exists():
            raise OutputError(f"{self.path} exists: remove it, or choose another output")
        if not self.path.parent.is_dir():
            raise OutputError(f"{self.path.parent}: no such directory")

    def __enter__(self) -> DatasetWriter:
        try:  # aligned, so that memory maps of positions are
            self._file = h5py.File(
                self._partial, "w", alignment_threshold=1024, alignment_interval=64
            )
        except OSError as error:
            raise OutputError(f"{self._partial}: cannot be written ({error})") from error
        self._file.attrs.update(self._attributes)
        self._file.attrs.update(format=FORMAT, format_version=FORMAT_VERSION)
        self._file.create_group("molecules")
        self._file.create_group("splits")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        finished = False
        try:
            if kind is None:
                self._write_splits(self._open())
                finished = True
        finally:
            self._open().close()
            self._file = None
            if not finished:
                self._partial.unlink()
        if finished:
            with self._partial.open("rb+") as written:
                os.fsync(written.fileno())
            self._partial.replace(self._absolute)

    def add(self, record: MoleculeRecord) -> None:
        """Write a molecule.

        Frames that are not centred are centred on the way.

        Raises
        ------
        DataError
            For a name that is taken, and for positions or energies that are not finite.
        """
        file = self._open()
        if record.name in self._names:
            raise DataError(f"{self.path}: there is a molecule {record.name} already")
        group = file["molecules"].create_group(record.name)
        try:
            group.attrs.update(encode_attributes(record.name, record.attributes))
            group.attrs.update(smiles=record.smiles, force_field=record.force_field)
            for key in GRAPH_ARRAYS:
                group.create_dataset(key, data=getattr(record.graph, key))
            runs = group.create_group("runs")
            for run in record.runs:
                _write_run(runs.create_group(run.name), f"{record.name}, run {run.name}", run)
        except BaseException:
            del file["molecules"][record.name]
            raise
        self._names.add(record.name)

    def set_split(self, name: str, names: Iterable[str]) -> None:
        """Say which molecules form a split; they are checked when the file is finished.

        Parameters
        ----------
        name : str
            train, validation, test, …
        names : iterable of str
            Of molecules that were or will be added, and are in no other split.
        """
        check_name("split", name)
        self._splits[name] = tuple(names)

    def _open(self) -> h5py.File:
        if self._file is None:
            raise OutputError(f"{self.path}: a DatasetWriter is used within a 'with' block")
        return self._file

    def _write_splits(self, file: h5py.File) -> None:
        check_splits(str(self.path), self._splits, self._names)
        for name, names in self._splits.items():
            file["splits"].create_dataset(name, data=list(names), dtype=h5py.string_dtype())


def check_splits(where: str, splits: Mapping[str, tuple[str, ...]], names: Iterable[str]) -> None:
    """Refuse splits that overlap or name unknown molecules.

    Raises
    ------
    DataError
    """
    known = set(names)
    taken: dict[str, str] = {}
    for split, members in splits.items():
        for name in members:
            if name not in known:
                raise DataError(f"{where}: split {split} names an unknown molecule, {name}")
            if name in taken:
                raise DataError(
                    f"{where}: molecule {name} is in split {split} twice"
                    if taken[name] == split
                    else f"{where}: molecule {name} is in both splits {taken[name]} and {split}"
                )
            taken[name] = split


def _write_run(group: h5py.Group, where: str, run: Run) -> None:
    group.attrs.update(encode_attributes(where, run.attributes))
    group.attrs.update(
        frame_spacing_ps=float(run.frame_spacing_ps),
        temperature_K=float(run.temperature_K),
        time_ordered=bool(run.time_ordered),
    )
    written = group.create_dataset("positions", run.positions.shape, "<f4")
    for start in range(0, len(run), _CHUNK):
        chunk = np.asarray(run.positions[start : start + _CHUNK])
        check_finite(where, chunk, start)
        written[start : start + len(chunk)] = _centred(chunk)
    if run.energies is not None:
        if not np.isfinite(run.energies).all():
            frame = int(np.argmin(np.isfinite(run.energies)))
            raise DataError(f"{where}: the energy of frame {frame} is not finite")
        group.create_dataset("energies", data=np.asarray(run.energies, "<f8"))
    if run.weights is not None:
        group.create_dataset("weights", data=np.asarray(run.weights, "<f8"))


def check_finite(where: str, positions: NDArray[np.float32], start: int = 0) -> None:
    """Refuse positions (T, n, 3) that are not finite, naming the frame, counted from `start`."""
    finite = np.isfinite(positions).all(axis=(1, 2))
    if not finite.all():
        raise DataError(
            f"{where}: frame {start + int(np.argmin(finite))} holds positions that are not finite"
        )


def _centred(positions: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = positions.mean(axis=1, keepdims=True, dtype=np.float64)
    off = (np.abs(mean) > _OFF_CENTRE).any(axis=(1, 2))
    if not off.any():  # bit by bit what was read, so that copies of datasets are exact
        return positions
    centred = positions.copy()
    centred[off] = positions[off] - mean[off]
    return centred
