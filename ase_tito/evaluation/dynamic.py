"""All figures of a model's dynamics, of nested and of single jumps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis.block_sums import BlockSums
from ase_tito.analysis.moments import lagged_moments, moments_of_jumps
from ase_tito.analysis.report.notes import Notes
from ase_tito.analysis.report.observe import Coordinates
from ase_tito.analysis.spectrum import Spectrum
from ase_tito.evaluation.distributions import Distribution
from ase_tito.evaluation.kinetic import LaggedReference, kinetic_figures, spectrum_of
from ase_tito.evaluation.kinetics import cosine_agreement
from ase_tito.evaluation.reference import Reference
from ase_tito.evaluation.references import MoleculeReference
from ase_tito.evaluation.result import Figure, Timescales
from ase_tito.evaluation.sampled import Sampled
from ase_tito.evaluation.samples import Samples
from ase_tito.evaluation.settings import EvaluationSettings, SamplingPlan
from ase_tito.evaluation.slow import FEWEST_BLOCKS, Frames, SlowCoordinates, block_length

SINGLE_BLOCKS = 50
"""Of single jumps, neighbours in time together."""


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
) -> tuple[dict[str, Figure], dict[str, Timescales]]:
    """What depends on the order of frames; notes take what the data do not suffice for."""
    figures: dict[str, Figure] = {}
    timescales: dict[str, Timescales] = {}
    lagged = notes.attempt(
        "Kinetic figures",
        lambda: _lagged(slow, reference, dynamics, md, sampled[0], plan.lag_time_ps, settings.top),
    )
    for side in sampled:
        jumps = side.protocol == "single"
        if lagged is not None:
            moments, everything = _moments(
                side, slow, lagged, dynamics.frames[starts] if jumps else None, settings.top
            )
            found, timescales[side.protocol] = kinetic_figures(
                side.protocol, lagged, moments, everything, settings, notes
            )
            figures |= {f"{side.protocol}.{key}": figure for key, figure in found.items()}
        if jumps and slow.coordinates.torsions:
            figures["single.memory"] = _memory(
                slow.coordinates, dynamics, starts, side.samples, plan, settings
            )
    return figures, timescales


def _lagged(
    slow: SlowCoordinates,
    reference: MoleculeReference,
    dynamics: Reference,
    md: Distribution,
    nested: Sampled,
    lag_time_ps: float,
    most: int,
) -> LaggedReference:
    """Blocks are as long as the slowest of MD and model asks for."""
    if dynamics is reference.equilibrium:
        block = md.block
    else:
        block = block_length([slow.project(run.positions) for run in dynamics.runs])[0]
    spacing = dynamics.frame_spacing_ps
    longest = sum(dynamics.lengths) * spacing / FEWEST_BLOCKS
    own = block_length(nested.projected)[0] * lag_time_ps
    block_time = max(block * spacing, min(own, longest))
    return LaggedReference.of(slow, dynamics, lag_time_ps, block_time, most)


def _moments(
    side: Sampled,
    slow: SlowCoordinates,
    lagged: LaggedReference,
    starts: Frames | None,
    most: int,
) -> tuple[BlockSums, Spectrum]:
    """Of the slow coordinates the moments in blocks, of all features the spectrum."""
    lag = lagged.lag_time_ps
    if starts is None:
        runs = [slow.features(run) for run in side.runs]
        return (
            lagged_moments(
                [slow.reduced(run, most) for run in runs],
                1,
                block_length=max(1, round(lagged.block_time_ps / lag)),
            ),
            spectrum_of(lagged_moments(runs, 1), lag),
        )
    finite = np.isfinite(side.samples.positions[0]).all((1, 2))
    before, after = (
        slow.features(frames[finite]) for frames in (starts, side.samples.positions[0])
    )
    return (
        moments_of_jumps(
            slow.reduced(before, most),
            slow.reduced(after, most),
            block_length=max(1, len(after) // SINGLE_BLOCKS),
        ),
        spectrum_of(moments_of_jumps(before, after, block_length=len(after)), lag),
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
        block_length=max(1, len(starts) // SINGLE_BLOCKS),
        generator=settings.generator("memory"),
    )
    error = float(np.mean([abs(row.difference) for row in found]))
    # A difference that is normal about zero has a mean magnitude of √(2/π) standard deviations,
    # and its 95 % interval is 2 · 1.96 of them wide.
    noise = np.mean([(row.high - row.low) / (2 * 1.96) for row in found]) * np.sqrt(2 / np.pi)
    return Figure(error, equal=error, floor=float(noise))
