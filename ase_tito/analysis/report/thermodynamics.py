"""The order-blind part of a report: free-energy surfaces and profiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.agreement import bin_numbers, counts_of
from ase_tito.analysis.histograms import Histogram, regular_edges
from ase_tito.analysis.profiles import free_energies
from ase_tito.analysis.report.observe import Coordinates, Observed
from ase_tito.analysis.report.result import Curve, Surface
from ase_tito.analysis.report.statistics import FIGURES, Runs, Statistics

DRAWN_BINS = 60
"""Along each axis of drawn TICA surfaces: 100 × 100 bins would be mostly empty to the eye."""

DRAWN_TORSION_BINS = 72

FEW = 5000
"""Below so many values on either side bins are twice as wide."""

LOCAL_FRAMES = 20_000
"""Bond lengths and angles are fast: so many frames of either side tell all there is to know."""

Edges = Sequence[NDArray[np.float64]]


def tica_surface(
    reference: Runs | None, model: Runs, labels: tuple[str, str], statistics: Statistics
) -> Surface:
    """Two TICA components, each run (T, 2), on a grid over the reference's range."""
    basis = np.concatenate(list(model if reference is None else reference))
    return _surface(
        "TICA",
        labels,
        (reference, model),
        regular_edges(basis, _bins(DRAWN_BINS, (reference, model))),
        regular_edges(basis, statistics.settings.surface_bins),
        tuple(FIGURES),
        statistics,
    )


def torsion_surface(
    name: str, reference: Runs | None, model: Runs, labels: tuple[str, str], statistics: Statistics
) -> Surface:
    """Two torsions, each run (T, 2) in radians, over the full circle in degrees."""
    sides = (None if reference is None else _degrees(reference), _degrees(model))
    drawn, coarse = (
        [np.linspace(-180, 180, bins + 1)] * 2
        for bins in (_bins(DRAWN_TORSION_BINS, sides), statistics.settings.torsion_bins)
    )
    return _surface(name, labels, sides, drawn, coarse, ("JSD",), statistics)


def torsion_curve(name: str, reference: Runs | None, model: Runs, statistics: Statistics) -> Curve:
    """Profile of one torsion, each run (T,) in radians, over the full circle in degrees."""
    return curve(
        name,
        f"{name} (degrees)",
        None if reference is None else _degrees(reference),
        _degrees(model),
        np.linspace(-180, 180, _bins(DRAWN_TORSION_BINS, (reference, model)) + 1),
        statistics,
    )


def gyration_curve(reference: Observed | None, model: Observed, statistics: Statistics) -> Curve:
    """Profile of the radius of gyration."""
    sides = (None if reference is None else reference.gyration, model.gyration)
    edges = _common_edges(sides, 60)
    return curve("radius of gyration", "radius of gyration (Å)", *sides, edges, statistics)


def local_curves(
    coordinates: Coordinates, reference: Observed | None, model: Observed, statistics: Statistics
) -> tuple[tuple[Curve, ...], tuple[Curve, ...]]:
    """Profiles of bond lengths and of angles, one for each combination of elements."""
    frames = max(side.frames for side in (reference, model) if side is not None)
    stride = -(-frames // LOCAL_FRAMES)
    found = []
    for kind, groups, unit, factor in (
        ("bonds", coordinates.bond_groups(), "Å", 1.0),
        ("angles", coordinates.angle_groups(), "degrees", 180 / np.pi),
    ):
        curves = []
        for name, members in groups.items():
            sides = tuple(
                None
                if side is None
                else [factor * run[::stride, members] for run in getattr(side, kind)]
                for side in (reference, model)
            )
            edges = _common_edges(sides, 80)
            label = f"{name} ({unit})"
            curves.append(
                curve(name, label, sides[0], sides[1] or [], edges, statistics.thinned(stride))
            )
        found.append(tuple(curves))
    return found[0], found[1]


def curve(
    name: str,
    label: str,
    reference: Runs | None,
    model: Runs,
    edges: NDArray[np.float64],
    statistics: Statistics,
) -> Curve:
    """Profile of one coordinate, each run (T,), or (T, m) for m coordinates that are alike."""
    n_bins = len(edges) - 1
    sides: list[Any] = []
    numbers = []
    for runs, block in (
        (reference, statistics.reference_block),
        (model, statistics.model_block),
    ):
        if runs is None:
            sides.append((None,) * 5)
            continue
        numbers.append([bin_numbers(run.ravel(), [edges]).reshape(run.shape) for run in runs])
        shares = statistics.density(name, numbers[-1], n_bins, block)
        highest = shares[0].max()
        with np.errstate(divide="ignore"):
            profile, above, below = (-np.log(share / highest) for share in shares)
        values = np.concatenate([run.ravel() for run in runs]).astype(np.float64)
        sides.append((profile, below, above, float(values.mean()), float(values.std())))
    first, second = sides
    found = None
    if reference is not None:
        found = statistics.agreement(name, numbers[0], numbers[1], n_bins, "JSD")
    return Curve(
        name=name,
        label=label,
        coordinate=(edges[1:] + edges[:-1]) / 2,
        reference=first[0],
        reference_low=first[1],
        reference_high=first[2],
        model=second[0],
        model_low=second[1],
        model_high=second[2],
        reference_mean=first[3],
        reference_std=first[4],
        model_mean=second[3],
        model_std=second[4],
        agreement=found,
    )


def _surface(
    name: str,
    labels: tuple[str, str],
    sides: tuple[Runs | None, Runs],
    drawn: Edges,
    edges: Edges,
    figures: tuple[str, ...],
    statistics: Statistics,
) -> Surface:
    reference, model = sides
    n_bins = int(np.prod([len(edge) - 1 for edge in edges]))
    found = {}
    if reference is not None:
        first, second = ([bin_numbers(run, edges) for run in runs] for runs in (reference, model))
        found = {f: statistics.agreement(name, first, second, n_bins, f) for f in figures}
    return Surface(
        name,
        labels[0],
        labels[1],
        drawn[0],
        drawn[1],
        None if reference is None else _free_energies(reference, drawn),
        _free_energies(model, drawn),
        found,
    )


def _free_energies(runs: Runs, edges: Edges) -> NDArray[np.float64]:
    shape = tuple(len(edge) - 1 for edge in edges)
    counts = counts_of(
        np.concatenate([bin_numbers(run, edges) for run in runs]), int(np.prod(shape))
    )
    inside = counts[:-1].reshape(shape)
    return free_energies(Histogram(tuple(edges), inside, float(counts[-1]), int(counts.sum())))


def _common_edges(sides: Sequence[Runs | None], bins: int) -> NDArray[np.float64]:
    """Bins over both sides' range but for one frame in a thousand at either end."""
    ends = [
        np.quantile(np.concatenate([run.ravel() for run in runs]), [0.001, 0.999]).tolist()
        for runs in sides
        if runs is not None
    ]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    margin = 0.1 * (high - low) or 0.5
    return np.linspace(low - margin, high + margin, _bins(bins, sides) + 1)


def _bins(bins: int, sides: Sequence[Runs | None]) -> int:
    fewest = min(sum(run.size for run in runs) for runs in sides if runs is not None)
    return bins if fewest >= FEW else bins // 2


def _degrees(runs: Runs) -> list[NDArray[np.float64]]:
    # Single precision may round a torsion of π up, out of the circle.
    return [np.clip(np.degrees(run.astype(np.float64)), -180, 180) for run in runs]
