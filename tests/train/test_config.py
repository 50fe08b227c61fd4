"""Training configurations: what is read, what is refused and with which words."""

import pytest

from ase_tito.errors import ConfigError
from ase_tito.train import TrainConfig


def test_paths_start_at_the_file(toy):
    config = TrainConfig.from_toml(toy)
    assert config.output == toy.parent / "run"
    assert config.data.trajectories == (str(toy.parent / "ethanol.npz"),)
    assert config.data.lag_range_ps == (1.0, 20.0)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("steps = 60", "", "optimizer.steps is missing"),
        ("steps = 60", "steps = 0", "positive integer"),
        ("steps = 60", "steps = true", "positive integer"),
        ("seed = 3", "seed = -1", "whole number"),
        ("seed = 3", 'colour = "red"', "unknown entries: colour"),
        ("heads = 2", "head = 2", r"unknown entries in \[network\]: head"),
        ("heads = 2", "heads = 3", "must divide"),
        ("heads = 2", 'frame = "free"', "leave it out"),
        ("[data]", "[dat]", "unknown entries: dat"),
        ("lag_range_ps = [1.0, 20.0]", "lag_range_ps = [20.0, 1.0]", "rising"),
        ("validation_fraction = 0.2", "validation_fraction = 1.5", "between 0 and 1"),
        ('trajectories = ["ethanol.npz"]', "trajectories = []", "at least one"),
        ('trajectories = ["ethanol.npz"]', 'trajectories = "ethanol.npz"', "must be a list"),
        ('name = "toy"', "", "name is missing"),
        ('name = "toy"', 'name = "toy', "not valid TOML"),
        ("seed = 3", 'coupling = "optimal"', "unknown coupling"),
        ("seed = 3", 'frame = "body"', "frame"),
        ("seed = 3", 'device = "tpu"', "'cpu' or 'cuda'"),
        ("seed = 3", 'source = { kind = "harmonic", bond_sigma = -1.0 }', "positive"),
        ("seed = 3", 'source = { kind = "uniform" }', "source kind"),
        ("batch_size = 8", "betas = [0.9]", "betas"),
        ("batch_size = 8", "learning_rate = 0.0", "must be positive"),
    ],
)
def test_bad_settings_are_named(toy, old, new, text):
    content = toy.read_text()
    assert old in content
    toy.write_text(content.replace(old, new, 1))
    with pytest.raises(ConfigError, match=text) as caught:
        TrainConfig.from_toml(toy)
    assert "toy.toml" in str(caught.value)


def test_absent_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        TrainConfig.from_toml(tmp_path / "absent.toml")
