"""All figures of a model's dynamics, of nested and of single jumps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.block_sums import BlockSums
from ase_tito.analysis.moments import lagged_moments, moments_of_jumps
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.report.observe import Coordinates
from ase_tito.evaluation.distributions import Distribution
from ase_tito.evaluation.kinetic import LaggedReference, kinetic_figures
from ase_tito.evaluation.kinetics import cosine_agreement
from ase_tito.evaluation.reference import Reference
from ase_tito.evaluation.references import MoleculeReference
from ase_tito.evaluation.result import Figure
from ase_tito.evaluation.sampled import Sampled
from ase_tito.evaluation.samples import Samples
from ase_tito.evaluation.settings import EvaluationSettings, SamplingPlan
from ase_tito.evaluation.slow import FEWEST_BLOCKS, Frames, SlowCoordinates, block_length


def dynamic_figures(
    sampled: list[Sampled],
    slow: SlowCoordinates,
    reference: MoleculeReference,
    dynamics: Reference,
    md: Distribution,
    starts: NDArray[np.int64],
    plan: SamplingPlan,
    settings: EvaluationSettings,
    notes: Notes,
) -> dict[str, Figure]:
    """What depends on the order of frames; notes take what the data do not suffice for."""
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
    nested: Sampled,
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
    side: Sampled, slow: SlowCoordinates, lagged: LaggedReference, starts: Frames | None
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
