"""The checkpoint that a fine-tuning run starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ase_tito.checkpoint import read_checkpoint
from ase_tito.digest import file_sha256
from ase_tito.errors import ConfigError
from ase_tito.header import CheckpointHeader
from ase_tito.models import find_checkpoint
from ase_tito.train.config import TrainConfig
from ase_tito.transfer.domain import Domain


@dataclass(frozen=True, eq=False)
class Parent:
    """A checkpoint whose weights are trained further.

    Attributes
    ----------
    header : CheckpointHeader
    weights : dict of str to Tensor
    digest : str
        SHA-256 of the file, in hexadecimal.
    """

    header: CheckpointHeader
    weights: dict[str, Tensor]
    digest: str

    @property
    def domain(self) -> Domain:
        return Domain.from_dict(self.header.domain)

    def record(self) -> dict[str, Any]:
        """What the header of the new checkpoint says of this one."""
        return {
            "name": self.header.name,
            "sha256": self.digest,
            "domain": self.header.domain,
            "training": self.header.training,
        }

    def check(self, config: TrainConfig) -> None:
        """Refuse settings that contradict the checkpoint.

        Raises
        ------
        ConfigError
            Naming the first such setting, and both values.
        """
        if self.domain.makes_jumps == config.data.equilibrium:
            here, there = ("equilibrium alone", "jumps")[:: 1 if config.data.equilibrium else -1]
            raise ConfigError(
                f"{self.header.name!r}, from which training starts, is a model of {there}, and "
                f"this run trains one of {here} (data.equilibrium)"
            )
        given: dict[str, tuple[Any, Any]] = {
            f"network.{key}": (value, self.header.network[key])
            for key, value in config.network.items()
        }
        if config.frame is not None:
            given["frame"] = (config.frame, self.header.frame)
        if config.source is not None and config.inherit_source:
            given["source"] = (dict(config.source), self.header.source)
        for key, (here, there) in given.items():
            if here != there and not (key == "network.chirality_reach" and here > there):
                raise ConfigError(
                    f"{key} is {_shown(here)}, but {self.header.name!r}, from which training "
                    f"starts, has {_shown(there)}: leave it out, or train from scratch"
                    + (", or set inherit_source = false" if key == "source" else "")
                )

    def reaching(self, bonds: int) -> Parent:
        """With `VelocityConfig.chirality_reach` of so many bonds, if it had fewer.

        The new weights are zero: what the checkpoint computes stays as it is.
        """
        network = self.header.network
        if bonds <= network["chirality_reach"]:
            return self
        key = ("dynamic." if self.header.prior else "") + "distant_chirality"
        known = self.weights.get(key, torch.zeros(0, network["axial_features"]))
        new = torch.zeros(bonds - len(known), network["axial_features"])
        return replace(
            self,
            header=replace(self.header, network={**network, "chirality_reach": bonds}),
            weights={**self.weights, key: torch.cat([known, new])},
        )


def read_parent(config: TrainConfig) -> Parent | None:
    """The checkpoint that the configuration starts from, checked against it; None for none.

    Raises
    ------
    CheckpointError
        If it is unknown or damaged.
    ConfigError
        If the settings contradict it.
    """
    if config.parent is None:
        return None
    path = find_checkpoint(config.parent)
    header, weights = read_checkpoint(path)
    parent = Parent(header, weights, file_sha256(path))
    parent.check(config)
    return parent.reaching(config.network.get("chirality_reach", 0))


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {entry}" for key, entry in sorted(value.items()))
    return str(value)
