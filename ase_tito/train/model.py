"""What is trained: the network and the flow around it, from scratch or from a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ase_tito.architecture import Network, on_prior
from ase_tito.errors import ConfigError
from ase_tito.flow.frame import Frame, FrameName, frame_named
from ase_tito.flow.ode import OdeSettings
from ase_tito.flow.source import GaussianSource, HarmonicSource, check_centre
from ase_tito.header import source_from_dict
from ase_tito.nn import EquivariantVelocity, VelocityConfig
from ase_tito.train.config import TrainConfig
from ase_tito.train.parent import Parent
from ase_tito.train.prior import Prior

DEFAULT_FRAME: FrameName = "condition"


@dataclass(frozen=True)
class ModelPlan:
    """Everything about a model but its weights.

    Attributes
    ----------
    network : VelocityConfig
        Of what is trained.
    source : HarmonicSource or GaussianSource
    frame : Frame
    ode : OdeSettings
        Default of the checkpoint for sampling.
    prior : Prior, optional
        What stays frozen beneath it.
    """

    network: VelocityConfig
    source: HarmonicSource | GaussianSource
    frame: Frame
    ode: OdeSettings
    prior: Prior | None = None

    def build(self, seed: int, parent: Parent | None) -> Network:
        """The network with the parent's weights, or else with those that the seed gives."""
        network: Network
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = EquivariantVelocity(self.network)
            if self.prior is not None:
                for weight in network.gate[-1].parameters():  # jumps start out as equilibrium
                    nn.init.zeros_(weight)
                time = self.prior.entry["relaxation_time_ps"]
                network = on_prior(self.prior.build(), network, time)
        if parent is not None:
            network.load_state_dict(parent.weights)
        return network


def plan_model(
    config: TrainConfig,
    temperatures_K: Sequence[float],
    parent: Parent | None,
    prior: Prior | None = None,
) -> ModelPlan:
    """Join configuration, data and the checkpoint to start from.

    Parameters
    ----------
    config : TrainConfig
    temperatures_K : sequence of float
        Of the data.
    parent : Parent, optional
    prior : Prior, optional
        The parent's own, where there is a parent.

    Raises
    ------
    ConfigError
        If the data's lags or temperatures lie beyond those that the parent's network spans, or the
        frame does not go with the source.
    """
    low, high = min(temperatures_K), max(temperatures_K)
    if parent is None:
        alone = config.data.equilibrium
        free = alone or prior is not None
        frame = frame_named(config.frame or ("free" if free else DEFAULT_FRAME))
        kind: dict[str, Any] = (
            {"condition_blocks": 0}
            if alone
            else {"lag_range_ps": config.data.lag_range_ps, "superposed": frame.name == "free"}
        )
        if prior is not None:
            kind["guide_features"] = prior.entry["network"]["features"]
        network = VelocityConfig(
            frame=frame.name,
            temperature_range_K=None if low == high else (low, high),
            **kind,
            **config.network,
        )
        source = source_from_dict(config.source) if config.source else HarmonicSource()
        if prior is not None:
            source = prior.flow_source
        check_centre(source.centre, frame)
        return ModelPlan(network, source, frame, config.ode or OdeSettings(), prior)
    network = VelocityConfig.from_dict(parent.header.network)
    _check_spans(config, network, low, high, parent)
    frame = frame_named(network.frame)
    source = source_from_dict(config.source or parent.header.source)
    if prior is not None and not config.inherit_source:
        raise ConfigError(
            f"inherit_source = false: {parent.header.name!r} has a Boltzmann prior, which knows "
            "its own source only"
        )
    check_centre(source.centre, frame)
    return ModelPlan(
        network,
        source,
        frame,
        config.ode or OdeSettings.from_dict(parent.header.ode),
        prior,
    )


def _check_spans(
    config: TrainConfig, network: VelocityConfig, low: float, high: float, parent: Parent
) -> None:
    name = parent.header.name
    lags, spanned = config.data.lag_range_ps, network.lag_range_ps
    if network.conditional and not spanned[0] <= lags[0] <= lags[1] <= spanned[1]:
        raise ConfigError(
            f"data.lag_range_ps is {lags[0]:g} to {lags[1]:g} ps, beyond the {spanned[0]:g} to "
            f"{spanned[1]:g} ps of {name!r}: stay within, or train from scratch"
        )
    temperatures = network.temperature_range_K
    if temperatures is None and low != high:
        raise ConfigError(
            f"the data's temperatures are {low:g} to {high:g} K, but {name!r} takes no "
            "temperature: train on one of them, or from scratch"
        )
    if temperatures is not None and not temperatures[0] <= low <= high <= temperatures[1]:
        raise ConfigError(
            f"the data's temperatures are {low:g} to {high:g} K, beyond the {temperatures[0]:g} "
            f"to {temperatures[1]:g} K of {name!r}: stay within, or train from scratch"
        )
