"""Training runs of seconds: small molecules, vibrating about one geometry."""

from dataclasses import replace

import numpy as np
import pytest

from tests.molecules import write_vibrating_ethanol

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


@pytest.fixture(scope="session")
def settings():
    """A training configuration, as text."""
    return SETTINGS


@pytest.fixture
def toy(tmp_path, settings):
    """The path of a training configuration beside its data."""
    write_vibrating_ethanol(tmp_path / "ethanol.npz")
    path = tmp_path / "toy.toml"
    path.write_text(settings)
    return path


@pytest.fixture
def quick(toy):
    """That configuration, read, with a run of six steps in the smallest network."""
    from ase_tito.train import TrainConfig

    config = TrainConfig.from_toml(toy)
    network = {"features": 8, "heads": 2, "blocks": 1, "pair_features": 4}
    optimizer = replace(config.optimizer, steps=6, warmup_steps=2)
    return replace(config, network=network, optimizer=optimizer, validation_steps=2)


@pytest.fixture
def dataset(tmp_path):
    """The path of a dataset: a run of each of four molecules, split for training."""
    from ase.build import molecule

    from ase_tito.data import DatasetWriter, MoleculeRecord, Run
    from ase_tito.perception import build_graph

    path = tmp_path / "small.h5"
    generator = np.random.default_rng(1)
    with DatasetWriter(path, {"force_field": "none: noise"}) as writer:
        for name in ("CH3CH2OH", "CH3OH", "CH3SH", "C2H6"):
            atoms = molecule(name)
            graph = build_graph(atoms.numbers, atoms.positions)
            noise = 0.03 * generator.normal(size=(100, graph.n_atoms, 3))
            positions = atoms.positions + noise
            positions -= positions.mean(1, keepdims=True)
            runs = [Run("run", positions.astype(np.float32), 1.0, 300.0)]
            if name == "CH3OH":  # equilibrium samples, which are no dynamics
                runs.append(
                    Run("remd", positions.astype(np.float32), 1.0, 300.0, time_ordered=False)
                )
            writer.add(MoleculeRecord(name, graph, tuple(runs)))
        writer.set_split("train", ["CH3CH2OH", "CH3OH"])
        writer.set_split("validation", ["CH3SH"])
        writer.set_split("test", ["C2H6"])
    return path
