"""How much of a model is sampled, and how it is looked at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ase_tito.analysis import peptide_torsions, shortest_shared_lag_ps
from ase_tito.errors import ConfigError
from ase_tito.flow.ode import OdeSettings
from ase_tito.graph import MolecularGraph


@dataclass(frozen=True)
class SamplingPlan:
    """What is sampled of one molecule.

    Attributes
    ----------
    replicas, jumps : int
        Nested jumps, each of so many replicas that start from frames of MD.
    single_jumps : int
        One jump from each of so many frames of MD.
    lag_time_ps : float
        τ of all of them.
    """

    replicas: int
    jumps: int
    single_jumps: int
    lag_time_ps: float


PRESETS: dict[str, dict[str, SamplingPlan]] = {
    "quick": {
        "small molecules": SamplingPlan(32, 64, 640, 57.0),
        "peptides": SamplingPlan(32, 64, 640, 250.0),
    },
    "paper": {
        "small molecules": SamplingPlan(32, 640, 5120, 57.0),
        "peptides": SamplingPlan(32, 500, 5120, 250.0),
    },
}
"""Plans by the kind of molecule. Replicas, nested jumps and lags of ``paper`` are those of Fig. 2
of arXiv 2510.07589; ``quick`` takes some 20 s for a small molecule on one core."""


def kind_of(graph: MolecularGraph) -> str:
    """``'peptides'`` for a chain of two residues or more, else ``'small molecules'``.

    A single residue between caps moves like a small molecule.
    """
    torsions = peptide_torsions(graph.atomic_numbers, graph.bonds)
    residues = {torsion.residue for torsion in torsions if torsion.kind in ("phi", "psi")}
    return "peptides" if len(residues) > 1 else "small molecules"


@dataclass(frozen=True)
class EvaluationSettings:
    """Choices of an evaluation; what is None comes from the preset.

    Parameters
    ----------
    preset : {'quick', 'paper'}
    replicas, jumps, single_jumps : int, optional
        See `SamplingPlan`. Without single jumps (0) there are no figures of them.
    lag_time_ps : float, optional
        A whole number of the MD's frames. The preset's is rounded to one.
    ode : OdeSettings, optional
        In place of the model's own.
    seed : int
        Of everything random: same seed, same figures.
    batch_size : int
        Systems that are sampled at once: few enough for the processor's cache.
    tica_lag_ps : float
        Lag of the slow coordinates that distributions are compared in, rounded to frames.
    bins : int
        Along each of them; the paper has 100.
    top : int
        At most so many timescales.
    energy_frames : int
        At most so many frames of either side are given to the energy function.
    splits, resamples : int
        Halvings for floors; bootstrap samples.

    Raises
    ------
    ConfigError
        For values out of range.
    """

    preset: str = "quick"
    replicas: int | None = None
    jumps: int | None = None
    single_jumps: int | None = None
    lag_time_ps: float | None = None
    ode: OdeSettings | None = None
    seed: int = 0
    batch_size: int = 32
    tica_lag_ps: float = 10.0
    bins: int = 100
    top: int = 10
    energy_frames: int = 2000
    splits: int = 20
    resamples: int = 200

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ConfigError(f"there is no preset {self.preset!r}; there are {', '.join(PRESETS)}")
        for name, least in (
            ("replicas", 2),
            ("jumps", 4),
            ("single_jumps", 0),
            ("seed", 0),
            ("batch_size", 1),
            ("bins", 2),
            ("top", 1),
            ("energy_frames", 10),
            ("splits", 2),
            ("resamples", 10),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"{name} must be at least {least}, not {value}")
        if self.single_jumps is not None and 0 < self.single_jumps < 20:
            raise ConfigError(f"single_jumps must be 0, or 20 at least, not {self.single_jumps}")
        for name in ("lag_time_ps", "tica_lag_ps"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise ConfigError(f"{name} must be a positive time in ps, not {value}")

    def plan(self, graph: MolecularGraph, spacings_ps: list[float]) -> SamplingPlan:
        """What is sampled of a molecule whose MD has frames so far apart."""
        preset = PRESETS[self.preset][kind_of(graph)]
        lag = self.lag_time_ps
        if lag is None:
            lag = nearest_multiple(preset.lag_time_ps, shortest_shared_lag_ps(spacings_ps))
        return SamplingPlan(
            preset.replicas if self.replicas is None else self.replicas,
            preset.jumps if self.jumps is None else self.jumps,
            preset.single_jumps if self.single_jumps is None else self.single_jumps,
            lag,
        )

    def generator(self, name: str) -> np.random.Generator:
        """A generator of its own for each figure, so that one more changes no other."""
        return np.random.default_rng([self.seed, *name.encode()])

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {**asdict(self), "ode": None if self.ode is None else self.ode.to_dict()}


def nearest_multiple(time_ps: float, spacing_ps: float) -> float:
    """The whole number of frames, one at least, that comes closest to a time."""
    return max(1, round(time_ps / spacing_ps)) * spacing_ps


def parse_ode(text: str) -> OdeSettings:
    """``midpoint-40`` (method, evaluations per jump), or ``midpoint-40-even``; ``dopri5``.

    Raises
    ------
    ConfigError
        For anything else.
    """
    method, *rest = text.split("-")
    per_step = OdeSettings(method=method, steps=1).evaluations  # type: ignore[arg-type]
    if per_step is None and not rest:
        return OdeSettings(method=method)  # type: ignore[arg-type]
    if per_step is None or len(rest) not in (1, 2) or not rest[0].isdecimal():
        raise ConfigError(f"integration is written like midpoint-40 or dopri5, not {text!r}")
    if int(rest[0]) % per_step:
        raise ConfigError(
            f"{method} takes {per_step} evaluations per step: {rest[0]} is no multiple of it"
        )
    return OdeSettings(method, int(rest[0]) // per_step, *rest[1:])  # type: ignore[arg-type]
