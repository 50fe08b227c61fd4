"""The molecules that a model is judged by: those of a dataset's split, or of files."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.files import Topology, open_trajectory
from ase_tito.analysis.files.spacing import frame_spacing
from ase_tito.data.dataset import Dataset
from ase_tito.data.readers import detect_format
from ase_tito.data.readers.source import refuse_superfluous
from ase_tito.data.records import MoleculeRecord, Run
from ase_tito.data.trajectory import MolecularTrajectory, read_npz
from ase_tito.errors import DataError
from ase_tito.evaluation.reference import Reference
from ase_tito.graph import MolecularGraph
from ase_tito.prostereo import with_sides_of

CHUNK = 20_000
"""Frames whose equal atoms are looked at together."""

EVERY = "all"
"""In place of a split's name: every molecule of the dataset."""

DATASET_SUFFIXES = (".h5", ".hdf5")


@dataclass(frozen=True, eq=False)
class MoleculeReference:
    """The MD of one molecule.

    Attributes
    ----------
    name : str
    equilibrium : Reference
        Runs that thermodynamic figures are taken from: those that are no dynamics (replica
        exchange at one temperature) where there are any, for they mix best.
    dynamics : Reference or None
        The time-ordered runs, for kinetic figures; None where there is none.
    smiles, force_field : str
        Empty where they are not known.
    """

    name: str
    equilibrium: Reference
    dynamics: Reference | None
    smiles: str = ""
    force_field: str = ""

    @property
    def ordered(self) -> bool:
        """Whether the equilibrium runs are dynamics themselves."""
        return self.equilibrium is self.dynamics


@dataclass(frozen=True, eq=False)
class ReferenceSet:
    """Molecules that are read one by one.

    Attributes
    ----------
    description : str
        Where they come from, for people.
    names : tuple of str
    load : callable
        Name to `MoleculeReference`.
    """

    description: str
    names: tuple[str, ...]
    load: Callable[[str], MoleculeReference]

    def only(self, names: Sequence[str]) -> ReferenceSet:
        """Some of the molecules, in the set's order.

        Raises
        ------
        DataError
            For a name that is not among them.
        """
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise DataError(f"{self.description}: there is no molecule {', '.join(unknown)}")
        return ReferenceSet(
            self.description, tuple(n for n in self.names if n in set(names)), self.load
        )


def open_references(
    paths: Sequence[str | os.PathLike[str]],
    *,
    split: str | None = None,
    temperature_K: float | None = None,
    topology: Topology | None = None,
    frame_spacing_ps: float | None = None,
) -> ReferenceSet:
    """Open a dataset file, or MD runs of one molecule.

    Parameters
    ----------
    paths : sequence of path
        One dataset (``.h5``, ``.hdf5``), or ``.npz`` files and other trajectories of one molecule.
    split : str, optional
        Of the dataset; ``'all'`` takes every molecule. By default ``'test'``.
    temperature_K : float, optional
        Use only runs at this temperature. Needed for files that do not say theirs.
    topology : Topology, optional
        Elements and bonds of trajectory files that have none.
    frame_spacing_ps : float, optional
        Of trajectory files that do not say it.

    Raises
    ------
    DataError
        For files that cannot be read or say another temperature or spacing than the one given, a
        split that is not there (naming those that are), a split of anything but a dataset, and a
        topology or spacing that would be ignored.
    """
    files = [Path(path) for path in paths]
    if len(files) == 1 and _is_dataset(files[0], topology):
        with Dataset(files[0]) as dataset:
            refuse_superfluous(files[0], topology=topology, frame_spacing_ps=frame_spacing_ps)
            split = split or "test"
            names = dataset.names if split == EVERY else dataset.members(split)
        if not names:
            raise DataError(f"{files[0]}: split {split} holds no molecule")
        label = files[0].name if split == EVERY else f"split {split} of {files[0].name}"
        return ReferenceSet(label, names, partial(_from_dataset, files[0], temperature_K))
    if split is not None:
        raise DataError(
            f"{files[0]} is no dataset (.h5), and only a dataset has splits: leave {split!r} out"
        )
    if all(path.suffix == ".npz" for path in files):
        refuse_superfluous(files[0], topology=topology)
    runs = [_from_file(path, topology, frame_spacing_ps, temperature_K) for path in files]
    reference = Reference(_named_alike(Reference(runs).runs))
    name = files[0].stem if len(files) == 1 else files[0].resolve().parent.name
    loaded = MoleculeReference(name, reference, reference)
    label = ", ".join(path.name for path in files)
    return ReferenceSet(label, (name,), lambda _: loaded)


def reference_of_record(
    record: MoleculeRecord, temperature_K: float | None = None
) -> MoleculeReference:
    """A molecule of a dataset as a reference, with its runs at one temperature.

    Runs whose frames are of unequal weight are left out where there are others.

    Raises
    ------
    DataError
        If there is no run at this temperature, none is given and there are several, or all frames
        are of unequal weight.
    """
    present = sorted({run.temperature_K for run in record.runs})
    if temperature_K is None and len(present) > 1:
        listed = ", ".join(f"{value:g}" for value in present)
        raise DataError(f"{record.name} has runs at {listed} K: say which temperature to use")
    runs = [run for run in record.runs if temperature_K in (None, run.temperature_K)]
    if not runs:
        raise DataError(f"{record.name} has no run at {temperature_K:g} K")
    runs = [run for run in runs if run.weights is None] or runs
    named = _named_alike([_trajectory(record, run) for run in runs])
    ordered = [each for each, run in zip(named, runs, strict=True) if run.time_ordered]
    exchanged = [each for each, run in zip(named, runs, strict=True) if not run.time_ordered]
    dynamics = Reference(ordered) if ordered else None
    equilibrium = Reference(exchanged) if exchanged or dynamics is None else dynamics
    return MoleculeReference(record.name, equilibrium, dynamics, record.smiles, record.force_field)


def _is_dataset(path: Path, topology: Topology | None) -> bool:
    """By its name; where there is a topology by its content, for mdtraj has files of that name."""
    if path.suffix not in DATASET_SUFFIXES:
        return False
    return topology is None or detect_format(path) == "dataset"


def _trajectory(record: MoleculeRecord, run: Run) -> MolecularTrajectory:
    return MolecularTrajectory(
        f"{record.name}/{run.name}",
        record.graph,
        run.positions,
        run.frame_spacing_ps,
        run.temperature_K,
        run.energies,
        run.weights,
    )


def _named_alike(runs: Sequence[MolecularTrajectory]) -> list[MolecularTrajectory]:
    """Runs with equal atoms named as in the first, from whatever conformers they were started.

    Else each way to name the hydrogens of a CH₂ would pass for a state that the others never see.
    """
    first = runs[0].positions[0]
    return [replace(run, positions=_named(first, run.positions, run.graph)) for run in runs]


def _named(
    first: NDArray[np.float32], positions: NDArray[np.float32], graph: MolecularGraph
) -> NDArray[np.float32]:
    """Frames (T, n, 3), which may be mapped from a file, and stay so if nothing is exchanged."""
    named = positions
    for start in range(0, len(positions), CHUNK):
        chunk = positions[start : start + CHUNK]
        alike = with_sides_of(first, chunk, graph)
        if alike is not chunk:
            if named is positions:
                named = np.array(positions)
            named[start : start + CHUNK] = alike
    return named


def _from_dataset(path: Path, temperature_K: float | None, name: str) -> MoleculeReference:
    with Dataset(path) as dataset:  # the runs' memory map outlives it
        return reference_of_record(dataset.molecule(name), temperature_K)


def _from_file(
    path: Path,
    topology: Topology | None,
    frame_spacing_ps: float | None,
    temperature_K: float | None,
) -> MolecularTrajectory:
    if path.suffix == ".npz":
        trajectory = read_npz(path)
        frame_spacing(path, trajectory.frame_spacing_ps, frame_spacing_ps)
        _temperature(path, trajectory.temperature_K, temperature_K)
        return trajectory
    source = open_trajectory(path, topology=topology, frame_spacing_ps=frame_spacing_ps)
    temperature = _temperature(path, source.description.get("temperature_K"), temperature_K)
    frames = source.frames()
    frames -= frames.mean(1, keepdims=True)
    return MolecularTrajectory(
        path.stem, source.graph(), frames, source.frame_spacing_ps, temperature
    )


def _temperature(path: Path, found_K: float | None, asked_K: float | None) -> float:
    """The temperature that file and user agree on; DataError if there is none."""
    if found_K is None and asked_K is None:
        raise DataError(f"{path} does not say its temperature: give it")
    if found_K is not None and asked_K is not None and found_K != asked_K:
        raise DataError(f"{path}: the file says {found_K:g} K, not {asked_K:g} K")
    return float(found_K if asked_K is None else asked_K)  # type: ignore[arg-type]
