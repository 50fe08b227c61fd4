"""A report as plain numbers: what its pages and figures show, and its JSON holds."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.agreement import Agreement
from ase_tito.analysis.chapman_kolmogorov import ChapmanKolmogorov
from ase_tito.analysis.energies import EnergyDistribution
from ase_tito.analysis.floor import EqualCounts
from ase_tito.analysis.kinetic_floor import KineticFloor
from ase_tito.analysis.memory import TorsionMemory
from ase_tito.analysis.mixing import Mixing
from ase_tito.analysis.report.settings import ReportSettings
from ase_tito.analysis.timescales import TimescaleScan
from ase_tito.analysis.trust import TrustReport
from ase_tito.analysis.vamp import VampGap

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """One side's data."""

    label: str
    files: tuple[str, ...]
    frames_per_file: tuple[int, ...]
    frames: int
    frame_spacing_ps: float
    time_ns: float
    skipped_frames: int
    made_by: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Surface:
    """Free energy of two coordinates in kT on one grid; either side may be None."""

    name: str
    x_label: str
    y_label: str
    x_edges: Array
    y_edges: Array
    reference: Array | None
    model: Array
    agreement: dict[str, Agreement]


@dataclass(frozen=True, eq=False)
class Curve:
    """Free-energy profile of one coordinate in kT with bootstrap intervals, and its moments."""

    name: str
    label: str
    coordinate: Array
    reference: Array | None
    reference_low: Array | None
    reference_high: Array | None
    model: Array
    model_low: Array
    model_high: Array
    reference_mean: float | None
    reference_std: float | None
    model_mean: float
    model_std: float
    agreement: Agreement | None


@dataclass(frozen=True)
class GeometryCounts:
    """Bad frames of one side."""

    frames: int
    counts: dict[str, int]
    invalid: int
    first_frames: dict[str, tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Energies:
    """Potential energies of either side in kJ/mol."""

    edges: Array
    reference: Array | None
    model: Array
    reference_distribution: EnergyDistribution | None
    model_distribution: EnergyDistribution
    median_shift: tuple[float, float, float] | None
    agreement: Agreement | None


@dataclass(frozen=True, eq=False)
class Populations:
    """Share of the frames in each metastable set, and passage times in ps, with intervals.

    Attributes
    ----------
    shares : array, shape (k, 3)
        Estimate, low, high.
    passage_ps : array, shape (k, k, 3), or None
    """

    shares: Array
    passage_ps: Array | None


@dataclass(frozen=True, eq=False)
class CountedRelaxation:
    """Where one side's frames are after a start, beside what the Markov model expects.

    Attributes
    ----------
    frames : array of int, shape (L,)
        Behind the density at each lag.
    density, low, high : array, shape (L, bins)
        Per unit of the coordinate, with its interval; no interval for single jumps.
    jsd : array, shape (L,)
        From the Markov model's density.
    floor : array, shape (L, 3)
        Mean, low and high of it for as many independent frames of that density.
    """

    frames: NDArray[np.int64]
    density: Array
    low: Array | None
    high: Array | None
    jsd: Array
    floor: Array


@dataclass(frozen=True, eq=False)
class Relaxation:
    """Densities of the slowest coordinate at growing lags after one start.

    Attributes
    ----------
    start : str
    centre : array, shape (d,)
        TICA components of the state that it starts from.
    lag_times_ps : array, shape (L,)
    coordinate : array, shape (bins,)
        TICA component 1.
    expected : array, shape (L, bins)
        Density by the Markov model of the reference (or of the model alone).
    equilibrium : array, shape (bins,)
        Where all ends, by the same.
    sides : dict of str to CountedRelaxation
        ``'reference'``, ``'model'``, and ``'jumps'`` from the start alone, as far as there are any.
    """

    start: str
    centre: Array
    lag_times_ps: Array
    coordinate: Array
    expected: Array
    equilibrium: Array
    sides: dict[str, CountedRelaxation]


@dataclass(frozen=True, eq=False)
class Kinetics:
    """Everything that depends on the frames' order. None where it could not be had: see notes."""

    lag_time_ps: float
    slow_lag_time_ps: float
    slow_timescales_ps: Array
    slow_resolved: NDArray[np.bool_]
    block_time_ps: float
    reference_mixing: Mixing | None
    model_mixing: Mixing | None
    reference_tica: TimescaleScan | None
    model_tica: TimescaleScan | None
    reference_msm: TimescaleScan | None
    model_msm: TimescaleScan | None
    vamp_gap: VampGap | None
    vamp_intervals: tuple[tuple[float, float], tuple[float, float]] | None
    floor: KineticFloor | None
    timescale_error_release: float | None
    timescale_error: float | None
    resolved: int | None
    memory_names: tuple[str, ...]
    reference_memory: TorsionMemory | None
    model_memory: TorsionMemory | None
    set_centres: Array | None
    reference_populations: Populations | None
    model_populations: Populations | None
    reference_test: ChapmanKolmogorov | None
    model_test: ChapmanKolmogorov | None
    relaxations: tuple[Relaxation, ...]


@dataclass(frozen=True, eq=False)
class Report:
    """All that was computed.

    Attributes
    ----------
    package_version : str
    formula : str
    n_atoms : int
    temperature_K : float or None
    features : tuple of str
        Names of the torsions that TICA and VAMP see.
    settings : ReportSettings
    model : Summary
    reference : Summary or None
    surfaces, torsions, bonds, angles : tuple
    gyration : Curve
    energies : Energies or None
    kinetics : Kinetics
    model_geometry : GeometryCounts
    reference_geometry : GeometryCounts or None
    ranges : EqualCounts or None
        Shares of frames out of the range of bonds, angles and size that half the reference covers.
    trust : TrustReport or None
    notes : tuple of str
        What could not be computed, and what to be careful with.
    """

    package_version: str
    formula: str
    n_atoms: int
    temperature_K: float | None
    features: tuple[str, ...]
    settings: ReportSettings
    model: Summary
    reference: Summary | None
    surfaces: tuple[Surface, ...]
    torsions: tuple[Curve, ...]
    bonds: tuple[Curve, ...]
    angles: tuple[Curve, ...]
    gyration: Curve
    energies: Energies | None
    kinetics: Kinetics
    model_geometry: GeometryCounts
    reference_geometry: GeometryCounts | None
    ranges: EqualCounts | None
    trust: TrustReport | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings; numbers that are not finite become None or strings.

        ``"inf"`` stands for infinity (a free energy where no frame is), None for not a number.
        """
        values: dict[str, Any] = _plain(self)
        return values


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf" if value > 0 else "-inf"
    return value
