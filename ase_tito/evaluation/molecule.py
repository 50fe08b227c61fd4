"""All figures of one molecule: sampled as the plan says, set beside its MD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from ase.symbols import Symbols
from numpy.typing import NDArray

from ase_tito.analysis import Histogram
from ase_tito.analysis.block_sums import BlockSums
from ase_tito.analysis.moments import lagged_moments, moments_of_jumps
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.report.observe import Coordinates
from ase_tito.evaluation.description import describe_reference
from ase_tito.evaluation.distributions import Distribution, distribution_figures
from ase_tito.evaluation.kinetic import LaggedReference, kinetic_figures
from ase_tito.evaluation.kinetics import cosine_agreement
from ase_tito.evaluation.local import (
    EnergyFunction,
    ReferenceEnergies,
    energy_figures,
    geometry_figures,
    reference_energies,
)
from ase_tito.evaluation.reference import Reference
from ase_tito.evaluation.references import MoleculeReference
from ase_tito.evaluation.result import Figure, MoleculeResult
from ase_tito.evaluation.samples import Samples
from ase_tito.evaluation.sampling import Progress, Sampler
from ase_tito.evaluation.settings import EvaluationSettings, SamplingPlan, kind_of
from ase_tito.evaluation.slow import (
    FEWEST_BLOCKS,
    SlowCoordinates,
    block_length,
    slow_coordinates,
)
from ase_tito.evaluation.store import SampleStore
from ase_tito.transfer.implicit import ImplicitTransferOperator

Frames = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Sampled:
    """A model's frames of one protocol, run by run."""

    protocol: str
    samples: Samples
    runs: list[Frames]
    projected: list[NDArray[np.float64]]

    @property
    def by_time(self) -> Frames:
        return self.samples.frames


def starting_frames(
    reference: MoleculeReference, plan: SamplingPlan
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frames that replicas, and single jumps, start from.

    Both are evenly spread: the replicas' over the equilibrium runs, the single jumps' over the
    dynamics, where each has a frame a lag later (over the equilibrium runs if there are none).
    """
    nested = reference.equilibrium.spread_frames(plan.replicas)
    if not plan.single_jumps:
        return nested, np.zeros(0, np.int64)
    if reference.dynamics is None:
        return nested, reference.equilibrium.spread_frames(plan.single_jumps)
    return nested, reference.dynamics.spread_frames(plan.single_jumps, plan.lag_time_ps)


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
        samples["single"] = sampler.single(source.frames[single_starts])
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
    sampled = [_sampled(protocol, found, slow) for protocol, found in samples.items()]
    figures: dict[str, Figure] = {}
    energies = None
    if energy is not None:
        energies = reference_energies(reference.equilibrium, md.block, energy, settings)
        notes += [energies.note] if energies.note else []
    for side in sampled:
        found = _static_figures(side, coordinates, reference, md, settings, energy, energies)
        figures |= {f"{side.protocol}.{key}": figure for key, figure in found.items()}
    if reference.dynamics is None:
        notes.append("The MD has no time-ordered run: there are no kinetic figures.")
    else:
        figures |= _dynamic_figures(
            sampled, slow, reference, reference.dynamics, md, single_starts, plan, settings, notes
        )
    figures |= _costs(samples, operator, settings)
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
        surfaces=_surfaces(md, sampled),
        notes=tuple(notes),
    )


def _sampled(protocol: str, samples: Samples, slow: SlowCoordinates) -> _Sampled:
    """Nested: a run for each replica. Single: one, in the order of the starts."""
    positions = samples.positions.swapaxes(0, 1) if protocol == "nested" else samples.positions
    runs = [run[np.isfinite(run).all((1, 2))] for run in positions]
    runs = [run for run in runs if len(run)]
    return _Sampled(protocol, samples, runs, [slow.project(run) for run in runs])


def _static_figures(
    side: _Sampled,
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
    if energy is not None and energies is not None:
        found |= energy_figures(
            side.protocol,
            energies,
            energy,
            coordinates.graph.atomic_numbers,
            side.by_time,
            sum(map(len, side.projected)) // block_length(side.projected)[0],
            settings,
        )
    valid = side.samples.first_valid
    return {**found, "valid_share": Figure(float(valid.mean()))}


def _dynamic_figures(
    sampled: list[_Sampled],
    slow: SlowCoordinates,
    reference: MoleculeReference,
    dynamics: Reference,
    md: Distribution,
    starts: NDArray[np.int64],
    plan: SamplingPlan,
    settings: EvaluationSettings,
    notes: Notes,
) -> dict[str, Figure]:
    """What depends on the order of frames."""
    figures: dict[str, Figure] = {}
    lagged = notes.attempt(
        "Kinetic figures",
        lambda: _lagged(slow, reference, dynamics, md, sampled[0], plan.lag_time_ps),
    )
    for side in sampled:
        jumps = side.protocol == "single"
        if lagged is not None:
            moments = _moments(side, slow, lagged, dynamics.frames[starts] if jumps else None)
            found = kinetic_figures(side.protocol, lagged, moments, settings, notes)
            figures |= {f"{side.protocol}.{key}": figure for key, figure in found.items()}
        if jumps and slow.coordinates.torsions:
            figures["single.memory"] = _memory(
                slow.coordinates, dynamics, starts, side.samples, plan, settings
            )
    return figures


def _lagged(
    slow: SlowCoordinates,
    reference: MoleculeReference,
    dynamics: Reference,
    md: Distribution,
    nested: _Sampled,
    lag_time_ps: float,
) -> LaggedReference:
    """Blocks are as long as the slowest of MD and model asks for."""
    if dynamics is reference.equilibrium:
        block = md.block
    else:
        block = block_length([slow.project(run.positions) for run in dynamics.runs])[0]
    spacing = dynamics.frame_spacing_ps
    longest = sum(dynamics.lengths) * spacing / FEWEST_BLOCKS
    own = block_length(nested.projected)[0] * lag_time_ps
    return LaggedReference.of(slow, dynamics, lag_time_ps, max(block * spacing, min(own, longest)))


def _moments(
    side: _Sampled, slow: SlowCoordinates, lagged: LaggedReference, starts: Frames | None
) -> BlockSums:
    length = max(1, round(lagged.block_time_ps / lagged.lag_time_ps))
    if starts is None:
        return lagged_moments([slow.features(run) for run in side.runs], 1, block_length=length)
    finite = np.isfinite(side.samples.positions[0]).all((1, 2))
    after = side.samples.positions[0][finite]
    return moments_of_jumps(
        slow.features(starts[finite]),
        slow.features(after),
        block_length=max(1, len(after) // 50),
    )


def _memory(
    coordinates: Coordinates,
    dynamics: Reference,
    starts: NDArray[np.int64],
    samples: Samples,
    plan: SamplingPlan,
    settings: EvaluationSettings,
) -> Figure:
    """Mean over rotatable bonds of the error of ⟨cos Δθ⟩, and what noise alone would give."""
    quadruples = np.array([coordinates.torsions[k].atoms for k in coordinates.shown])
    found = cosine_agreement(
        dynamics,
        starts,
        samples,
        quadruples,
        plan.lag_time_ps,
        block_length=max(1, len(starts) // 50),
        generator=settings.generator("memory"),
    )
    error = float(np.mean([abs(row.difference) for row in found]))
    # A difference that is normal about zero has a mean magnitude of √(2/π) standard deviations,
    # and its 95 % interval is 2 · 1.96 of them wide.
    noise = np.mean([(row.high - row.low) / (2 * 1.96) for row in found]) * np.sqrt(2 / np.pi)
    return Figure(error, equal=error, floor=float(noise))


def _costs(
    samples: Mapping[str, Samples],
    operator: ImplicitTransferOperator,
    settings: EvaluationSettings,
) -> dict[str, Figure]:
    evaluations = (settings.ode or operator.ode).evaluations
    nested = samples["nested"]
    found = {
        "nested.ms_per_jump": Figure(1000 * nested.wall_time_s / nested.first_valid.size),
    }
    if evaluations is not None:  # an adaptive method has no number of its own
        found["nested.evaluations_per_jump"] = Figure(evaluations)
    return found


def _surfaces(md: Distribution, sampled: list[_Sampled]) -> dict[str, Histogram]:
    return {"MD": md.drawn(md.runs)} | {side.protocol: md.drawn(side.projected) for side in sampled}
