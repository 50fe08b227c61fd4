"""What a dataset holds of one molecule: its graph and its runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph


@dataclass(frozen=True, eq=False)
class Run:
    """One simulation of a molecule: evenly spaced frames at one temperature.

    Parameters
    ----------
    name : str
        Unique within its molecule.
    positions : ndarray of float32, shape (T, n, 3)
        In Å, each frame centred on its mean position. May be a view of a memory map.
    frame_spacing_ps : float
    temperature_K : float
    energies : ndarray of float64, shape (T,), optional
        Potential energies in eV.
    time_ordered : bool
        False where the frames are equilibrium samples that are no dynamics, as replica exchange
        leaves them at one temperature: no lagged pairs are drawn from these.
    attributes : mapping
        Whatever else is known (seed, start, …), as JSON values.
    weights : ndarray of float64, shape (T,), optional
        Of equilibrium samples of unequal weight, which are no dynamics.

    Raises
    ------
    DataError
        For arrays of wrong shapes or types, and times or temperatures that are not positive.
    """

    name: str
    positions: NDArray[np.float32]
    frame_spacing_ps: float
    temperature_K: float
    energies: NDArray[np.float64] | None = None
    time_ordered: bool = True
    attributes: Mapping[str, Any] = field(default_factory=dict)
    weights: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        check_name("run", self.name)
        x = self.positions
        if x.ndim != 3 or x.shape[2] != 3 or not len(x) or x.dtype != np.float32:
            raise DataError(
                f"run {self.name}: positions must be float32 of shape (frames, atoms, 3), not"
                f" {x.dtype} of shape {x.shape}"
            )
        check_positive(f"run {self.name}", self.frame_spacing_ps, self.temperature_K)
        if self.energies is not None and self.energies.shape != (len(x),):
            raise DataError(
                f"run {self.name}: there are energies of shape {self.energies.shape} for"
                f" {len(x)} frames"
            )
        if self.weights is not None:
            check_weights(f"run {self.name}", self.weights, len(x))
            if self.time_ordered:
                raise DataError(
                    f"run {self.name}: frames of unequal weight are no dynamics, set time_ordered"
                    " to False"
                )

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def duration_ps(self) -> float:
        """Time from the first frame to the last."""
        return self.frame_spacing_ps * (len(self) - 1)


@dataclass(frozen=True, eq=False)
class MoleculeRecord:
    """A molecule and all its runs.

    Parameters
    ----------
    name : str
        Unique within its dataset; made from SMILES or a sequence, without slashes.
    graph : MolecularGraph
    runs : tuple of Run
        At least one; all with the graph's order of atoms.
    smiles : str
        Empty where it is not known.
    force_field : str
    attributes : mapping
        Whatever else is known, as JSON values.

    Raises
    ------
    DataError
        For runs of other atoms than the graph's, or of equal names.
    """

    name: str
    graph: MolecularGraph
    runs: tuple[Run, ...]
    smiles: str = ""
    force_field: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name("molecule", self.name)
        object.__setattr__(self, "runs", tuple(self.runs))
        if not self.runs:
            raise DataError(f"molecule {self.name} has no runs")
        names = [run.name for run in self.runs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"molecule {self.name} has several runs named {twice[0]}")
        for run in self.runs:
            if run.positions.shape[1] != self.graph.n_atoms:
                raise DataError(
                    f"molecule {self.name}, run {run.name}: frames of {run.positions.shape[1]}"
                    f" atoms, where the molecule has {self.graph.n_atoms}"
                )


def check_name(kind: str, name: str) -> None:
    """Refuse what cannot name an HDF5 group and a file alike."""
    if not name or "/" in name or name.startswith(".") or not name.isprintable():
        raise DataError(
            f"{name!r} cannot be the name of a {kind}: it must be printable, without slashes and"
            " without a dot in front"
        )


def check_positive(where: str, frame_spacing_ps: float, temperature_K: float) -> None:
    """Refuse times and temperatures that are not positive."""
    for key, value, unit in (
        ("frame_spacing_ps", frame_spacing_ps, "ps"),
        ("temperature_K", temperature_K, "K"),
    ):
        if not (np.isfinite(value) and value > 0):
            raise DataError(f"{where}: {key} is {value} {unit}, it must be positive")


def check_weights(where: str, weights: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """Refuse weights that are not a finite one from zero on for each frame, or all zero."""
    if weights.shape != (frames,) or not np.isfinite(weights).all() or (weights < 0).any():
        raise DataError(
            f"{where}: weights must be a finite one, from zero on, for each of {frames} frames"
        )
    if not weights.any():
        raise DataError(f"{where}: all weights are zero")
    return weights
