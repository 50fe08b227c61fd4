"""Small models with a Boltzmann prior: networks as they are born, and their headers."""

from dataclasses import replace

import torch

from ase_tito.nn import EquivariantVelocity, VelocityConfig

SETTINGS = {"features": 8, "heads": 2, "blocks": 1, "pair_features": 4, "frame": "free"}


def born_networks():
    """U_eq and u_dyn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return (
            EquivariantVelocity(VelocityConfig(condition_blocks=0, **SETTINGS)),
            EquivariantVelocity(VelocityConfig(**SETTINGS)),
        )


def header_alone(plain, networks):
    """The header of equilibrium alone, from that of a model of jumps."""
    return replace(
        plain,
        name="alone",
        frame="free",
        network=networks[0].config.to_dict(),
        domain=plain.domain | {"lag_range_ps": [0.0, 0.0]},
        training=plain.training | {"lag_range_ps": [0.0, 0.0]},
    )


def header_with_prior(plain, alone, networks):
    """The header of a model with that prior."""
    return replace(
        plain,
        name="with-prior",
        frame="free",
        network=networks[1].config.to_dict(),
        prior={
            "network": alone.network,
            "relaxation_time_ps": 500.0,
            "name": "alone",
            "sha256": "0" * 64,
            "domain": alone.domain,
            "training": alone.training,
        },
    )
