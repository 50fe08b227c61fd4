"""A batch of molecules of different sizes, anywhere in space."""

import pytest


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
