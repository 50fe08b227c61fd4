"""What `slower.py` says of a molecule beside replica exchange: coverage, precision, relaxation."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ase_tito.analysis import (
    Histogram,
    Relaxation,
    at_equal_counts,
    bin_numbers,
    state_steps,
    two_state_relaxation,
)
from ase_tito.analysis.agreement import (
    CountFigure,
    counts_of,
    coverage_of_counts,
    precision_of_counts,
)
from ase_tito.analysis.report.observe import Coordinates
from ase_tito.evaluation import MoleculeReference, Samples
from ase_tito.evaluation.distributions import Distribution
from ase_tito.evaluation.slow import slow_coordinates
from ase_tito.evaluation.slow_torsion import SlowTorsion

TICA_LAG_PS = 10.0
METHODS = ("MD", "TITO", "TITO + 10 ps MD")


@dataclass(frozen=True, eq=False)
class Case:
    """One molecule that is slower than the training data, and what was sampled of it."""

    loaded: MoleculeReference
    slow: SlowTorsion
    training: NDArray[np.float32]
    samples: Samples
    refined: NDArray[np.float32]
    md_s_per_ns: float
    lag_time_ps: float

    @property
    def frames(self) -> dict[str, NDArray[np.float32]]:
        """Frames (T, n, 3) by `METHODS`, the model's by time, then replica."""
        return dict(zip(METHODS, (self.training, self.samples.frames, self.refined), strict=True))

    @property
    def missed(self) -> bool:
        """Whether MD stayed on one side, and the model did not."""
        side = self.slow.states(self.samples.frames)
        return self.slow.crossings == 0 and bool((side == 1).any())

    def relaxations(self) -> tuple[Relaxation, Relaxation]:
        """Of all MD of the molecule, with the populations of exchange; and of the model."""
        dynamics = self.loaded.dynamics
        runs = [] if dynamics is None else [self.slow.states(r.positions) for r in dynamics.runs]
        md = two_state_relaxation(
            state_steps(runs), self.loaded.equilibrium.frame_spacing_ps, self.slow.populations
        )
        start = np.repeat(self.training[:1], self.samples.positions.shape[1], 0)[None]
        replicas = np.concatenate([start, self.samples.positions]).swapaxes(0, 1)
        steps = state_steps([self.slow.states(replica) for replica in replicas])
        own = None if steps[0, 1] and steps[1, 0] else self.slow.populations
        return md, two_state_relaxation(steps, self.lag_time_ps, own)


@dataclass(frozen=True)
class Score:
    """Coverage or precision of one method, and of replica exchange against itself."""

    model: float
    floor: float


def scores(md: Distribution, projected: NDArray[np.float64], seed: int) -> dict[str, Score]:
    """Coverage and precision of slow coordinates (T, d), at equal counts."""
    n_bins = int(np.prod([len(edge) - 1 for edge in md.edges]))
    reference = [bin_numbers(run, md.edges) for run in md.runs]
    model = bin_numbers(projected, md.edges)
    found = {}
    for name, figure in (("coverage", coverage_of_counts), ("precision", precision_of_counts)):
        counts = at_equal_counts(
            reference,
            model,
            partial(_of_bins, figure, n_bins),
            md.block,
            generator=np.random.default_rng(seed),
        )
        found[name] = Score(counts.model.mean, counts.floor.mean)
    return found


def _of_bins(
    figure: CountFigure, n_bins: int, reference: NDArray[np.float64], model: NDArray[np.float64]
) -> float:
    return figure(counts_of(reference, n_bins), counts_of(model, n_bins))


@dataclass(frozen=True, eq=False)
class Judged:
    """A case, with its figures by `METHODS` and what to draw of it."""

    case: Case
    scores: dict[str, dict[str, Score]]
    relaxations: tuple[Relaxation, Relaxation]
    surfaces: dict[str, Histogram]


def judge(case: Case, bins: int, seed: int) -> Judged:
    """Compare in the two slowest TICA components of replica exchange."""
    exchange = case.loaded.equilibrium
    slow = slow_coordinates(Coordinates.of(exchange.graph), exchange, TICA_LAG_PS)
    md = Distribution.of([slow.project(run.positions) for run in exchange.runs], bins)
    projected = {name: slow.project(frames) for name, frames in case.frames.items()}
    return Judged(
        case,
        {name: scores(md, values, seed) for name, values in projected.items()},
        case.relaxations(),
        {"replica exchange": md.drawn(md.runs)}
        | {name: md.drawn([values]) for name, values in projected.items()},
    )


def in_words(found: Relaxation) -> str:
    """A time in ns with its interval."""
    low, middle, high = (
        f"{value / 1000:,.{0 if value >= 10_000 else 2}f}"
        for value in (found.low_ps, found.time_ps, found.high_ps)
    )
    if not np.isfinite(found.time_ps):
        return f"> {low} ns"
    return f"{middle} ns ({low} to {high})" if found.time_ps else f"< {high} ns"


def report(judged: Sequence[Judged]) -> str:
    """All figures as text, molecule by molecule."""
    lines = []
    for one in judged:
        case = one.case
        md, model = one.relaxations
        first, second = case.slow.populations
        states = case.slow.states(case.samples.frames)
        lines += [
            f"{case.loaded.name}: torsion {case.slow.torsion.name}, {case.slow.crossings} crossings"
            f" in {len(case.training)} frames; exchange {first:.2f} / {second:.2f},"
            f" TITO {1 - states.mean():.2f} / {states.mean():.2f}",
            f"    relaxation: MD {in_words(md)} from {md.crossings} crossings, TITO"
            f" {in_words(model)} from {model.crossings}",
            f"    cost: TITO {case.samples.wall_time_s:.0f} s for {len(case.samples.frames)}"
            f" frames, MD {case.md_s_per_ns:.1f} s/ns; {len(case.refined)} frames of short MD",
        ]
        for name, found in one.scores.items():
            figures = ", ".join(
                f"{key} {score.model:.3f} (floor {score.floor:.3f})" for key, score in found.items()
            )
            lines.append(f"    {name}: {figures}")
    return "\n".join(lines)
