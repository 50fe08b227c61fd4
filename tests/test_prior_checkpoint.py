"""Checkpoints with a Boltzmann prior, of equilibrium alone, and of the format without either."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save

from ase_tito import checkpoint as module
from ase_tito.checkpoint import (
    operator_from_checkpoint,
    prior_from_checkpoint,
    read_card,
    read_checkpoint,
    save_checkpoint,
)
from ase_tito.errors import CheckpointError
from ase_tito.flow.prior import BoltzmannPriorVelocity
from ase_tito.header import FORMAT_VERSION
from ase_tito.models import MODELS_VARIABLE, available_models, load_model, load_prior
from ase_tito.transfer.prior import prior_of
from tests.priors import born_networks, header_alone, header_with_prior


@pytest.fixture(scope="module")
def networks():
    """U_eq and u_dyn."""
    return born_networks()


@pytest.fixture
def alone(tiny_header, networks):
    """The header of equilibrium alone."""
    return header_alone(tiny_header, networks)


@pytest.fixture
def header(alone, tiny_header, networks):
    """The header of a model with that prior."""
    return header_with_prior(tiny_header, alone, networks)


@pytest.fixture
def directory(tmp_path, monkeypatch, alone, header, networks, tiny_header, tiny_weights):
    """The user's models: with a prior, of equilibrium alone, and plain."""
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    field = BoltzmannPriorVelocity(*networks, 500.0)
    save_checkpoint(tmp_path / "with-prior.safetensors", header, field.state_dict())
    save_checkpoint(tmp_path / "alone.safetensors", alone, networks[0].state_dict())
    save_checkpoint(tmp_path / "tiny.safetensors", tiny_header, tiny_weights)
    return tmp_path


def test_round_trip(directory, header, networks, ethanol, rng):
    path = directory / "with-prior.safetensors"
    found, weights = read_checkpoint(path)
    assert found == header
    assert {key.partition(".")[0] for key in weights} == {"equilibrium", "dynamic"}
    operator = operator_from_checkpoint(path)
    assert isinstance(operator.field, BoltzmannPriorVelocity)
    assert operator.field.relaxation_time_ps == 500.0
    for part, network in zip(("equilibrium", "dynamic"), networks, strict=True):
        kept = getattr(operator.field, part).state_dict()
        assert all(torch.equal(kept[key], value) for key, value in network.state_dict().items())
    graph, positions = ethanol
    x = torch.tensor(positions, dtype=torch.float32)[None]
    assert operator.sample(graph, x, 100.0, generator=rng).info.finite.all()


def test_either_kind_gives_the_prior(directory, ethanol):
    graph, _ = ethanol
    noise = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(0))
    alone, within = (load_prior(name) for name in ("alone", "with-prior"))
    of = prior_of(load_model("with-prior"))
    first = alone.sample(graph, 2, noise=noise).positions
    for prior in (within, of):
        assert torch.equal(prior.sample(graph, 2, noise=noise).positions, first)
    assert within.domain == alone.domain


@pytest.mark.parametrize("coupling", ["independent", "rotation", None])
def test_either_way_to_the_prior_knows_its_coupling(directory, header, networks, coupling):
    settings = {} if coupling is None else {"settings": {"coupling": coupling}}
    trained = {**header.prior, "training": {**header.prior["training"], **settings}}
    path = directory / "coupled.safetensors"
    weights = BoltzmannPriorVelocity(*networks, 500.0).state_dict()
    save_checkpoint(path, replace(header, prior=trained), weights)
    within = prior_of(load_model(path))
    for prior in (load_prior(path), within, within.in_float64()):
        assert prior.coupling == coupling


def test_equilibrium_alone_makes_no_jumps(directory, ethanol):
    with pytest.raises(CheckpointError, match="makes no jumps: load it by load_prior"):
        load_model("alone")
    found = {info.name: info.objections(ethanol[0], 300.0) for info in available_models()}
    assert found["alone"] == ["it knows equilibrium alone and makes no jumps"]
    assert found["with-prior"] == []


def test_a_model_without_a_prior_says_which_have_one(directory):
    with pytest.raises(CheckpointError, match=r"'tiny' has no .*; .* 'alone', 'with-prior'$"):
        load_prior("tiny")
    with pytest.raises(CheckpointError, match=r"'tiny' has no Boltzmann prior"):
        prior_from_checkpoint(directory / "tiny.safetensors")


def test_cards_tell_what_it_is(directory, header, alone):
    card = read_card(directory / "with-prior.safetensors", header)
    assert "prior | alone, relaxation time 500 ps, trained on 1,000 frames |" in card
    card = read_card(directory / "alone.safetensors", alone)
    assert "| Lag times | none: independent samples of the equilibrium |" in card


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ({"relaxation_time_ps": 0.0}, "'prior.relaxation_time_ps' must be a positive number"),
        ({"relaxation_time_ps": "long"}, "'prior.relaxation_time_ps' must be a positive number"),
        ({"name": 3}, "'prior.name' must be a string"),
        ({"network": None}, "'prior.network' must be a dictionary"),
        ({"domain": {}}, "'prior.domain': missing entries"),
        ({"hologram": 1}, "'prior' has the unknown key 'hologram'"),
    ],
)
def test_wrong_entries_are_named(header, entries, text):
    with pytest.raises(CheckpointError, match=text):
        replace(header, prior={**header.prior, **entries})


def test_a_network_that_is_no_prior_is_refused(tmp_path, header, networks):
    field = BoltzmannPriorVelocity(networks[1], networks[1], 500.0)
    wrong = replace(header, prior={**header.prior, "network": networks[1].config.to_dict()})
    with pytest.raises(CheckpointError, match="'prior' has a condition"):
        save_checkpoint(tmp_path / "x.safetensors", wrong, field.state_dict())


@pytest.mark.parametrize(
    ("frame", "features", "text"),
    [("free", 9, "guide_features 9, and the prior has 8"), ("condition", 8, "prior is missing")],
)
def test_a_guide_must_be_there(tmp_path, header, tiny_header, networks, frame, features, text):
    given = header if frame == "free" else tiny_header
    wrong = replace(given, network={**given.network, "guide_features": features})
    with pytest.raises(CheckpointError, match=text):
        save_checkpoint(tmp_path / "x.safetensors", wrong, networks[1].state_dict())


def test_lags_and_network_must_agree(tmp_path, alone, networks, tiny_header):
    wrong = replace(alone, domain=tiny_header.domain)
    with pytest.raises(CheckpointError, match="makes none, but 'domain' is"):
        save_checkpoint(tmp_path / "x.safetensors", wrong, networks[0].state_dict())


def test_files_of_the_first_format_stay_readable(tmp_path, tiny_header, tiny_weights):
    values = json.loads(tiny_header.to_json()) | {"format_version": 1}
    del values["prior"]
    text = json.dumps(values)
    metadata = {"format": "ase_tito", "header": text}
    metadata["sha256"] = module._checksum(text, tiny_weights)
    path = tmp_path / "first.safetensors"
    path.write_bytes(save(dict(tiny_weights), metadata))
    header, _ = read_checkpoint(path)
    assert header == tiny_header
    assert header.prior is None
    assert header.format_version == FORMAT_VERSION
    save_checkpoint(path, header, tiny_weights)
    assert read_checkpoint(path)[0] == tiny_header
