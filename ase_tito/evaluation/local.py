"""Bond lengths, angles and energies of a model's samples beside MD's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import units
from numpy.typing import NDArray

from ase_tito.analysis import (
    angles,
    at_equal_counts,
    distances,
    potential_energies,
    radius_of_gyration,
)
from ase_tito.analysis.energies import median_shift
from ase_tito.analysis.floor import thinned
from ase_tito.analysis.report.observe import Coordinates
from ase_tito.evaluation.reference import Reference
from ase_tito.evaluation.result import Figure
from ase_tito.evaluation.settings import EvaluationSettings
from ase_tito.evaluation.thermodynamics import spread

KJ_MOL = units.mol / units.kJ
"""One eV in kJ/mol."""

LOCAL_FRAMES = 5000
"""Bonds and angles are fast: so many frames of either side tell all there is to know."""

COMPARED = 50
"""Frames whose stored energies are compared with computed ones."""

SAME_ENERGY_KJ_MOL = 0.2
"""Stored and computed energies may differ by so much, for positions in single precision."""

Array = NDArray[np.float64]
Compared = Callable[[Array, Array], float]
"""A figure of MD's values and the model's."""


@dataclass(frozen=True, eq=False)
class EnergyFunction:
    """What computes potential energies of one molecule.

    Attributes
    ----------
    label : str
        Tells it from any other; results are kept by it.
    compute : ASE calculator or callable
        See `potential_energies`.
    note : str
        What readers of the figures must know of it; empty if nothing.
    """

    label: str
    compute: Any
    note: str = ""


def geometry_figures(
    protocol: str,
    coordinates: Coordinates,
    reference: Reference,
    block: int,
    model: NDArray[np.float32],
    settings: EvaluationSettings,
) -> dict[str, Figure]:
    """Means and widths of bond lengths and angles, and the size of the molecule.

    Parameters
    ----------
    protocol : str
    coordinates : Coordinates
    reference : Reference
    block : int
        Of the MD, in frames.
    model : array, shape (T, n, 3)
        Frames by time.
    settings : EvaluationSettings
    """
    stride = max(1, sum(reference.lengths) // LOCAL_FRAMES)
    runs = [run.positions[::stride] for run in reference.runs]
    samples = thinned(model, min(LOCAL_FRAMES, len(model)))  # type: ignore[arg-type]
    length = max(1, block // stride)

    def compared(key: str, md: list[Array], own: Array, figure: Compared) -> Figure:
        generator = settings.generator(f"{protocol} {key}")
        counts = at_equal_counts(
            md, own, figure, length, generator=generator, splits=settings.splits
        )
        return Figure.at_equal_counts(figure(np.concatenate(md), own), counts)

    found = {}
    for kind, atoms, values, factor in (
        ("bond_A", coordinates.graph.bonds, distances, 1.0),
        ("angle_deg", coordinates.triples, angles, 180 / np.pi),
    ):
        if not len(atoms):
            continue
        md = [factor * values(run, atoms) for run in runs]
        own = factor * values(samples, atoms)
        name, unit = kind.split("_")
        for key, figure in (
            (f"{name}_shift_{unit}", _root_mean_square_shift),
            (f"{name}_width_ratio", _median_width_ratio),
        ):
            found[key] = compared(key, md, own, figure)
    sizes = [radius_of_gyration(run) for run in runs]
    found["gyration_ratio"] = compared(
        "gyration_ratio", sizes, radius_of_gyration(samples), _mean_ratio
    )
    return found


@dataclass(frozen=True, eq=False)
class ReferenceEnergies:
    """Potential energies of MD in kJ/mol.

    Attributes
    ----------
    runs : list of array, each of shape (T_i,)
    block : int
        Energies per block.
    note : str
        What to know about them; empty if nothing.
    """

    runs: list[Array]
    block: int
    note: str = ""


def reference_energies(
    reference: Reference,
    block: int,
    energy: EnergyFunction,
    settings: EvaluationSettings,
) -> ReferenceEnergies:
    """Those that the runs have stored if they are the function's, else computed ones."""
    numbers = reference.graph.atomic_numbers
    note = ""
    if all(run.energies is not None for run in reference.runs):
        stored = [KJ_MOL * np.asarray(run.energies) for run in reference.runs]
        some = reference.spread_frames(min(COMPARED, sum(reference.lengths)))
        positions = reference.frames[some]
        computed = KJ_MOL * potential_energies(positions, energy.compute, numbers)
        off = float(np.median(np.abs(computed - np.concatenate(stored)[some])))
        if off <= SAME_ENERGY_KJ_MOL:
            return ReferenceEnergies(stored, block)
        note = (
            f"The energies stored with the MD differ from {energy.label} by {off:.3g} kJ/mol"
            " (median): those of both sides were computed."
        )
    stride = max(1, -(-sum(reference.lengths) // settings.energy_frames))
    computed_runs = [
        KJ_MOL * potential_energies(run.positions[::stride], energy.compute, numbers)
        for run in reference.runs
    ]
    return ReferenceEnergies(computed_runs, max(1, block // stride), note)


def energy_figures(
    protocol: str,
    reference: ReferenceEnergies,
    energy: EnergyFunction,
    atomic_numbers: NDArray[np.int64],
    model: NDArray[np.float32],
    model_blocks: int,
    settings: EvaluationSettings,
) -> dict[str, Figure]:
    """How far the quartiles of the potential energy are from MD's, in kJ/mol.

    Parameters
    ----------
    protocol : str
    reference : ReferenceEnergies
    energy : EnergyFunction
    atomic_numbers : array of int, shape (n,)
    model : array, shape (T, n, 3)
        Frames by time.
    model_blocks : int
        Number of blocks of them that are as good as independent.
    settings : EvaluationSettings
    """
    samples = thinned(model, min(settings.energy_frames, len(model)))  # type: ignore[arg-type]
    values = KJ_MOL * potential_energies(samples, energy.compute, atomic_numbers)
    first, second = spread(np.concatenate(reference.runs)), spread(values)
    counts = at_equal_counts(
        reference.runs,
        values,
        lambda a, b: float(np.median(b) - np.median(a)),
        reference.block,
        generator=settings.generator(f"{protocol} energies"),
        splits=settings.splits,
    )
    blocks = (reference.block, max(1, len(values) // max(model_blocks, 2)))
    shift, low, high = median_shift(
        reference.runs,
        [values],
        blocks,
        generator=settings.generator(f"{protocol} energy median"),
        resamples=settings.resamples,
    )
    per = 10 / len(atomic_numbers)
    median = Figure.at_equal_counts(shift, counts, (low, high))
    return {
        "energy_shift_kJ_mol": median,
        "energy_shift_per_10_atoms_kJ_mol": Figure(
            per * shift, per * low, per * high, per * median.equal, per * median.floor
        ),
        "energy_quartile_1_shift_kJ_mol": Figure(second.quartile_1 - first.quartile_1),
        "energy_quartile_3_shift_kJ_mol": Figure(second.quartile_3 - first.quartile_3),
        "energy_width_ratio": Figure(
            (second.quartile_3 - second.quartile_1) / (first.quartile_3 - first.quartile_1)
        ),
    }


def _root_mean_square_shift(reference: Array, model: Array) -> float:
    return float(np.sqrt(np.mean((model.mean(0) - reference.mean(0)) ** 2)))


def _mean_ratio(reference: Array, model: Array) -> float:
    return float(model.mean() / reference.mean())


def _median_width_ratio(reference: Array, model: Array) -> float:
    return float(np.median(model.std(0) / reference.std(0)))
