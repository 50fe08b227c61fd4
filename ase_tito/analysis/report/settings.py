"""What can be chosen in a report."""

from __future__ import annotations

from dataclasses import dataclass

from ase_tito.errors import DataError

SHORTEST_LAG_PS = 10.0
"""Below this positions are not Markovian, and a default lag is never shorter."""


@dataclass(frozen=True)
class ReportSettings:
    """Choices with defaults that suit small molecules and peptides.

    Attributes
    ----------
    lag_time_ps : float or None
        Of TICA, VAMP and the Markov model. By default the shortest lag of at least
        `SHORTEST_LAG_PS` that is a whole number of frames of all trajectories.
    block_time_ps : float or None
        Of the bootstrap. By default twice the correlation time of the slowest coordinate, but
        never so long that fewer than ten blocks are left.
    skip_ps : float
        Beginning of each of the model's trajectories that is left out.
    surface_bins : int
        Along each TICA axis for divergence and coverage; the papers have 100.
    torsion_bins : int
        Along each axis of Ramachandran plots.
    states : int
        Of the Markov model.
    splits, resamples : int
        Halvings for floors; bootstrap samples.
    seed : int
        Of everything random: same seed, same report.
    energy_frames : int
        At most so many frames of either side are given to the energy function.

    Raises
    ------
    DataError
        For values out of range.
    """

    lag_time_ps: float | None = None
    block_time_ps: float | None = None
    skip_ps: float = 0.0
    surface_bins: int = 100
    torsion_bins: int = 36
    states: int = 50
    splits: int = 20
    resamples: int = 200
    seed: int = 0
    energy_frames: int = 2000

    def __post_init__(self) -> None:
        for name in ("lag_time_ps", "block_time_ps"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise DataError(f"{name} must be a positive time in ps, not {value}")
        for name, least in (
            ("surface_bins", 2),
            ("torsion_bins", 2),
            ("states", 2),
            ("splits", 2),
            ("resamples", 10),
            ("energy_frames", 10),
        ):
            if getattr(self, name) < least:
                raise DataError(f"{name} must be at least {least}, not {getattr(self, name)}")
