"""The transfer operator of butane that hops between its rotamers: exact, or wrong on purpose."""

import os
import signal

import numpy as np
import torch

from ase_tito.analysis import dihedrals
from ase_tito.data.trajectory import MolecularTrajectory
from ase_tito.evaluation import MoleculeReference, Reference, ReferenceSet
from ase_tito.testing import ou_operator
from ase_tito.transfer.kernel import Transition, TransitionInfo
from tests.analysis.butane import ATOMS, CENTRES, GRAPH, POPULATIONS, frames_at, trajectory

SPACING_PS = 10.0
KEEP = 0.9  # over a frame


def central_torsion():
    """Atoms of C-C-C-C."""
    carbons = np.flatnonzero(ATOMS.numbers == 6)
    d = np.linalg.norm(ATOMS.positions[carbons][:, None] - ATOMS.positions[carbons], axis=-1)
    order = [int(np.argmax(d.max(1)))]
    while len(order) < 4:
        order.append(min(set(range(4)) - set(order), key=lambda k: d[order[-1], k]))
    return carbons[order][None]


class Hopping:
    """A jump of τ draws the rotamer anew with probability 1 − keep^(τ/10 ps)."""

    def __init__(
        self, *, populations=POPULATIONS, keep=KEEP, torn=0.0, factor=3.0, fail_at=None, kill=False
    ):
        self._base = ou_operator(GRAPH, ATOMS.positions, name="hopping")
        self.populations, self.keep = np.array(populations), keep
        self.torn, self.factor = torn, factor
        self.fail_at, self.kill, self.calls = fail_at, kill, 0

    def __getattr__(self, name):
        return getattr(self._base, name)

    def sample(self, batch, positions, lag_time_ps, *, noise, temperature_K=None, ode=None):
        self.calls += 1
        if self.calls == self.fail_at:
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise KeyboardInterrupt
        x = positions.numpy()
        here = dihedrals(x, central_torsion())
        old = np.argmin(np.abs(np.angle(np.exp(1j * (here - CENTRES)))), axis=1)
        # the noise is the key of all that is random, as restarts need it
        streams = [np.random.default_rng(list(one.tobytes())) for one in noise.numpy()]
        u = np.array([stream.random(3) for stream in streams])
        jitter = np.array([stream.normal(size=x.shape[1:]) for stream in streams])
        spread = np.array([stream.normal(0, 8.0) for stream in streams])
        fresh = np.searchsorted(np.cumsum(self.populations), u[:, 1]).clip(0, 2)
        hop = u[:, 0] > self.keep ** (lag_time_ps / SPACING_PS)
        y = frames_at(CENTRES[np.where(hop, fresh, old)] + np.radians(spread)) + 0.02 * jitter
        y[u[:, 2] < self.torn] *= self.factor
        y += x.mean(1, keepdims=True) - y.mean(1, keepdims=True)
        info = TransitionInfo(14, 0.001, torch.ones(len(x), dtype=torch.bool))
        return Transition(torch.from_numpy(y), info)


def md(name, frames, seed, **changes):
    positions = trajectory(frames, seed, keep=KEEP, **changes)
    positions -= positions.mean(1, keepdims=True)
    return MolecularTrajectory(name, GRAPH, positions.astype(np.float32), SPACING_PS, 300.0)


def butane(*runs, name="butane", exchanged=()):
    ordered = Reference(list(runs)) if runs else None
    equilibrium = Reference(list(exchanged)) if exchanged else ordered
    return MoleculeReference(name, equilibrium, ordered)


def references(*molecules):
    table = {molecule.name: molecule for molecule in molecules}
    return ReferenceSet("test molecules", tuple(table), table.__getitem__)
