"""A training run of seconds: ethanol, vibrating about one geometry."""

import numpy as np
import pytest

SETTINGS = """
name = "toy"
output = "run"
seed = 3
checkpoint_minutes = 10.0
validation_steps = 20

[data]
trajectories = ["ethanol.npz"]
force_field = "none: noise about one geometry"
lag_range_ps = [1.0, 20.0]
validation_fraction = 0.2
validation_pairs = 32

[network]
features = 16
heads = 2
blocks = 2

[optimizer]
steps = 60
batch_size = 8
warmup_steps = 10
"""


@pytest.fixture
def toy(tmp_path, ethanol):
    """The path of a training configuration beside its data."""
    graph, positions = ethanol
    noise = np.random.default_rng(0).normal(size=(400, graph.n_atoms, 3))
    np.savez(
        tmp_path / "ethanol.npz",
        positions=positions + 0.03 * noise,
        atomic_numbers=graph.atomic_numbers,
        bonds=graph.bonds,
        frame_spacing_ps=1.0,
        temperature_K=300.0,
    )
    path = tmp_path / "toy.toml"
    path.write_text(SETTINGS)
    return path
