"""Operators that need no training: ethanol as an elastic network, well-behaved or not."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import molecule

from ase_tito.flow.ode import OdeSettings
from ase_tito.structure import graph_from_atoms
from ase_tito.testing import ou_operator


class Diverging:
    """A field whose velocity is NaN where the source put atom 0 far to the right."""

    def __init__(self, field, beyond):
        self.field, self.beyond = field, beyond

    def encode(self, batch, condition, lag_time, temperature):
        return self.field.encode(batch, condition, lag_time, temperature)

    def __call__(self, z, s, context):
        velocity = self.field(z, s, context)
        lost = (z[:, 0, 0] > self.beyond) & (s == 0)
        return torch.where(lost[:, None, None], torch.nan, velocity)


def quick(*arguments, **options):
    """An elastic network, integrated in few steps."""
    return replace(ou_operator(*arguments, **options), ode=OdeSettings("midpoint", 8))


@pytest.fixture
def atoms():
    """Ethanol, away from the origin."""
    atoms = molecule("CH3CH2OH")
    atoms.positions += [30.0, -20.0, 10.0]
    return atoms


@pytest.fixture(scope="session")
def graph():
    return graph_from_atoms(molecule("CH3CH2OH"))


@pytest.fixture(scope="session")
def operator(graph):
    """All samples are valid."""
    return quick(graph, molecule("CH3CH2OH").positions)


@pytest.fixture(scope="session")
def sloppy(graph):
    """Some 20 % of the samples have a bond that is too long or too short."""
    return quick(graph, molecule("CH3CH2OH").positions, bond_spread=0.1, name="sloppy")


@pytest.fixture(scope="session")
def hopeless(graph):
    """No sample is valid."""
    return quick(graph, 3 * molecule("CH3CH2OH").positions, name="hopeless")


@pytest.fixture(scope="session")
def diverging(operator):
    """Some 10 % of the samples are NaN."""
    return replace(operator, field=Diverging(operator.field, 0.7), name="diverging")


@pytest.fixture(scope="session")
def mixture():
    """Graphs and positions of three molecules, and an operator that knows them all."""
    from ase_tito.testing import OrnsteinUhlenbeckField
    from ase_tito.transfer.domain import Domain

    molecules = [molecule(name) for name in ("CH3CH2OH", "H2O", "H2O2")]
    graphs = [graph_from_atoms(atoms) for atoms in molecules]
    positions = [atoms.positions + 7.0 * k for k, atoms in enumerate(molecules)]
    first = quick(graphs[0], positions[0])
    field = OrnsteinUhlenbeckField(zip(graphs, positions, strict=True), spread=0.025)
    domain = Domain((1.0, 1000.0), (300.0, 300.0), (1, 6, 7, 8), (3, 9), None, True)
    return graphs, positions, replace(first, field=field, domain=domain)


@pytest.fixture
def walk():
    """The positions after each of some jumps of an ensemble, shape (jumps, B, N, 3)."""

    def run(ensemble, jumps):
        frames = []
        for _ in ensemble.irun(jumps):
            frames.append([ensemble.positions(k) for k in range(ensemble.n_systems)])
        return np.array(frames)

    return run
