"""A checkpoint with a Boltzmann prior, of networks as they are born."""

import pytest


@pytest.fixture
def tiny_prior_checkpoint(tmp_path, tiny_header):
    """The path of a model of ethanol with a prior, beside no other model."""
    from ase_tito.checkpoint import save_checkpoint
    from ase_tito.flow.prior import BoltzmannPriorVelocity
    from tests.priors import born_networks, header_alone, header_with_prior

    networks = born_networks()
    header = header_with_prior(tiny_header, header_alone(tiny_header, networks), networks)
    path = tmp_path / "priors" / "with-prior.safetensors"
    path.parent.mkdir()
    field = BoltzmannPriorVelocity(*networks, 500.0)
    save_checkpoint(path, header, field.state_dict())
    return path
