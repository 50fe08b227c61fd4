"""Training configurations: what is read, what is refused and with which words."""

from dataclasses import replace

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
        ("lag_range_ps = [1.0, 20.0]", "lag_range_ps = [0, 1.0]", "positive, in ps, not 0"),
        ("lag_range_ps = [1.0, 20.0]", 'lag_range_ps = ["1", "2"]', "positive, in ps, not '1'"),
        ("lag_range_ps = [1.0, 20.0]", "lags_ps = [20.0, 1.0]", "rising list of lags in ps"),
        ("lag_range_ps = [1.0, 20.0]", "lags_ps = []", "rising list of lags in ps"),
        ("lag_range_ps = [1.0, 20.0]", "lags_ps = 10.0", "rising list of lags in ps"),
        ("lag_range_ps", "lags_ps = [1.0, 2.0]\nlag_range_ps", "place of data.lag_range_ps"),
        (
            "lag_range_ps = [1.0, 20.0]",
            'lags_ps = [1.0]\nlag_distribution = "uniform"',
            "place of data.lag_distribution",
        ),
        (
            "validation_pairs = 32",
            "largest_padding = 1.5",
            "largest_padding must lie between 0 and 1",
        ),
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


def test_fixed_lags_give_the_range_and_older_states_go_on(toy):
    before = TrainConfig.from_toml(toy)
    assert not {"lags_ps", "largest_padding"} & set(before.identity()["data"])
    toy.write_text(
        toy.read_text().replace("lag_range_ps = [1.0, 20.0]", "lags_ps = [2, 8, 16]") + "\n"
    )
    config = TrainConfig.from_toml(toy)
    assert config.data.lags_ps == (2.0, 8.0, 16.0)
    assert config.data.lag_range_ps == (2.0, 16.0)
    assert config.identity()["data"]["lags_ps"] == [2.0, 8.0, 16.0]
    again = replace(config.data, largest_padding=1.0)
    assert again.lag_range_ps == (2.0, 16.0)
    assert again.identity()["largest_padding"] == 1.0


def test_absent_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        TrainConfig.from_toml(tmp_path / "absent.toml")
