"""Source distributions of the flow: Gaussians that know, or do not know, the bond graph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ase_tito.errors import ConfigError
from ase_tito.flow.frame import Frame
from ase_tito.graph import GraphBatch, MolecularGraph

Centre = Literal["origin", "condition"]
"""What a source is centred on: nothing but the centroid, or the conformation to jump from."""


class Source(Protocol):
    """A Gaussian N(m, C ⊗ 1₃) on centred positions, C from the molecular graph, m from x."""

    @property
    def centre(self) -> Centre:
        """What m is."""

    def mean(self, condition: Tensor) -> Tensor:
        """The mean m in Å, shape (B, N, 3): the condition itself, or zero."""

    def standard_deviation(self, graph: MolecularGraph) -> NDArray[np.float64]:
        """Symmetric square root of C in Å, shape (n, n), with the constant vector as its kernel."""

    def sample(self, batch: GraphBatch, noise: Tensor) -> Tensor:
        """Turn standard normal noise (B, N, 3) into deviations from the mean (B, N, 3) in Å."""

    def log_prob(self, batch: GraphBatch, z: Tensor, basis: Tensor) -> Tensor:
        """Log-density (B,) of projected deviations on a subspace, in units of 1/Å^d.

        Parameters
        ----------
        batch : GraphBatch
        z : Tensor, shape (B, N, 3)
            Deviations from the mean in the subspace, in Å.
        basis : Tensor, shape (B, 3N, d)
            Orthonormal columns Q that span the subspace within the centred positions, for example
            `Frame.basis`; zero columns where a system's subspace is smaller. With P = Q Qᵀ the
            density is that of N(0, P (C ⊗ 1₃) P).
        """


class _CentredGaussian:
    """Sampling shared by all sources; factors are computed once per graph."""

    centre: Centre
    _factors: WeakKeyDictionary[MolecularGraph, NDArray[np.float64]]

    def __init__(self) -> None:
        object.__setattr__(self, "_factors", WeakKeyDictionary())

    def standard_deviation(self, graph: MolecularGraph) -> NDArray[np.float64]:
        raise TypeError("a source must define its standard deviation")

    def mean(self, condition: Tensor) -> Tensor:
        return condition if self.centre == "condition" else torch.zeros_like(condition)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_factors"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _factors=WeakKeyDictionary())

    def factors(self, batch: GraphBatch, dtype: torch.dtype) -> Tensor:
        """Square roots of the covariances, shape (B, N, N), zero where padded."""
        size = batch.mask.shape[1]
        stacked = np.zeros((len(batch.graphs), size, size))
        for k, graph in enumerate(batch.graphs):
            if graph not in self._factors:
                self._factors[graph] = self.standard_deviation(graph)
            stacked[k, : graph.n_atoms, : graph.n_atoms] = self._factors[graph]
        return torch.from_numpy(stacked).to(batch.device, dtype)[batch.index]

    def sample(self, batch: GraphBatch, noise: Tensor) -> Tensor:
        return self.factors(batch, noise.dtype) @ noise

    def log_prob(self, batch: GraphBatch, z: Tensor, basis: Tensor) -> Tensor:
        q = basis.double()
        root = self.factors(batch, torch.float64)
        spread = torch.einsum("bij,bjcd->bicd", root, q.unflatten(1, (-1, 3))).flatten(1, 2)
        absent = q.square().sum(1) < 0.5  # columns that only pad: unit variance, taken off below
        covariance = spread.transpose(1, 2) @ spread + torch.diag_embed(absent.double())
        coordinates = torch.einsum("bkd,bk->bd", q, z.double().flatten(1))
        factor = torch.linalg.cholesky(covariance)
        whitened = torch.linalg.solve_triangular(factor, coordinates[..., None], upper=False)
        volume = factor.diagonal(dim1=1, dim2=2).log().sum(1)
        dimension = (~absent).sum(1, dtype=q.dtype)
        squares = whitened.square().sum((1, 2))
        return (-0.5 * (squares + dimension * math.log(2 * math.pi)) - volume).to(z.dtype)


@dataclass(frozen=True, eq=False)
class HarmonicSource(_CentredGaussian):
    """z_0 ~ N(0, (L/σ_b²)⁺ ⊗ 1₃), L the Laplacian of the bond graph.

    Bonded atoms start out near each other and a chain's size grows with its length
    (Jing et al., arXiv 2304.02198; Stärk et al., arXiv 2310.05764).

    Parameters
    ----------
    bond_sigma : float
        σ_b in Å: the spread of each component of a bond vector.
    centre : {'origin', 'condition'}
        See `Centre`.
    """

    bond_sigma: float = 0.8
    centre: Centre = "origin"

    def __post_init__(self) -> None:
        super().__init__()
        _positive("bond_sigma", self.bond_sigma)
        _known(self.centre)

    def standard_deviation(self, graph: MolecularGraph) -> NDArray[np.float64]:
        values, vectors = np.linalg.eigh(graph.laplacian)
        scale = np.zeros_like(values)
        scale[1:] = self.bond_sigma / np.sqrt(values[1:])  # the zero mode: translation
        return (vectors * scale) @ vectors.T


@dataclass(frozen=True, eq=False)
class GaussianSource(_CentredGaussian):
    """Isotropic Gaussian on centred positions, optionally growing with the molecule.

    With `flory_exponent` ν the standard deviation is σ (n / n_ref)^ν. The paper scales with the
    number of residues, σ (n/4)^0.688 (arXiv 2510.07589); n counts heavy atoms here, so that it is
    defined for any molecule.

    Parameters
    ----------
    sigma : float
        σ in Å of each component.
    flory_exponent : float
        ν; 0 switches the scaling off.
    reference_size : float
        n_ref in heavy atoms: the size at which the standard deviation is σ.
    centre : {'origin', 'condition'}
        See `Centre`.
    """

    sigma: float = 2.0
    flory_exponent: float = 0.0
    reference_size: float = 10.0
    centre: Centre = "origin"

    def __post_init__(self) -> None:
        super().__init__()
        _positive("sigma", self.sigma)
        _positive("reference_size", self.reference_size)
        _known(self.centre)

    def standard_deviation(self, graph: MolecularGraph) -> NDArray[np.float64]:
        n = graph.n_atoms
        heavy = max(1, int((graph.atomic_numbers > 1).sum()))
        sigma = self.sigma * (heavy / self.reference_size) ** self.flory_exponent
        return sigma * (np.eye(n) - 1.0 / n)


def check_centre(centre: Centre, frame: Frame) -> None:
    """Refuse a source around the condition where the frame must not know how that is turned.

    Raises
    ------
    ConfigError
    """
    if centre == "condition" and frame.name == "free":
        raise ConfigError(
            "a source with centre = 'condition' would tell the frame 'free' the orientation of the "
            "condition, which it must not know: use the frame 'condition', or centre = 'origin'"
        )


def _positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a positive number, not {value}")


def _known(centre: str) -> None:
    if centre not in ("origin", "condition"):
        raise ValueError(f"centre must be 'origin' or 'condition', not {centre!r}")
