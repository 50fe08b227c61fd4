"""The Boltzmann prior of a run that trains a model of jumps on top of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ase_tito.architecture import coupling_of
from ase_tito.checkpoint import read_checkpoint
from ase_tito.data.trajectory import MolecularTrajectory
from ase_tito.digest import file_sha256
from ase_tito.errors import ConfigError
from ase_tito.flow.source import GaussianSource, HarmonicSource
from ase_tito.header import CheckpointHeader, source_from_dict
from ase_tito.models import find_checkpoint
from ase_tito.nn import EquivariantVelocity, VelocityConfig
from ase_tito.train.config import TrainConfig
from ase_tito.train.parent import Parent
from ase_tito.transfer.domain import Domain

_PREFIX = "equilibrium."


@dataclass(frozen=True, eq=False)
class Prior:
    """A frozen u_eq.

    Attributes
    ----------
    entry : dict
        What the new checkpoint's header says of it: see `CheckpointHeader.prior`.
    weights : dict of str to Tensor
    source : dict
        Of the flow, which both parts of the velocity share.
    """

    entry: dict[str, Any]
    weights: dict[str, Tensor]
    source: dict[str, Any]

    @property
    def digest(self) -> str:
        """What a resumed run must find again."""
        return f"{self.entry['sha256']} at {self.entry['relaxation_time_ps']:g} ps"

    @property
    def flow_source(self) -> HarmonicSource | GaussianSource:
        """The source of its flow."""
        return source_from_dict(self.source)

    def build(self) -> EquivariantVelocity:
        """The network, frozen."""
        network = EquivariantVelocity(VelocityConfig.from_dict(self.entry["network"]))
        network.load_state_dict(self.weights)
        return network.eval().requires_grad_(False)

    def check(self, config: TrainConfig, trajectories: Sequence[MolecularTrajectory]) -> None:
        """Refuse settings and data that the prior does not fit.

        Raises
        ------
        ConfigError
            Naming the setting, or the trajectory and what speaks against it.
        """
        name = self.entry["name"]
        if config.source is not None and dict(config.source) != self.source:
            raise ConfigError(f"source is not that of the prior {name!r}: leave it out")
        coupling = coupling_of(self.entry["training"]) or config.coupling
        if coupling != config.coupling:
            raise ConfigError(
                f"coupling is {config.coupling!r}, but the prior {name!r} was trained with "
                f"{coupling!r}: at long lags the two must agree"
            )
        domain = Domain.from_dict(self.entry["domain"])
        for trajectory in trajectories:
            reasons = domain.objections(trajectory.graph, trajectory.temperature_K)
            if reasons:
                raise ConfigError(
                    f"the prior {name!r} does not serve {trajectory.name}: {'; '.join(reasons)}"
                )


def read_prior(config: TrainConfig, parent: Parent | None) -> Prior | None:
    """The prior that the configuration names, or that the parent has; None for none.

    Raises
    ------
    CheckpointError
        If it is unknown or damaged.
    ConfigError
        If what is named holds no prior, or the parent has another.
    """
    inherited = None if parent is None else _held(parent.header, parent.weights)
    if config.prior is None:
        return inherited
    if parent is not None:
        raise ConfigError(
            f"[prior] and from exclude each other: {parent.header.name!r} "
            + ("has none" if inherited is None else "has its own")
            + ", and its velocity fits no other"
        )
    path = find_checkpoint(config.prior.checkpoint)
    header, weights = read_checkpoint(path)
    time = float(config.prior.relaxation_time_ps)
    held = _held(header, weights)
    if held is not None:
        return Prior({**held.entry, "relaxation_time_ps": time}, held.weights, held.source)
    if header.network["condition_blocks"]:
        raise ConfigError(
            f"prior.checkpoint: {header.name!r} has no Boltzmann prior; train one with "
            "data.equilibrium = true"
        )
    entry = {
        "network": header.network,
        "relaxation_time_ps": time,
        "name": header.name,
        "sha256": file_sha256(path),
        "domain": header.domain,
        "training": header.training,
    }
    return Prior(entry, weights, header.source)


def _held(header: CheckpointHeader, weights: dict[str, Tensor]) -> Prior | None:
    """The prior within a checkpoint of jumps."""
    if header.prior is None:
        return None
    own = {
        key.removeprefix(_PREFIX): value
        for key, value in weights.items()
        if key.startswith(_PREFIX)
    }
    return Prior(dict(header.prior), own, header.source)
