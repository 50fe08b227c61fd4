"""The velocity field that a checkpoint's header describes, holding the checkpoint's weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ase_tito.errors import CheckpointError
from ase_tito.flow.prior import BoltzmannPriorVelocity
from ase_tito.header import CheckpointHeader, build_part
from ase_tito.nn import EquivariantVelocity, GuidedPriorVelocity, VelocityConfig
from ase_tito.transfer.domain import Domain

Network = EquivariantVelocity | BoltzmannPriorVelocity
"""What checkpoints hold; of the second, weights are named ``equilibrium.*`` or ``dynamic.*``."""


def network_of(header: CheckpointHeader, weights: Mapping[str, Tensor]) -> Network:
    """The network of the header, in evaluation mode, holding these weights.

    Raises
    ------
    CheckpointError
        For a network that is impossible or not what the header promises, and for weights that are
        not finite or do not fit it.
    """
    config = build_part("network", VelocityConfig.from_dict, header.network)
    _check_consistency(header, config)
    prior = None
    if header.prior is not None:
        prior = build_part("prior.network", VelocityConfig.from_dict, header.prior["network"])
        _check_prior(header, prior)
    _check_guide(config, prior)
    for part in (config,) if prior is None else (config, prior):
        if part.blocks + part.condition_blocks > len(weights):  # building them might take for ever
            raise CheckpointError(
                f"header key 'network' is impossible: {part.blocks} blocks and "
                f"{part.condition_blocks} of the condition, of {len(weights)} weights in all"
            )
    try:
        with torch.device("meta"):  # shapes first: no memory before they are known to be right
            expected = _built(header, config, prior).state_dict()
    except (RuntimeError, OverflowError) as error:
        raise CheckpointError(f"header key 'network' is impossible: {error}") from error
    _check_weights(weights, expected)
    with torch.random.fork_rng(devices=[]):  # initial weights come from the global generator
        network = _built(header, config, prior)
    network.load_state_dict(dict(weights))
    return network.eval().requires_grad_(False)


def _built(
    header: CheckpointHeader, config: VelocityConfig, prior: VelocityConfig | None
) -> Network:
    network = EquivariantVelocity(config)
    if prior is None or header.prior is None:
        return network
    time, coupling = header.prior["relaxation_time_ps"], coupling_of(header.prior["training"])
    return on_prior(EquivariantVelocity(prior), network, time, coupling)


def on_prior(
    equilibrium: EquivariantVelocity,
    dynamic: EquivariantVelocity,
    relaxation_time_ps: float,
    coupling: str | None = None,
) -> BoltzmannPriorVelocity:
    """Both networks as one velocity, the second guided by the first if it was built so."""
    kind = GuidedPriorVelocity if dynamic.config.guide_features else BoltzmannPriorVelocity
    return kind(equilibrium, dynamic, relaxation_time_ps, coupling)


def coupling_of(training: Mapping[str, Any]) -> str | None:
    """The coupling of source and target that a record of training names, if it names one."""
    settings = training.get("settings")
    return settings.get("coupling") if isinstance(settings, Mapping) else None


def _check_weights(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    missing, unknown = sorted(set(expected) - set(weights)), sorted(set(weights) - set(expected))
    if missing or unknown:
        side, names = ("lack", missing) if missing else ("have the unexpected", unknown)
        raise CheckpointError(
            f"the weights {side} {names[0]!r}"
            + (f" and {len(names) - 1} more" if len(names) > 1 else "")
            + ", for the network that the header describes"
        )
    for key, tensor in weights.items():
        like = expected[key]
        if tensor.shape != like.shape or tensor.dtype != like.dtype:
            raise CheckpointError(
                f"weight {key!r} is {kind_of(tensor)} where the network that the header describes "
                f"has {kind_of(like)}"
            )
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"weight {key!r} holds NaN or infinite numbers")


def _check_consistency(header: CheckpointHeader, config: VelocityConfig) -> None:
    """The network must have been built for the frame and ranges that the header promises."""
    domain = Domain.from_dict(header.domain)
    if config.frame != header.frame:
        raise CheckpointError(
            f"header key 'frame' is {header.frame!r} but the network's is {config.frame!r}"
        )
    if config.conditional != domain.makes_jumps:
        raise CheckpointError(
            "header key 'network' is of a model that makes "
            + ("jumps, but 'domain' is not" if config.conditional else "none, but 'domain' is")
        )
    if config.conditional:
        _check_span("domain.lag_range_ps", domain.lag_range_ps, config.lag_range_ps)
    if config.temperature_range_K is not None:
        key = "domain.temperature_range_K"
        _check_span(key, domain.temperature_range_K, config.temperature_range_K)


def _check_prior(header: CheckpointHeader, prior: VelocityConfig) -> None:
    """The prior must be one: of the free frame, without condition, at the header's temperatures."""
    if header.frame != "free" or prior.conditional:
        what = f"is in the frame {header.frame!r}" if header.frame != "free" else "has a condition"
        raise CheckpointError(
            f"header key 'prior' {what}: a Boltzmann prior is a field of the frame 'free' without"
        )
    if prior.temperature_range_K is not None:
        range_K = Domain.from_dict(header.domain).temperature_range_K
        _check_span("domain.temperature_range_K", range_K, prior.temperature_range_K)


def _check_guide(config: VelocityConfig, prior: VelocityConfig | None) -> None:
    """What guides the network has to be there."""
    features = 0 if prior is None else prior.features
    if config.guide_features not in (0, features):
        raise CheckpointError(
            f"header key 'network' has guide_features {config.guide_features}, and the prior "
            + (f"has {features} features" if prior else "is missing")
        )


def _check_span(key: str, promised: tuple[float, float], spanned: tuple[float, float]) -> None:
    if not spanned[0] <= promised[0] <= promised[1] <= spanned[1]:
        raise CheckpointError(
            f"header key {key!r} is {list(promised)}, beyond the network's {list(spanned)}"
        )


def kind_of(tensor: Tensor) -> str:
    """Type and shape, for messages and checksums."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
