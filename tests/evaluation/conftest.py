import numpy as np
import pytest

from ase_tito.data.trajectory import MolecularTrajectory
from ase_tito.evaluation import Reference
from ase_tito.testing import ou_operator


@pytest.fixture(scope="session")
def operator(ethanol):
    return ou_operator(*ethanol)


@pytest.fixture(scope="session")
def reference(ethanol):
    """Two runs of ethanol whose hydroxyl turns: C-C-O-H is known in every frame."""
    graph, positions = ethanol
    rng = np.random.default_rng(0)
    runs = []
    for name, frames in (("one", 600), ("two", 400)):
        moved = positions + 0.01 * rng.normal(size=(frames, *positions.shape))
        runs.append(MolecularTrajectory(name, graph, moved.astype(np.float32), 2.0, 300.0))
    return Reference(runs)
