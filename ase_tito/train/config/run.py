"""A training run as a whole: its configuration file."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ase_tito.errors import ConfigError, TITOError
from ase_tito.flow.coupling import coupling_named
from ase_tito.flow.frame import FrameName, frame_named
from ase_tito.flow.ode import OdeSettings
from ase_tito.header import source_from_dict, source_to_dict
from ase_tito.nn import VelocityConfig
from ase_tito.train.config.checks import (
    check_choice,
    check_flag,
    check_known,
    check_positive,
    check_text,
    check_whole,
)
from ase_tito.train.config.data import DataConfig
from ase_tito.train.config.optimizer import OptimizerConfig
from ase_tito.train.config.prior import PriorConfig, checkpoint_of

_EXECUTION = (
    "output",
    "device",
    "compile",
    "accumulate",
    "checkpoint_minutes",
    "validation_steps",
    "select",
    "tensorboard",
)
"""Entries that may change from one part of a run to the next."""

DERIVED = ("frame", "lag_range_ps", "temperature_range_K", "superposed", "guide_features")
"""Entries of the network that follow from others."""

_LATER = ("prior",)
"""Entries that the first states and headers do not name."""


@dataclass(frozen=True)
class TrainConfig:
    """A training run.

    Parameters
    ----------
    name : str
        Of the checkpoint.
    output : Path
        Directory for the training state, the logs and the checkpoint.
    data : DataConfig
    optimizer : OptimizerConfig
    seed : int
    parent : str, optional
        Checkpoint to start from, by name or path; ``from`` in the configuration file. Network,
        source and frame are its own, and what is given here must not contradict it.
    inherit_source : bool
        Whether the source is the checkpoint's, too. If not, its weights are the start of another
        flow, from `source`, with the same network.
    prior : PriorConfig, optional
        Train on top of a frozen Boltzmann prior, in the frame 'free'.
    network : dict
        Settings of `ase_tito.nn.VelocityConfig` in place of its defaults. Its frame, lags and
        temperatures follow from `frame` and the data.
    source : dict, optional
        Such as ``{'kind': 'harmonic', 'bond_sigma': 0.8}``, the default, in Å.
    frame : {'condition', 'free'}, optional
        By default 'condition', and 'free' for a prior and on top of one.
    coupling : {'independent', 'rotation', 'permutation'}
    ode : OdeSettings, optional
        Default of the checkpoint for sampling.
    device : {'cpu', 'cuda'}
    compile : bool
        Compile the network with `torch.compile`: needs a C++ compiler, and a minute or two at the
        start, for each size of molecules. On CPUs, steps ran 1.1 times (many small molecules, a
        busy machine) to 1.6 times (alanine dipeptide) as fast: try it before a long run.
    precision : {'float32', 'bfloat16'}
        Of the network's matrix products in training; positions and weights are always float32.
    accumulate : int
        Parts in which a process takes its share of a batch, for a batch that is larger than
        memory: the gradient is the same.
    checkpoint_minutes : float
        Training time between two saved states.
    validation_steps : int
        Optimizer steps between two validations.
    select : {'best', 'last'}
        Which averaged weights become the checkpoint: those of the lowest validation loss, or the
        last.
    tensorboard : bool
        Also write the log for TensorBoard; needs the extra `train`.
    """

    name: str
    output: Path
    data: DataConfig
    optimizer: OptimizerConfig
    seed: int = 0
    parent: str | None = None
    inherit_source: bool = True
    prior: PriorConfig | None = None
    network: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] | None = None
    frame: FrameName | None = None
    coupling: str = "independent"
    ode: OdeSettings | None = None
    device: str = "cpu"
    compile: bool = False
    precision: str = "float32"
    accumulate: int = 1
    checkpoint_minutes: float = 3.0
    validation_steps: int = 1000
    select: str = "best"
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ConfigError(f"name must be a word for the checkpoint, not {self.name!r}")
        if self.parent is not None and (not isinstance(self.parent, str) or not self.parent):
            raise ConfigError(f"from must be a model's name or path, not {self.parent!r}")
        check_known("network", {item.name for item in fields(VelocityConfig)}, self.network)
        taken = [key for key in DERIVED if key in self.network]
        if taken:
            raise ConfigError(
                f"network.{taken[0]} follows from [data], [prior] and frame: leave it out"
            )
        if self.data.equilibrium and "condition_blocks" in self.network:
            raise ConfigError("data.equilibrium leaves no condition: leave out condition_blocks")
        if self.data.equilibrium and self.prior is not None:
            raise ConfigError("data.equilibrium trains a prior, which has no [prior] itself")
        VelocityConfig(**self.network)
        if self.source is not None:
            if not isinstance(self.source, Mapping):
                raise ConfigError(f"source must be a table such as {{ kind = … }}: {self.source!r}")
            source = source_from_dict({"centre": "origin", **self.source})
            object.__setattr__(self, "source", source_to_dict(source))
        if self.frame is not None:
            frame_named(self.frame)
            if self.frame != "free" and (self.data.equilibrium or self.prior is not None):
                raise ConfigError(f"frame is {self.frame!r}: a Boltzmann prior needs 'free'")
        coupling_named(self.coupling)
        check_whole("seed", self.seed, least=0)
        check_choice("device", self.device, ("cpu", "cuda"))
        check_choice("precision", self.precision, ("float32", "bfloat16"))
        check_choice("select", self.select, ("best", "last"))
        check_flag("compile", self.compile)
        check_flag("inherit_source", self.inherit_source)
        if not self.inherit_source and (self.parent is None or self.source is None):
            raise ConfigError("inherit_source = false needs both from and the source to take")
        check_flag("tensorboard", self.tensorboard)
        check_positive("checkpoint_minutes", self.checkpoint_minutes)
        check_whole("accumulate", self.accumulate)
        check_whole("validation_steps", self.validation_steps)

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> TrainConfig:
        """Read a configuration file.

        Raises
        ------
        ConfigError
            Naming the file and the entry that is missing, unknown or out of range.
        """
        path = Path(path)
        try:
            entries = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: not valid TOML ({error})") from error
        try:
            return cls.from_entries(entries, path.parent)
        except (TITOError, ValueError, TypeError) as error:
            raise ConfigError(f"{path}: {error}") from error

    @classmethod
    def from_entries(cls, entries: Mapping[str, Any], directory: Path) -> TrainConfig:
        """The configuration that a file in this directory holds, as TOML gives it."""
        names = {item.name for item in fields(cls)} - {"parent"} | {"from"}
        values = dict(check_known("", names, entries))
        for section in ("data", "optimizer"):
            if section not in values:
                raise ConfigError(f"the section [{section}] is missing")
        for required in ("name", "output"):
            if required not in values:
                raise ConfigError(f"{required} is missing")
        values["data"] = DataConfig.from_entries(values["data"], directory)
        known = {item.name for item in fields(OptimizerConfig)}
        values["optimizer"] = OptimizerConfig(
            **check_known("optimizer", known, values["optimizer"])
        )
        if "ode" in values:
            known = {item.name for item in fields(OdeSettings)}
            values["ode"] = OdeSettings.from_dict(check_known("ode", known, values["ode"]))
        if "from" in values:
            values["parent"] = checkpoint_of(values.pop("from"), directory)
        if "prior" in values:
            values["prior"] = PriorConfig.from_entries(values["prior"], directory)
        check_text("output", values["output"])
        values["output"] = directory / values["output"]
        return cls(**values)

    def identity(self) -> dict[str, Any]:
        """The settings that decide the result: a run resumes only with equal ones."""
        settings = {**asdict(self), "data": self.data.identity()}
        if self.parent is not None:  # its content is compared, see `Parent.digest`
            settings["parent"] = Path(self.parent).name
        if self.prior is not None:
            settings["prior"]["checkpoint"] = Path(self.prior.checkpoint).name
        for key in _LATER:
            if settings[key] is None:
                del settings[key]
        for key in _EXECUTION:
            del settings[key]
        plain: dict[str, Any] = json.loads(json.dumps(settings))
        return plain
