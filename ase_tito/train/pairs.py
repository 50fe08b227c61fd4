"""The pairs, or frames, that a run draws: those it is trained on, and those that validate."""

from __future__ import annotations

from collections.abc import Sequence

from ase_tito.data.frames import EquilibriumFrames
from ase_tito.data.pairs import LaggedPairs, longest_lag_ps
from ase_tito.data.trajectory import MolecularTrajectory
from ase_tito.errors import ConfigError
from ase_tito.train.config import DataConfig
from ase_tito.train.material import Material

Pairs = LaggedPairs | EquilibriumFrames

_ROUNDING = 1e-6


def training_pairs(config: DataConfig, material: Material) -> Pairs:
    """Pairs of all lags of the configuration, or frames for an equilibrium.

    Raises
    ------
    DataError
        If frames are too far apart for the shortest lag, or no trajectory is long enough for the
        longest.
    """
    return _pairs(config, material.training, config.lag_range_ps[1])


def validation_pairs(config: DataConfig, material: Material) -> Pairs:
    """Pairs of the lags that validation trajectories are long enough for, each molecule by itself.

    Raises
    ------
    ConfigError
        If none is long enough for the shortest lag.
    """
    if config.equilibrium:
        return _pairs(config, material.validation, 0.0)
    low, high = config.lag_range_ps
    reached = max(map(longest_lag_ps, material.validation))
    if reached < low * (1 - _ROUNDING):
        raise ConfigError(
            f"lags from {low:g} ps need validation trajectories of twice that time, and the "
            f"longest ends after {2 * reached:g} ps: "
            + (
                "choose other validation molecules"
                if material.held_out
                else "enlarge data.validation_fraction"
            )
        )
    return _pairs(config, material.validation, min(high, reached))


def _pairs(
    config: DataConfig, trajectories: Sequence[MolecularTrajectory], longest_ps: float
) -> Pairs:
    """Pairs of lags up to this one."""
    if config.equilibrium:
        return EquilibriumFrames(trajectories, largest_padding=config.largest_padding)
    if config.lags_ps:
        fitting = [lag for lag in config.lags_ps if lag <= longest_ps * (1 + _ROUNDING)]
        return LaggedPairs(trajectories, lags_ps=fitting, largest_padding=config.largest_padding)
    return LaggedPairs(
        trajectories,
        (config.lag_range_ps[0], longest_ps),
        lag_distribution=config.lag_distribution,
        largest_padding=config.largest_padding,
    )
