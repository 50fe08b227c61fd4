"""Two atoms at a distance with two wells: a law that is known, and a test against it."""

import numpy as np
from ase import units
from scipy.stats import kstest

from ase_tito.dynamics import TITOEnsemble
from ase_tito.limits import distance_limits
from ase_tito.perception import build_graph

KT = units.kB * 300.0


class DoubleWell:
    """exp(−U/kT) of the distance between two nitrogen atoms, within the limits of valid ones."""

    graph = build_graph(np.array([7, 7]), np.array([[0.0, 0, 0], [1.1, 0, 0]]))

    def setup_method(self):
        table = distance_limits(self.graph)
        self.low, self.high = table.lower[0, 1], table.upper[0, 1]
        self.middle, self.width = (self.low + self.high) / 2, (self.high - self.low) / 5

    def potential(self, i, j, distance):
        u = (distance - self.middle) / self.width
        return 2 * KT * (u**2 - 1) ** 2, 8 * KT * u * (u**2 - 1) / self.width

    def cumulative(self):
        """Distances, and the share of the law below each; r² is a sphere's surface."""
        r = np.linspace(self.low, self.high, 20_001)
        density = r**2 * np.exp(-self.potential(0, 1, r)[0] / KT)
        total = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
        return r, total / total[-1]

    def p_value_of(self, operator, correction, jumps, replicas=400):
        """Of distances after some jumps from the exact law, against that law."""
        r, below = self.cumulative()
        rng = np.random.default_rng(0)
        positions = np.zeros((replicas, 2, 3))
        positions[:, 1, 2] = np.interp(rng.random(replicas), below, r)
        ensemble = TITOEnsemble(
            operator, self.graph, positions, 100.0, seed=5, correction=correction
        )
        accepted = np.mean([jump.accepted for jump in ensemble.irun(jumps)])
        assert 0.1 < accepted < 0.9
        ends = np.array([ensemble.positions(k) for k in range(replicas)])
        found = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=-1)
        return kstest(found, lambda at: np.interp(at, r, below)).pvalue
