"""From trajectories to all the numbers of a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ase.symbols import Symbols

from ase_tito import __version__
from ase_tito.analysis.files import TrajectorySource
from ase_tito.analysis.report.basis import Basis, choose_block_time, choose_lag, make_basis
from ase_tito.analysis.report.energy import analyse_energies
from ase_tito.analysis.report.jumps import DoubledJumps, SingleJumps
from ase_tito.analysis.report.kinetics import analyse_kinetics
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.report.observe import Coordinates, Observed, observe
from ase_tito.analysis.report.result import Report, Summary, Surface
from ase_tito.analysis.report.same_noise import same_noise
from ase_tito.analysis.report.settings import ReportSettings
from ase_tito.analysis.report.statistics import Statistics
from ase_tito.analysis.report.thermodynamics import (
    gyration_curve,
    local_curves,
    tica_surface,
    torsion_curve,
    torsion_surface,
)
from ase_tito.analysis.report.trust import analyse_trust
from ase_tito.analysis.report.validity import geometry_counts, range_shares
from ase_tito.graph import MolecularGraph

MOST_SURFACES = 6
"""Ramachandran plots of a longer peptide are left out."""

MOST_TORSIONS = 12

STEPS = 6
"""Steps that `compute_report` reports, energies aside."""

_MADE_BY = (
    *("model", "model_source", "lag_time_ps", "interval", "temperature_K", "seed"),
    *("package_version", "md-type"),
)


def compute_report(
    model: Sequence[TrajectorySource],
    reference: Sequence[TrajectorySource] = (),
    *,
    graph: MolecularGraph | None = None,
    energy: Any = None,
    doubled_jumps: DoubledJumps | None = None,
    single_jumps: SingleJumps | None = None,
    settings: ReportSettings | None = None,
    read: Callable[[int], object] = lambda _: None,
    step: Callable[[str], object] = lambda _: None,
) -> Report:
    """Compare trajectories of a model with those of MD, or analyse them alone.

    Parameters
    ----------
    model : sequence of TrajectorySource
        One or several trajectories (replicas) of one molecule; see `open_trajectory`, and
        `named_alike` for runs from different conformers.
    reference : sequence of TrajectorySource
        Independent MD runs of it. Without any, only what needs none is computed.
    graph : MolecularGraph, optional
        The molecule; the first reference's, else the first model trajectory's, if not given.
    energy : ASE calculator or callable, optional
        For potential energies; see `potential_energies`.
    doubled_jumps : DoubledJumps, optional
        Jumps of the model for the test of its consistency, which trajectories do not hold.
    single_jumps : SingleJumps, optional
        Jumps of the model from one frame, whose ends are drawn beside the reference's densities.
    settings : ReportSettings, optional
    read : callable
        Called with the number of frames read since the last call.
    step : callable
        Called with the name of each step when it begins.

    Raises
    ------
    DataError
        If files do not fit together. What merely lacks data is named in the report's notes.
    """
    settings = settings or ReportSettings()
    graph = graph or (reference[0] if reference else model[0]).graph()
    coordinates = Coordinates.of(graph)
    step("reading")
    sampled = observe("model", model, coordinates, skip_ps=settings.skip_ps, progress=read)
    md = observe("reference", reference, coordinates, progress=read) if reference else None
    notes = Notes(same_noise(model))
    step("slow coordinates")
    sides = [sampled] if md is None else [md, sampled]
    lag = choose_lag(settings, [side.frame_spacing_ps for side in sides])
    basis = make_basis(settings, md, sampled, lag)
    block_time = choose_block_time(settings, basis, md, sampled, notes)
    statistics = Statistics(
        settings,
        *(max(1, round(block_time / side.frame_spacing_ps)) for side in (sides[0], sampled)),
    )
    step("surfaces and profiles")
    shown = coordinates.shown[:MOST_TORSIONS]
    torsions = tuple(
        torsion_curve(
            coordinates.torsions[k].name,
            None if md is None else [run[:, k] for run in md.torsions],
            [run[:, k] for run in sampled.torsions],
            statistics,
        )
        for k in shown
    )
    bonds, angles = local_curves(coordinates, md, sampled, statistics)
    step("kinetics")
    kinetics = analyse_kinetics(
        coordinates, basis, block_time, md, sampled, single_jumps, statistics, notes
    )
    if kinetics.reference_mixing is not None and not kinetics.reference_mixing.mixes:
        notes.insert(0, f"The reference {kinetics.reference_mixing.describe()}.")
    step("validity")
    trust = analyse_trust(basis, coordinates, sampled, doubled_jumps, statistics, notes)
    energies = None
    if energy is not None:
        step("energies")
        energies = notes.attempt(
            "Energies", lambda: analyse_energies(energy, md, sampled, statistics)
        )
    temperature = next(
        (
            float(source.description["temperature_K"])
            for source in (*model, *reference)
            if "temperature_K" in source.description
        ),
        None,
    )
    return Report(
        package_version=__version__,
        formula=Symbols(graph.atomic_numbers).get_chemical_formula("hill"),
        n_atoms=graph.n_atoms,
        temperature_K=temperature,
        features=tuple(torsion.name for torsion in coordinates.torsions),
        settings=settings,
        model=_summary(sampled),
        reference=None if md is None else _summary(md),
        surfaces=_surfaces(coordinates, basis, md, sampled, statistics),
        torsions=torsions,
        bonds=bonds,
        angles=angles,
        gyration=gyration_curve(md, sampled, statistics),
        energies=energies,
        kinetics=kinetics,
        model_geometry=geometry_counts(sampled.geometry),
        reference_geometry=None if md is None else geometry_counts(md.geometry),
        ranges=None
        if md is None
        else notes.attempt("Ranges", lambda: range_shares(md, sampled, statistics)),
        trust=trust,
        notes=tuple(notes),
    )


def _surfaces(
    coordinates: Coordinates,
    basis: Basis,
    reference: Observed | None,
    model: Observed,
    statistics: Statistics,
) -> tuple[Surface, ...]:
    """Ramachandran plots of a peptide (else two torsions), and two TICA components."""
    found = []
    for columns in coordinates.pairs[:MOST_SURFACES]:
        names = [coordinates.torsions[k].name for k in columns]
        sides = [
            None if side is None else [run[:, list(columns)] for run in side.torsions]
            for side in (reference, model)
        ]
        labels = (f"{names[0]} (degrees)", f"{names[1]} (degrees)")
        found.append(
            torsion_surface(f"{names[0]}/{names[1]}", sides[0], sides[1] or [], labels, statistics)
        )
    if basis.model[0].shape[1] >= 2:
        planes = [
            None if runs is None else [np.asarray(run[:, :2]) for run in runs]
            for runs in (basis.reference, basis.model)
        ]
        labels = ("TICA component 1", "TICA component 2")
        found.append(tica_surface(planes[0], planes[1] or [], labels, statistics))
    return tuple(found)


def _summary(side: Observed) -> Summary:
    description = side.sources[0].description
    return Summary(
        side.label,
        tuple(source.path.name for source in side.sources),
        tuple(side.lengths),
        side.frames,
        side.frame_spacing_ps,
        side.time_ps / 1000,
        side.skipped,
        {key: description[key] for key in _MADE_BY if description.get(key) is not None},
    )
