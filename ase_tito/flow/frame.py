"""The frame in which a transition density lives.

``condition``: y is superposed on x, so that it lies in
E_x = {z : Σ z_i = 0, Σ x_i × z_i = 0}, of dimension 3n − 6.
``free``: y's orientation is uniform; y lies in {z : Σ z_i = 0}, of dimension 3n − 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import torch
from torch import Tensor

from ase_tito.errors import ConfigError, StructureError
from ase_tito.geometry import centre, superpose

FrameName = Literal["condition", "free"]
Projector = Callable[[Tensor], Tensor]


LINEAR = 1e-3
"""Smallest over largest moment of inertia, below which a molecule counts as linear."""


class Frame(Protocol):
    """How targets are oriented, and onto which subspace source and velocity are projected."""

    name: FrameName

    def align(self, target: Tensor, condition: Tensor) -> Tensor:
        """Training targets (B, N, 3), centred, in this frame's orientation."""

    def projector(self, condition: Tensor, mask: Tensor) -> Projector:
        """The orthogonal projection of (B, N, 3) onto the frame's subspace, per system."""

    def dimension(self, n_atoms: Tensor) -> Tensor:
        """Dimension of the subspace, shape (B,)."""

    def basis(self, condition: Tensor, mask: Tensor) -> Tensor:
        """Orthonormal basis, shape (B, 3N, d_max); columns beyond a system's dimension are zero."""


class FreeFrame:
    """Any orientation of y is equally likely; projects out translations."""

    name: FrameName = "free"

    def align(self, target: Tensor, condition: Tensor) -> Tensor:
        return target

    def projector(self, condition: Tensor, mask: Tensor) -> Projector:
        return lambda z: centre(z, mask)

    def dimension(self, n_atoms: Tensor) -> Tensor:
        return 3 * n_atoms - 3

    def basis(self, condition: Tensor, mask: Tensor) -> Tensor:
        return _complement(_translations(condition, mask), mask)


class ConditionFrame:
    """y superposed on x (Kabsch); projects out translations and infinitesimal rotations of x.

    Raises
    ------
    StructureError
        From `projector` and `basis`, for a linear condition, whose rotations are only two.
    """

    name: FrameName = "condition"

    def align(self, target: Tensor, condition: Tensor) -> Tensor:
        return superpose(target, condition)

    def projector(self, condition: Tensor, mask: Tensor) -> Projector:
        rigid = torch.cat([_translations(condition, mask), _rotations(condition)], -1)
        atoms = mask.repeat_interleave(3, dim=1).to(condition.dtype)

        def project(z: Tensor) -> Tensor:  # at every evaluation: as few operations as will do
            flat = (z.flatten(1) * atoms)[:, None]
            return torch.baddbmm(flat, flat @ rigid, rigid.mT, alpha=-1).view_as(z)

        return project

    def dimension(self, n_atoms: Tensor) -> Tensor:
        return 3 * n_atoms - 6

    def basis(self, condition: Tensor, mask: Tensor) -> Tensor:
        rigid = torch.cat([_translations(condition, mask), _rotations(condition)], -1)
        return _complement(rigid, mask)


def frame_named(name: FrameName) -> Frame:
    """The frame of this name; ConfigError for any other."""
    frames: dict[str, Frame] = {"condition": ConditionFrame(), "free": FreeFrame()}
    if name not in frames:
        raise ConfigError(f"unknown frame {name!r}: use one of {sorted(frames)}")
    return frames[name]


def linear(positions: Tensor) -> Tensor:
    """Which of centred positions (B, N, 3) are linear, or of two atoms or one, shape (B,)."""
    return _is_linear(_moments(positions)[1])


def _translations(condition: Tensor, mask: Tensor) -> Tensor:
    """Orthonormal translations, shape (B, 3N, 3)."""
    weight = mask.to(condition.dtype) / mask.sum(1, keepdim=True).to(condition.dtype).sqrt()
    eye = torch.eye(3, dtype=condition.dtype, device=condition.device)
    return (weight[:, :, None, None] * eye).flatten(1, 2)


def _rotations(condition: Tensor) -> Tensor:
    """Orthonormal infinitesimal rotations e_k × x_i of a centred condition, shape (B, 3N, 3)."""
    generators, values, vectors = _moments(condition)
    refused = _is_linear(values)
    if bool(refused.any()):
        raise StructureError(
            f"system {int(refused.nonzero()[0, 0])} is linear and has no well-defined orientation "
            "in the frame 'condition'; use a model of the frame 'free'"
        )
    return (generators @ (vectors / values[:, None].sqrt())).to(condition.dtype)


def _moments(condition: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Generators e_k × x_i (B, 3N, 3), and rising moments (B, 3) and axes (B, 3, 3) of inertia."""
    x = condition.to(torch.float64)
    eye = torch.eye(3, dtype=x.dtype, device=x.device)
    generators = torch.linalg.cross(eye[:, None, None], x[None])  # (3, B, N, 3)
    generators = generators.permute(1, 2, 3, 0).flatten(1, 2)
    values, vectors = torch.linalg.eigh(generators.transpose(1, 2) @ generators)
    return generators, values, vectors


def _is_linear(moments: Tensor) -> Tensor:
    return moments[:, 0] <= LINEAR * moments[:, 2]


def _complement(rigid: Tensor, mask: Tensor) -> Tensor:
    """Orthonormal complement of rigid (B, 3N, r) within each system's atoms."""
    real = mask.repeat_interleave(3, dim=1).to(rigid.dtype)
    projection = torch.diag_embed(real) - rigid @ rigid.transpose(1, 2)
    values, vectors = torch.linalg.eigh(projection.double())
    inside = values > 0.5
    first = vectors.shape[2] - int(inside.sum(1).max())  # eigenvalues rise: the kernel is in front
    return (vectors * inside[:, None])[:, :, first:].to(rigid.dtype)
