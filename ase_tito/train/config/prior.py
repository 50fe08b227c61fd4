"""The Boltzmann prior that a model of jumps is trained on top of."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ase_tito.errors import ConfigError
from ase_tito.train.config.checks import check_known, check_positive


@dataclass(frozen=True)
class PriorConfig:
    """Which prior, and how fast the dependence on the condition fades.

    Parameters
    ----------
    checkpoint : str
        Name or path of a model of equilibrium alone, or of one that has a prior itself. It is
        frozen, and becomes part of the new checkpoint.
    relaxation_time_ps : float
        t̂ of e^{−τ/t̂}: the slowest implied timescale of the data.
    """

    checkpoint: str
    relaxation_time_ps: float

    def __post_init__(self) -> None:
        if not isinstance(self.checkpoint, str) or not self.checkpoint:
            raise ConfigError(f"prior.checkpoint must be a name or path, not {self.checkpoint!r}")
        check_positive("prior.relaxation_time_ps", self.relaxation_time_ps, "ps")

    @classmethod
    def from_entries(cls, entries: Any, directory: Path) -> PriorConfig:
        """The section [prior]; a relative path starts at `directory`."""
        names = [item.name for item in fields(cls)]
        known = check_known("prior", names, entries)
        for name in names:
            if name not in known:
                raise ConfigError(f"prior.{name} is missing")
        config = cls(**known)
        return replace(config, checkpoint=checkpoint_of(config.checkpoint, directory))


def checkpoint_of(value: Any, directory: Path) -> Any:
    """A path starts at the file's directory; a model's name has neither suffix nor slash."""
    if isinstance(value, str) and (value.endswith(".safetensors") or Path(value).name != value):
        return str(directory / value)
    return value
