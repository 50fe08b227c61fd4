"""All figures of one molecule: sampled as the plan says, set beside its MD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from ase.symbols import Symbols

from ase_tito.analysis import Histogram
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.report.observe import Coordinates
from ase_tito.evaluation.description import describe_reference
from ase_tito.evaluation.distributions import Distribution, distribution_figures
from ase_tito.evaluation.dynamic import dynamic_figures
from ase_tito.evaluation.local import (
    EnergyFunction,
    ReferenceEnergies,
    energy_figures,
    geometry_figures,
    reference_energies,
)
from ase_tito.evaluation.references import MoleculeReference
from ase_tito.evaluation.result import Figure, MoleculeResult, Timescales
from ase_tito.evaluation.sampled import Sampled, sampled_runs, starting_frames, without_lost
from ase_tito.evaluation.samples import Samples
from ase_tito.evaluation.sampling import Progress, Sampler
from ase_tito.evaluation.settings import EvaluationSettings, SamplingPlan, kind_of
from ase_tito.evaluation.slow import (
    block_length,
    slow_coordinates,
)
from ase_tito.evaluation.store import SampleStore
from ase_tito.transfer.implicit import ImplicitTransferOperator

FEWEST_FRAMES = 20
"""Of fewer frames no figures are made."""


def evaluate_molecule(
    operator: ImplicitTransferOperator,
    reference: MoleculeReference,
    plan: SamplingPlan,
    settings: EvaluationSettings,
    store: SampleStore,
    *,
    energy: EnergyFunction | None = None,
    progress: Progress = lambda _, __: None,
) -> MoleculeResult:
    """Sample a molecule, and compute its figures.

    Parameters
    ----------
    operator : ImplicitTransferOperator
    reference : MoleculeReference
    plan : SamplingPlan
    settings : EvaluationSettings
    store : SampleStore
        Where samples are kept, and found again.
    energy : EnergyFunction, optional
        Without it there are no figures of energies.
    progress : callable
        Called with a step's name and the share of it that is done.

    Raises
    ------
    DataError
        If the MD is too short for the starts or the lag.
    TITOError
        If the model refuses the molecule, or cannot go on.
    """
    graph = reference.equilibrium.graph
    nested_starts, single_starts = starting_frames(reference, plan)
    sampler = Sampler(
        operator,
        graph,
        plan,
        store,
        {
            "temperature_K": reference.equilibrium.temperature_K,
            "seed": settings.seed,
            "ode": settings.ode,
            "batch_size": settings.batch_size,
        },
        progress,
    )
    samples = {"nested": sampler.nested(reference.equilibrium.frames[nested_starts])}
    if plan.single_jumps:
        source = reference.dynamics or reference.equilibrium
        samples["single"] = without_lost(sampler.single(source.frames[single_starts]))
    progress("figures", 0.0)
    notes = Notes()
    coordinates = Coordinates.of(graph)
    slow = slow_coordinates(coordinates, reference.equilibrium, settings.tica_lag_ps)
    md = Distribution.of(
        [slow.project(run.positions) for run in reference.equilibrium.runs], settings.bins
    )
    if slow.dimensions < 2:
        notes.append(
            "There is one slow coordinate only: divergences are over one axis, and not those of"
            " the other molecules."
        )
    if not md.enough:
        notes.append(
            "The MD is short against its slowest correlation time: intervals and floors may be"
            " too narrow."
        )
    sampled = []
    for protocol, found in samples.items():
        if len(found.frames) >= FEWEST_FRAMES:
            sampled.append(sampled_runs(protocol, found, slow))
        else:
            notes.append(f"Of the {protocol} jumps only {len(found.frames)} frames can be used.")
    figures: dict[str, Figure] = {}
    energies = None
    if energy is not None:
        energies = reference_energies(reference.equilibrium, md.block, energy, settings)
        notes += [note for note in (energy.note, energies.note) if note]
    for side in sampled:
        static = _static_figures(side, coordinates, reference, md, settings, energy, energies)
        figures |= {f"{side.protocol}.{key}": figure for key, figure in static.items()}
    timescales: dict[str, Timescales] = {}
    if reference.dynamics is None:
        notes.append("The MD has no time-ordered run: there are no kinetic figures.")
    else:
        dynamic, timescales = dynamic_figures(
            sampled, slow, reference, reference.dynamics, md, single_starts, plan, settings, notes
        )
        figures |= dynamic
    figures |= _costs(samples, operator, settings)
    held = samples["nested"].held
    if held:
        notes.append(
            f"At {held:,} of {samples['nested'].first_valid.size:,} nested jumps no draw was valid,"
            " and the replica stayed where it was."
        )
    described = describe_reference(reference, slow, md, notes)
    progress("figures", 1.0)
    return MoleculeResult(
        name=reference.name,
        smiles=reference.smiles,
        formula=Symbols(graph.atomic_numbers).get_chemical_formula("hill"),
        kind=kind_of(graph),
        n_atoms=graph.n_atoms,
        sampling={
            **asdict(plan),
            "temperature_K": reference.equilibrium.temperature_K,
            "ode": (settings.ode or operator.ode).to_dict(),
            "seed": settings.seed,
        },
        reference=described,
        figures=figures,
        failures={protocol: found.failures for protocol, found in samples.items()},
        timescales=timescales,
        surfaces=_surfaces(md, sampled),
        notes=tuple(notes),
    )


def _static_figures(
    side: Sampled,
    coordinates: Coordinates,
    reference: MoleculeReference,
    md: Distribution,
    settings: EvaluationSettings,
    energy: EnergyFunction | None,
    energies: ReferenceEnergies | None,
) -> dict[str, Figure]:
    """What does not depend on the order of frames."""
    found = distribution_figures(side.protocol, md, side.projected, settings)
    found |= geometry_figures(
        side.protocol, coordinates, reference.equilibrium, md.block, side.by_time, settings
    )
    if energy is not None and energies is not None and len(side.for_energies) >= FEWEST_FRAMES:
        found |= energy_figures(
            side.protocol,
            energies,
            energy,
            coordinates.graph.atomic_numbers,
            side.for_energies,
            sum(map(len, side.projected)) // block_length(side.projected)[0],
            settings,
        )
    return found


def _costs(
    samples: Mapping[str, Samples],
    operator: ImplicitTransferOperator,
    settings: EvaluationSettings,
) -> dict[str, Figure]:
    evaluations = (settings.ode or operator.ode).evaluations
    nested = samples["nested"]
    found = {
        f"{protocol}.valid_share": Figure(made.valid_share) for protocol, made in samples.items()
    }
    found |= {
        "nested.held_share": Figure(nested.held / nested.first_valid.size),
        "nested.ms_per_jump": Figure(1000 * nested.wall_time_s / nested.first_valid.size),
    }
    if evaluations is not None:  # an adaptive method has no number of its own
        found["nested.evaluations_per_jump"] = Figure(evaluations)
    return found


def _surfaces(md: Distribution, sampled: list[Sampled]) -> dict[str, Histogram]:
    return {"MD": md.drawn(md.runs)} | {side.protocol: md.drawn(side.projected) for side in sampled}
