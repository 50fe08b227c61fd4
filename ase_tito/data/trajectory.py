"""One molecule's MD trajectory, and its file format."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from ase import units
from numpy.typing import NDArray

from ase_tito.data.archives import read_archive
from ase_tito.data.records import check_positive, check_weights
from ase_tito.errors import DataError, TITOError
from ase_tito.graph import MolecularGraph
from ase_tito.perception import build_graph

ENERGY_UNITS = {"eV": 1.0, "kJ/mol": units.kJ / units.mol, "kcal/mol": units.kcal / units.mol}
"""In eV."""

_REQUIRED = ("positions", "atomic_numbers", "bonds", "frame_spacing_ps", "temperature_K")


@dataclass(frozen=True, eq=False)
class MolecularTrajectory:
    """Evenly spaced frames of one molecule.

    Attributes
    ----------
    name : str
    graph : MolecularGraph
    positions : ndarray of float32, shape (T, n, 3)
        In Å, each frame centred on its mean position. May be a view of a memory map.
    frame_spacing_ps : float
    temperature_K : float
    energies : ndarray of float64, shape (T,), optional
        Potential energies in eV.
    weights : ndarray of float64, shape (T,), optional
        Of frames that are equilibrium samples of unequal weight, and no dynamics.
    """

    name: str
    graph: MolecularGraph
    positions: NDArray[np.float32]
    frame_spacing_ps: float
    temperature_K: float
    energies: NDArray[np.float64] | None = None
    weights: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def split(self, fraction: float) -> tuple[MolecularTrajectory, MolecularTrajectory]:
        """The beginning and the last `fraction` of the frames, as two trajectories."""
        cut = len(self) - round(fraction * len(self))
        return self._part(slice(cut)), self._part(slice(cut, None))

    def _part(self, part: slice) -> MolecularTrajectory:
        return replace(
            self,
            positions=self.positions[part],
            energies=None if self.energies is None else self.energies[part],
            weights=None if self.weights is None else self.weights[part],
        )


def read_npz(path: str | os.PathLike[str], energy_unit: str | None = None) -> MolecularTrajectory:
    """Read a trajectory from an ``.npz`` file.

    It holds ``positions`` (T, n, 3) in Å, ``atomic_numbers`` (n,), ``bonds`` (m, 2),
    ``frame_spacing_ps`` and ``temperature_K``, and ``weights`` (T,) where frames are weighted
    equilibrium samples. Stereochemistry is read from the first frame.

    Parameters
    ----------
    path : path
    energy_unit : {'eV', 'kJ/mol', 'kcal/mol'}, optional
        Unit of ``energies`` (T,), which are read only if it is given: the file does not say it.

    Raises
    ------
    DataError
        Naming the file and what is missing, inconsistent or not finite.
    """
    path = Path(path)
    if energy_unit is not None and energy_unit not in ENERGY_UNITS:
        raise DataError(f"energies are in {' or '.join(ENERGY_UNITS)}, not in {energy_unit!r}")
    required = (*_REQUIRED, "energies") if energy_unit else _REQUIRED
    values = read_archive(path, required, ("weights",))
    for key, array in values.items():
        if array.dtype.kind not in "iuf":
            raise DataError(f"{path}: {key} must be real numbers, not {array.dtype}")
    for key in ("frame_spacing_ps", "temperature_K"):
        if values[key].size != 1:
            raise DataError(f"{path}: {key} must be one number, not {values[key].size}")
    positions, numbers = values["positions"], np.atleast_1d(values["atomic_numbers"])
    if positions.ndim != 3 or positions.shape[1:] != (len(numbers), 3) or not len(positions):
        raise DataError(
            f"{path}: positions have shape {positions.shape}, expected (frames, {len(numbers)}, 3)"
        )
    finite = np.isfinite(positions).all(axis=(1, 2))
    if not finite.all():
        raise DataError(
            f"{path}: frame {int(np.argmin(finite))} holds positions that are not finite"
        )
    spacing, temperature = (values[k].item() for k in ("frame_spacing_ps", "temperature_K"))
    check_positive(str(path), spacing, temperature)
    try:
        graph = build_graph(numbers, positions[0].astype(np.float64), values["bonds"])
    except TITOError as error:
        raise DataError(f"{path}: {error}") from error
    centred = positions - positions.mean(axis=1, keepdims=True, dtype=np.float64)
    energies = None
    if energy_unit:
        energies = values["energies"].astype(np.float64) * ENERGY_UNITS[energy_unit]
        if energies.shape != (len(positions),) or not np.isfinite(energies).all():
            raise DataError(f"{path}: energies must be a finite one for each of its frames")
    weights = values.get("weights")
    if weights is not None:
        weights = check_weights(str(path), weights.astype(np.float64), len(positions))
    return MolecularTrajectory(
        path.stem, graph, centred.astype(np.float32), spacing, temperature, energies, weights
    )
