"""What a training run is: read from TOML, validated before anything is computed."""

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
from ase_tito.header import source_from_dict
from ase_tito.nn import VelocityConfig


@dataclass(frozen=True)
class DataConfig:
    """Which trajectories, and which pairs of them.

    Parameters
    ----------
    trajectories : tuple of str
        ``.npz`` files; relative paths start at the configuration file's directory.
    lag_range_ps : tuple of float
        Lags are drawn log-uniformly between these.
    validation_fraction : float
        Share at the end of every trajectory that is kept out of training.
    validation_pairs : int
        How many pairs of it the validation loss is taken over.
    force_field : str
        For the model card.
    transferable : bool
        Whether the model may be used for molecules that it was not trained on.
    """

    trajectories: tuple[str, ...]
    force_field: str
    lag_range_ps: tuple[float, float] = (1.0, 1000.0)
    validation_fraction: float = 0.05
    validation_pairs: int = 1024
    transferable: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.trajectories, list | tuple) or not self.trajectories:
            raise ConfigError("data.trajectories must be a list of at least one .npz file")
        object.__setattr__(self, "trajectories", tuple(map(str, self.trajectories)))
        lags = tuple(self.lag_range_ps)
        if len(lags) != 2 or not 0 < lags[0] <= lags[1]:
            raise ConfigError(f"data.lag_range_ps must be two rising lags in ps, not {lags}")
        object.__setattr__(self, "lag_range_ps", (float(lags[0]), float(lags[1])))
        if not isinstance(self.validation_pairs, int) or self.validation_pairs < 1:
            raise ConfigError("data.validation_pairs must be a positive integer")
        if not 0 < self.validation_fraction < 1:
            raise ConfigError(
                f"data.validation_fraction must lie between 0 and 1, not {self.validation_fraction}"
            )


@dataclass(frozen=True)
class OptimizerConfig:
    """How the weights are fitted.

    Parameters
    ----------
    steps : int
        Optimizer steps in all.
    batch_size : int
        Pairs a step, over all processes.
    learning_rate : float
        Peak of the schedule: linear warm-up, then half a cosine down to one percent.
    warmup_steps : int
    weight_decay : float
        Of AdamW.
    betas : tuple of float
        Of AdamW.
    gradient_clip : float
        Largest norm of the gradient.
    ema_decay : float
        Of the exponential moving average of the weights, which is what a checkpoint holds.
    time_location, time_scale : float
        Flow times are s = sigmoid(time_location + time_scale · ε), ε ~ N(0, 1).
    """

    steps: int
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup_steps: int = 300
    weight_decay: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    gradient_clip: float = 2.0
    ema_decay: float = 0.999
    time_location: float = 0.8
    time_scale: float = 1.2

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "warmup_steps"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"optimizer.{name} must be a positive integer, not {value!r}")
        for name in ("learning_rate", "gradient_clip", "time_scale"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not value > 0:
                raise ConfigError(f"optimizer.{name} must be positive, not {value!r}")
        if not 0 <= self.ema_decay < 1:
            raise ConfigError(f"optimizer.ema_decay must lie in [0, 1), not {self.ema_decay}")
        betas = tuple(self.betas)
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ConfigError(f"optimizer.betas must be two numbers in [0, 1), not {betas}")
        object.__setattr__(self, "betas", betas)


@dataclass(frozen=True)
class TrainConfig:
    """A training run.

    Parameters
    ----------
    name : str
        Of the checkpoint.
    output : Path
        Directory for the training state, the log and the checkpoint.
    seed : int
    data : DataConfig
    network : VelocityConfig
        Its lags, and its temperatures if it has any, are those of the data.
    optimizer : OptimizerConfig
    source : dict
        Such as ``{'kind': 'harmonic', 'bond_sigma': 0.8}``, in Å.
    frame : {'condition', 'free'}
    coupling : {'independent', 'rotation', 'permutation'}
    ode : OdeSettings
        Default of the checkpoint for sampling.
    device : {'cpu', 'cuda'}
    compile : bool
        Compile the network with `torch.compile`: needs a C++ compiler and some minutes at the
        start, and runs about 1.6 times as fast on CPUs.
    checkpoint_minutes : float
        Wall time between two saved training states.
    validation_steps : int
        Optimizer steps between two validations.
    """

    name: str
    output: Path
    data: DataConfig
    optimizer: OptimizerConfig
    seed: int = 0
    network: VelocityConfig = field(default_factory=VelocityConfig)
    source: dict[str, Any] = field(default_factory=lambda: {"kind": "harmonic", "bond_sigma": 0.8})
    frame: FrameName = "condition"
    coupling: str = "independent"
    ode: OdeSettings = field(default_factory=OdeSettings)
    device: str = "cpu"
    compile: bool = False
    checkpoint_minutes: float = 3.0
    validation_steps: int = 1000

    def __post_init__(self) -> None:
        source_from_dict(self.source)
        coupling_named(self.coupling)
        frame_named(self.frame)
        if not isinstance(self.seed, int) or self.seed < 0:
            raise ConfigError(f"seed must be a whole number from 0, not {self.seed!r}")
        if self.device not in ("cpu", "cuda"):
            raise ConfigError(f"device must be 'cpu' or 'cuda', not {self.device!r}")
        if not isinstance(self.compile, bool):
            raise ConfigError(f"compile must be true or false, not {self.compile!r}")
        if not self.checkpoint_minutes > 0:
            raise ConfigError("checkpoint_minutes must be positive")
        if not isinstance(self.validation_steps, int) or self.validation_steps < 1:
            raise ConfigError("validation_steps must be a positive integer")

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
            return _from_entries(entries, path.parent)
        except (TITOError, ValueError, TypeError) as error:
            raise ConfigError(f"{path}: {error}") from error

    def identity(self) -> dict[str, Any]:
        """The settings that decide the result: a run resumes only with equal ones."""
        settings = asdict(self)
        for key in ("output", "device", "compile", "checkpoint_minutes", "validation_steps"):
            del settings[key]
        settings["data"]["trajectories"] = [Path(item).name for item in self.data.trajectories]
        plain: dict[str, Any] = json.loads(json.dumps(settings))
        return plain


def _from_entries(entries: Mapping[str, Any], directory: Path) -> TrainConfig:
    entries = dict(_known("", TrainConfig, entries))
    for key in ("data", "optimizer"):
        if key not in entries:
            raise ConfigError(f"the section [{key}] is missing")
    data = dict(_known("data", DataConfig, entries["data"]))
    for required in ("trajectories", "force_field"):
        if required not in data:
            raise ConfigError(f"data.{required} is missing")
    if isinstance(data["trajectories"], list):
        data["trajectories"] = [str(directory / item) for item in data["trajectories"]]
    entries["data"] = DataConfig(**data)
    optimizer = _known("optimizer", OptimizerConfig, entries["optimizer"])
    if "steps" not in optimizer:
        raise ConfigError("optimizer.steps is missing")
    entries["optimizer"] = OptimizerConfig(**optimizer)
    network = _known("network", VelocityConfig, entries.get("network", {}))
    taken = sorted({"frame", "lag_range_ps", "temperature_range_K"} & set(network))
    if taken:
        raise ConfigError(f"network.{taken[0]} follows from [data] and frame: leave it out")
    entries["network"] = VelocityConfig(
        frame=entries.get("frame", "condition"),
        lag_range_ps=entries["data"].lag_range_ps,
        **network,
    )
    entries["ode"] = OdeSettings.from_dict(entries.get("ode", {}))
    for required in ("name", "output"):
        if required not in entries:
            raise ConfigError(f"{required} is missing")
    entries["output"] = directory / entries["output"]
    return TrainConfig(**entries)


def _known(section: str, kind: type, entries: Any) -> Mapping[str, Any]:
    if not isinstance(entries, Mapping):
        raise ConfigError(f"[{section}] must be a section")
    unknown = sorted(set(entries) - {item.name for item in fields(kind)})
    if unknown:
        where = f" in [{section}]" if section else ""
        raise ConfigError(f"unknown entries{where}: {', '.join(unknown)}")
    return entries
