"""A checkpoint with a Boltzmann prior, of networks as they are born."""

from dataclasses import replace

import pytest

SETTINGS = {"features": 8, "heads": 2, "blocks": 1, "pair_features": 4, "frame": "free"}


@pytest.fixture
def tiny_prior_checkpoint(tmp_path, tiny_header):
    """The path of a model of ethanol with a prior, beside no other model."""
    import torch

    from ase_tito.checkpoint import save_checkpoint
    from ase_tito.flow.prior import BoltzmannPriorVelocity
    from ase_tito.nn import EquivariantVelocity, VelocityConfig

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        networks = (
            EquivariantVelocity(VelocityConfig(condition_blocks=0, **SETTINGS)),
            EquivariantVelocity(VelocityConfig(**SETTINGS)),
        )
    alone = replace(
        tiny_header,
        name="alone",
        frame="free",
        network=networks[0].config.to_dict(),
        domain=tiny_header.domain | {"lag_range_ps": [0.0, 0.0]},
        training=tiny_header.training | {"lag_range_ps": [0.0, 0.0]},
    )
    header = replace(
        tiny_header,
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
    path = tmp_path / "priors" / "with-prior.safetensors"
    path.parent.mkdir()
    field = BoltzmannPriorVelocity(*networks, 500.0)
    save_checkpoint(path, header, field.state_dict())
    return path
