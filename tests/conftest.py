"""A small model that works: it returns the condition, blurred by a little of the source.

Imports are in the fixtures: most tests need neither a network nor a checkpoint.
"""

import pytest


@pytest.fixture(scope="session")
def ethanol():
    """The graph of ethanol and its positions in Å, shape (9, 3)."""
    from ase.build import molecule

    from ase_tito.perception import build_graph

    atoms = molecule("CH3CH2OH")
    return build_graph(atoms.numbers, atoms.positions), atoms.positions


@pytest.fixture(scope="session")
def tiny_network():
    """The velocity 8 (x − z): integrated, it ends at x + e⁻⁸ (z_0 − x)."""
    import torch

    from ase_tito.nn import EquivariantVelocity, VelocityConfig

    config = VelocityConfig(
        features=8, heads=2, blocks=1, pair_features=4, radial_functions=4, axial_features=2
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = EquivariantVelocity(config)
    scale = 8.0 * 4.0  # positions enter in units of 4 Å
    with torch.no_grad():
        network.gate[-1].weight.zero_()
        network.gate[-1].bias.zero_()
        network.skip.weight.zero_()
        network.skip.bias.copy_(torch.tensor([-scale, scale]))
    return network


@pytest.fixture(scope="session")
def tiny_weights(tiny_network):
    return tiny_network.state_dict()


@pytest.fixture(scope="session")
def tiny_header(tiny_network):
    from ase_tito.flow.ode import OdeSettings
    from ase_tito.header import CheckpointHeader
    from ase_tito.transfer.domain import Domain

    domain = Domain(
        lag_range_ps=(1.0, 1000.0),
        temperature_range_K=(300.0, 300.0),
        elements=(1, 6, 8),
        n_atoms_range=(9, 9),
        molecules=None,
        acyclic_only=True,
    )
    return CheckpointHeader(
        name="tiny",
        network=tiny_network.config.to_dict(),
        source={"kind": "harmonic", "bond_sigma": 0.8, "centre": "origin"},
        frame="condition",
        ode=OdeSettings(steps=12).to_dict(),
        domain=domain.to_dict(),
        training={
            "molecules": ["ethanol"],
            "force_field": "toy force field",
            "temperature_K": 300.0,
            "lag_range_ps": [1.0, 1000.0],
            "n_frames": 1000,
            "training_time_s": 60.0,
            "commit": "0000000",
            "seed": 0,
            "command": "ase-tito train tiny.toml",
        },
        package_version="0.1.0",
    )


@pytest.fixture
def tiny_checkpoint(tmp_path, tiny_header, tiny_weights):
    """The path of the small model's checkpoint, in a directory of its own."""
    from ase_tito.checkpoint import save_checkpoint

    directory = tmp_path / "models"
    directory.mkdir()
    path = directory / "tiny.safetensors"
    save_checkpoint(path, tiny_header, tiny_weights)
    return path


@pytest.fixture
def rng():
    """A torch.Generator with a fixed seed."""
    import torch

    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def mixed():
    """GraphBatch of ethanol, water, ethanol and hydrogen peroxide; centred positions (4, 9, 3)."""
    import torch
    from ase.build import molecule

    from ase_tito.geometry import centre
    from ase_tito.graph import GraphBatch
    from ase_tito.perception import build_graph

    atoms = {name: molecule(name) for name in ("CH3CH2OH", "H2O", "H2O2")}
    graphs = {name: build_graph(a.numbers, a.positions) for name, a in atoms.items()}
    names = ["CH3CH2OH", "H2O", "CH3CH2OH", "H2O2"]
    batch = GraphBatch.from_graphs(graphs[name] for name in names)
    positions = torch.zeros(4, 9, 3, dtype=torch.float64)
    for row, name in zip(positions, names, strict=True):
        row[: len(atoms[name])] = torch.from_numpy(atoms[name].positions)
    return batch, centre(positions, batch.mask)
