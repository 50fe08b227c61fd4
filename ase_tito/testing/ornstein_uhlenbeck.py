"""An exactly solvable transition: the Ornstein-Uhlenbeck process, and the flow that makes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ase_tito.canonical import graph_key
from ase_tito.errors import ConfigError, GraphError
from ase_tito.flow.frame import FrameName, frame_named
from ase_tito.flow.source import HarmonicSource
from ase_tito.geometry import centre, superpose
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.transfer.domain import Domain
from ase_tito.transfer.implicit import ImplicitTransferOperator


class GaussianTransition(NamedTuple):
    """p(y | x, τ) = N(m, v C) on the frame's subspace, C the covariance of the source.

    Attributes
    ----------
    mean : Tensor, shape (B, N, 3)
        m in Å.
    variance : Tensor, shape (B,)
        v, without unit.
    """

    mean: Tensor
    variance: Tensor


class OrnsteinUhlenbeckField:
    """The exact velocity field of dX = −(X − r)/θ dt + √(2 w C/θ) dW.

    The transition density is Gaussian, with m = r + e^{−τ/θ}(x − r) and covariance
    w (1 − e^{−2τ/θ}) C =: v C, and N(r, w C) is the Boltzmann distribution of springs along the
    bonds. For a linear path from the source N(0, C) the velocity is E[y − z_0 | z_s = z], that is

        u(z, s) = m + k(s) (z − s m),  k(s) = (s v − (1 − s)) / (s² v + (1 − s)²),

    on the centred positions, and projected on any subspace of them.

    Parameters
    ----------
    references : iterable of (MolecularGraph, array of shape (n, 3))
        r of each molecule in Å, superposed on x before use; found again by elements and bonds.
        Without any, r = 0 for all molecules: then the process is exactly equivariant, and Markovian
        in the frame 'free'.
    relaxation_time_ps : float
        θ.
    spread : float
        √w at `temperature_K`: the width of the Boltzmann distribution over that of the source.
    temperature_K : float
        Where w = spread²; w is proportional to the temperature.
    """

    def __init__(
        self,
        references: Iterable[tuple[MolecularGraph, ArrayLike]] = (),
        *,
        relaxation_time_ps: float = 100.0,
        spread: float = 0.5,
        temperature_K: float = 300.0,
    ) -> None:
        for name, value in (
            ("relaxation_time_ps", relaxation_time_ps),
            ("spread", spread),
            ("temperature_K", temperature_K),
        ):
            if not value > 0:
                raise ConfigError(f"{name} must be positive, not {value}")
        self.relaxation_time_ps = relaxation_time_ps
        self.spread = spread
        self.temperature_K = temperature_K
        self._references = {
            _constitution(graph): torch.from_numpy(np.array(positions, dtype=np.float64))
            for graph, positions in references
        }

    def encode(
        self,
        batch: GraphBatch,
        condition: Tensor,
        lag_time: Tensor,
        temperature: Tensor | None = None,
    ) -> GaussianTransition:
        """Mean and variance of the transition, which are all that the velocity needs."""
        memory = torch.exp(-lag_time / self.relaxation_time_ps)
        width = torch.full_like(memory, self.spread**2)
        if temperature is not None:
            width = width * temperature / self.temperature_K
        rest = self._rest(batch, condition)
        mean = rest + memory[:, None, None] * (condition - rest)
        return GaussianTransition(mean, width * (1 - memory**2))

    def __call__(self, z: Tensor, s: Tensor, context: GaussianTransition) -> Tensor:
        """Velocity at z, shape (B, N, 3), and s, shape (B,)."""
        mean, v = context
        rate = (s * v - (1 - s)) / (s**2 * v + (1 - s) ** 2)
        return mean + rate[:, None, None] * (z - s[:, None, None] * mean)

    def _rest(self, batch: GraphBatch, condition: Tensor) -> Tensor:
        if not self._references:
            return torch.zeros_like(condition)
        rest = torch.zeros(*batch.atom_mask.shape, 3, dtype=torch.float64)
        for k, graph in enumerate(batch.graphs):
            if _constitution(graph) not in self._references:
                raise GraphError(f"no reference positions for {graph_key(graph)}")
            rest[k, : graph.n_atoms] = self._references[_constitution(graph)]
        systems = centre(rest.to(condition)[batch.index], batch.mask)
        return superpose(systems, condition)


def ou_operator(
    graph: MolecularGraph,
    reference: ArrayLike,
    *,
    frame: FrameName = "condition",
    relaxation_time_ps: float = 100.0,
    bond_spread: float = 0.02,
    lag_range_ps: tuple[float, float] = (1.0, 1000.0),
    temperature_range_K: tuple[float, float] = (300.0, 300.0),
    name: str = "ornstein-uhlenbeck",
) -> ImplicitTransferOperator:
    """A quick transfer operator that needs no training: one molecule as an elastic network.

    Parameters
    ----------
    graph : MolecularGraph
    reference : array, shape (n, 3)
        A valid geometry in Å; samples scatter about it, or relax to it from other starts.
    frame : {'condition', 'free'}
    relaxation_time_ps : float
    bond_spread : float
        Standard deviation in Å of each component of a bond vector (of an acyclic molecule) at the
        lowest temperature of the range.
    lag_range_ps, temperature_range_K : tuple of float
        Of the operator's domain.
    name : str
    """
    source = HarmonicSource()
    field = OrnsteinUhlenbeckField(
        [(graph, reference)],
        relaxation_time_ps=relaxation_time_ps,
        spread=bond_spread / source.bond_sigma,
        temperature_K=temperature_range_K[0],
    )
    domain = Domain(
        lag_range_ps=lag_range_ps,
        temperature_range_K=temperature_range_K,
        elements=tuple(graph.atomic_numbers.tolist()),
        n_atoms_range=(graph.n_atoms, graph.n_atoms),
        molecules=(graph_key(graph),),
        acyclic_only=len(graph.bonds) < graph.n_atoms,
    )
    return ImplicitTransferOperator(field, source, frame_named(frame), domain, name=name)


def _constitution(graph: MolecularGraph) -> tuple[bytes, bytes]:
    return graph.atomic_numbers.tobytes(), graph.bonds.tobytes()
