"""Which trajectories a model is trained on, and which pairs of them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from ase_tito.errors import ConfigError
from ase_tito.train.config.checks import (
    check_choice,
    check_flag,
    check_known,
    check_positive,
    check_share,
    check_text,
    check_whole,
    check_within,
)
from ase_tito.transfer.domain import NO_LAGS

_LATER = ("lags_ps", "largest_padding", "equilibrium")
"""Entries that the first states and headers do not name."""


@dataclass(frozen=True)
class DataConfig:
    """Which trajectories, and which pairs of them.

    Parameters
    ----------
    dataset : tuple of str
        Dataset files (HDF5, see `ase_tito.data.Dataset`); relative paths start at the
        configuration file's directory. In the file, a single one may be given as a string.
    trajectories : tuple of str
        ``.npz`` files, besides or instead.
    train_split : str, optional
        Split of the datasets to train on: by default 'train' where there is one, else all
        molecules.
    validation_split : str, optional
        Split with the molecules that validation, and the choice of the best weights, go by: by
        default 'validation' where there is one.
    molecules : tuple of str
        Names of the datasets' molecules to train on, in place of a split.
    force_field : str
        For the model card; by default what the datasets say.
    lag_range_ps : tuple of float
        Shortest and longest lag.
    lag_distribution : {'log-uniform', 'uniform'}
        Of the lags between these.
    lags_ps : tuple of float
        A rising list of lags, each drawn equally often, in place of a range and a distribution;
        `lag_range_ps` is then from its first to its last.
    largest_padding : float
        Share of a batch's atoms that may be padding: molecules are batched by size such that it
        is not more. 1 makes batches of any molecules.
    validation_fraction : float
        Where no validation split is used: share at the end of every trajectory that is kept out
        of training.
    validation_pairs : int
        How many pairs the validation loss is taken over.
    transferable : bool
        Whether the model may be used for molecules that it was not trained on.
    inherit_domain : bool
        Whether a transferable model that starts from another keeps the elements and sizes which
        that knew, and hence its temperature.
    equilibrium : bool
        Train an equilibrium density on single frames: a Boltzmann prior. Runs that are not
        time-ordered, and weighted frames, are used too; there are no lags.
    """

    dataset: tuple[str, ...] = ()
    trajectories: tuple[str, ...] = ()
    train_split: str | None = None
    validation_split: str | None = None
    molecules: tuple[str, ...] = ()
    force_field: str = ""
    lag_range_ps: tuple[float, float] = (1.0, 1000.0)
    lag_distribution: str = "log-uniform"
    lags_ps: tuple[float, ...] = ()
    largest_padding: float = 0.2
    validation_fraction: float = 0.05
    validation_pairs: int = 1024
    transferable: bool = False
    inherit_domain: bool = True
    equilibrium: bool = False

    def __post_init__(self) -> None:
        for name in ("dataset", "trajectories", "molecules"):
            value = getattr(self, name)
            if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
                raise ConfigError(f"data.{name} must be a list of strings, not {value!r}")
            twice = [v for k, v in enumerate(value) if v in value[:k]]
            if twice:
                raise ConfigError(f"data.{name} names {twice[0]} twice")
            object.__setattr__(self, name, tuple(value))
        check_text("data.force_field", self.force_field)
        for name in ("train_split", "validation_split"):
            if getattr(self, name) is not None:
                check_text(f"data.{name}", getattr(self, name))
        if not self.dataset and not self.trajectories:
            raise ConfigError(
                "data.dataset must name at least one HDF5 dataset, or data.trajectories at least "
                "one .npz file"
            )
        if not self.dataset:
            for name in ("train_split", "validation_split", "molecules"):
                if getattr(self, name):
                    raise ConfigError(f"data.{name} chooses from a dataset: add data.dataset")
            if not self.force_field:
                raise ConfigError("data.force_field is missing")
        if self.molecules and (self.train_split or self.validation_split):
            raise ConfigError("data.molecules takes the place of splits: leave out data.*_split")
        check_flag("data.equilibrium", self.equilibrium)
        lags = NO_LAGS if self.equilibrium else _rising("lag_range_ps", self.lag_range_ps, 2)
        object.__setattr__(self, "lag_range_ps", lags)
        check_choice("data.lag_distribution", self.lag_distribution, ("log-uniform", "uniform"))
        if self.lags_ps != ():
            object.__setattr__(self, "lags_ps", _rising("lags_ps", self.lags_ps))
            object.__setattr__(self, "lag_range_ps", (self.lags_ps[0], self.lags_ps[-1]))
        check_share("data.largest_padding", self.largest_padding)
        check_whole("data.validation_pairs", self.validation_pairs)
        check_within("data.validation_fraction", self.validation_fraction, 0, 1, open_low=True)
        check_flag("data.transferable", self.transferable)
        check_flag("data.inherit_domain", self.inherit_domain)

    @classmethod
    def from_entries(cls, entries: Any, directory: Path) -> DataConfig:
        """The section [data]; relative paths start at `directory`."""
        known = dict(check_known("data", {item.name for item in fields(cls)}, entries))
        if known.get("equilibrium"):
            for name in ("lag_range_ps", "lag_distribution", "lags_ps"):
                if name in known:
                    raise ConfigError(f"data.equilibrium leaves no lags: leave out data.{name}")
        if "lags_ps" in known:
            for other in ("lag_range_ps", "lag_distribution"):
                if other in known:
                    raise ConfigError(f"data.lags_ps takes the place of data.{other}: keep one")
        if isinstance(known.get("dataset"), str):
            known["dataset"] = [known["dataset"]]
        config = cls(**known)
        return replace(
            config,
            dataset=tuple(str(directory / path) for path in config.dataset),
            trajectories=tuple(str(directory / path) for path in config.trajectories),
        )

    def identity(self) -> dict[str, Any]:
        """The settings that decide the result: files by their names alone, they may be moved."""
        settings = {item.name: getattr(self, item.name) for item in fields(self)}
        for name in ("dataset", "trajectories"):
            settings[name] = [Path(path).name for path in settings[name]]
        for item in fields(self):  # states and headers older than these entries lack them
            if item.name in _LATER and settings[item.name] == item.default:
                del settings[item.name]
        return settings


def _rising(name: str, values: Any, count: int | None = None) -> tuple[float, ...]:
    """Positive times, the first the shortest; two may be one and the same."""
    listed = isinstance(values, list | tuple) and len(values) == (count or len(values)) > 0
    if listed:
        for value in values:
            check_positive(f"data.{name}", value, "ps")
    if not listed or not all(a < b or (count and a == b) for a, b in pairwise(values)):
        what = "two rising lags" if count else "a rising list of lags"
        raise ConfigError(f"data.{name} must be {what} in ps, not {values}")
    return tuple(map(float, values))
