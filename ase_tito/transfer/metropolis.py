"""Metropolis-Hastings with a transition density as its proposal: the ratio, frames included.

Metropolis et al., J. Chem. Phys. 21, 1087 (1953); Hastings, Biometrika 57, 97 (1970). A move from
x to y, drawn from q(y | x), is accepted with probability min(1, r),

    log r = −[U(y) − U(x)] / kT + log q(x | y) − log q(y | x) + log V,

where V = 1 in the frame 'free', and √det I_y / √det I_x in the frame 'condition', whose subspaces
E_x and E_y differ (`log_volume`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ase_tito.flow.density import Path, Quadrature, divergence_integral, follow
from ase_tito.flow.divergence import basis_directions
from ase_tito.flow.field import in_float32, in_float64
from ase_tito.flow.frame import LINEAR
from ase_tito.geometry import centre, inertia
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.jump import PreparedJump
from ase_tito.transfer.start import draw_start, start_log_prob


@dataclass(frozen=True)
class Proposal:
    """Samples of q(y | x) that know how they came about.

    Attributes
    ----------
    positions : Tensor, shape (B, N, 3)
        y in Å, float64, with the centroids of x.
    reversible : Tensor of bool, shape (B,)
        Where False, x cannot be proposed from y, and the move has to be rejected: the integration
        diverged, or see `reversible`.
    evaluations : int
        Velocities, of the whole batch.
    """

    positions: Tensor
    reversible: Tensor
    evaluations: int
    _jump: PreparedJump
    _source: Tensor
    _path: Path


@dataclass(frozen=True)
class ProposalRatio:
    """The part of log r that is no energy, shapes (B,).

    Attributes
    ----------
    forward, backward : Tensor
        log q(y | x) and log q(x | y), in units of 1/Å^d.
    volume : Tensor
        log V.
    evaluations, divergences : int
        Velocities (without those of the proposal) and divergences, of the whole batch.
    """

    forward: Tensor
    backward: Tensor
    volume: Tensor
    evaluations: int
    divergences: int

    @property
    def log(self) -> Tensor:
        """The logarithm of V q(x | y) / q(y | x)."""
        return self.backward - self.forward + self.volume


def in_double_precision(operator: ImplicitTransferOperator) -> ImplicitTransferOperator:
    """The operator with a copy of its network in float64."""
    return replace(operator, field=in_float64(operator.field))


def propose(
    operator: ImplicitTransferOperator,
    graph: MolecularGraph | GraphBatch,
    x: Tensor,
    lag_time_ps: float,
    noise: Tensor,
    quadrature: Quadrature,
    *,
    temperature_K: float | None = None,
) -> Proposal:
    """Draw y ~ q(y | x), and keep the path for its density.

    Parameters
    ----------
    operator : ImplicitTransferOperator
        Of `in_double_precision`.
    graph : MolecularGraph or GraphBatch
    x : Tensor, shape (B, N, 3)
        In Å, float64.
    lag_time_ps : float
    noise : Tensor, shape (B, N, 3)
        Standard normal numbers.
    quadrature : Quadrature
    temperature_K : float, optional
    """
    with torch.no_grad():
        jump = operator.prepare(graph, x, lag_time_ps, temperature_K)
        noise = noise.to(jump.x).masked_fill(~jump.batch.mask[..., None], 0.0)
        start = draw_start(operator.source, jump, noise)
        return proposal_from(jump, start, operator.frame.name, quadrature)


def proposal_from(
    jump: PreparedJump, source: Tensor, frame: str, quadrature: Quadrature
) -> Proposal:
    """The proposal at the end of the flow from these places (B, N, 3) in the source's space."""
    path = follow(jump.velocity, source, quadrature)
    mask = jump.batch.mask
    y = centre(path.end, mask)
    positions = (y + jump.centroid) * mask[..., None]
    allowed = reversible(frame, jump.x, y)
    return Proposal(positions, allowed, quadrature.evaluations, jump, source, path)


def proposal_ratio(
    operator: ImplicitTransferOperator,
    proposal: Proposal,
    systems: Tensor,
    lag_time_ps: float,
    quadrature: Quadrature,
    *,
    temperature_K: float | None = None,
) -> ProposalRatio:
    """Both densities of some moves, and the volume factor.

    Parameters
    ----------
    operator, lag_time_ps, quadrature, temperature_K
        Those of `propose`.
    proposal : Proposal
    systems : Tensor of int64, shape (b,)
        The systems that are wanted, all of them reversible.
    """
    given = (lag_time_ps, quadrature, temperature_K)
    with torch.no_grad():
        batch, x = proposal._jump.batch.select(systems), proposal._jump.x[systems]
        y = proposal.positions[systems]
        forward = forward_log_density(operator, proposal, systems, *given)
        backward = log_density(operator, batch, x, y, *given)
        volume = log_volume(operator.frame.name, x, centre(y, batch.mask))
    return ProposalRatio(forward, backward, volume, quadrature.evaluations, 2 * quadrature.nodes)


def forward_log_density(
    operator: ImplicitTransferOperator,
    proposal: Proposal,
    systems: Tensor,
    lag_time_ps: float,
    quadrature: Quadrature,
    temperature_K: float | None = None,
) -> Tensor:
    """The density log q(y | x) of some proposals, shape (b,), along the paths that made them."""
    batch, x = proposal._jump.batch.select(systems), proposal._jump.x[systems]
    jump = operator.prepare(batch, x, lag_time_ps, temperature_K)
    path = Path(proposal._path.end[systems], proposal._path.nodes[:, systems])
    given = (lag_time_ps, quadrature, temperature_K)
    return _log_density(operator, jump, proposal._source[systems], path, *given)


def proposal_ratio_again(
    operator: ImplicitTransferOperator,
    graph: MolecularGraph | GraphBatch,
    y: Tensor,
    x: Tensor,
    lag_time_ps: float,
    quadrature: Quadrature,
    *,
    temperature_K: float | None = None,
) -> ProposalRatio:
    """The same for given moves, with both densities from the moves' ends.

    With `Quadrature.tighter` it says how far the integration is off.
    """
    with torch.no_grad():
        forward = log_density(operator, graph, y, x, lag_time_ps, quadrature, temperature_K)
        backward = log_density(operator, graph, x, y, lag_time_ps, quadrature, temperature_K)
        jump = operator.prepare(graph, x, lag_time_ps, temperature_K)
        volume = log_volume(operator.frame.name, jump.x, centre(y, jump.batch.mask))
    cost = 2 * quadrature.evaluations, 2 * quadrature.nodes
    return ProposalRatio(forward, backward, volume, *cost)


def log_density(
    operator: ImplicitTransferOperator,
    graph: MolecularGraph | GraphBatch,
    y: Tensor,
    x: Tensor,
    lag_time_ps: float,
    quadrature: Quadrature,
    temperature_K: float | None = None,
) -> Tensor:
    """The density log q(y | x), shape (B,), for y that is oriented as the frame has it."""
    jump = operator.prepare(graph, x, lag_time_ps, temperature_K)
    target = jump.project(centre(y.to(jump.x), jump.batch.mask))
    path = follow(jump.velocity, target, quadrature, reverse=True)
    given = (lag_time_ps, quadrature, temperature_K)
    return _log_density(operator, jump, path.end, path, *given)


def reversible(frame: str, x: Tensor, y: Tensor) -> Tensor:
    """Whether x can be proposed from y as y was from x, shape (B,); both centred, y finite or not.

    In the frame 'condition' y has to be oriented as the best superposition on x would leave it:
    then x is oriented so with respect to y, too. With Σ xᵢ × yᵢ = 0 that holds if and only if the
    symmetric matrix Σ (xᵢ·yᵢ 1 − xᵢ yᵢᵀ) is positive definite. Nor may y be linear, since no
    proposal could be made from it.
    """
    finite = y.isfinite().flatten(1).all(1)
    if frame == "free":
        return finite
    y = torch.where(finite[:, None, None], y, 0.0)
    least = torch.linalg.eigvalsh(inertia(x, y))[:, 0]
    moments = torch.linalg.eigvalsh(inertia(y, y))
    return finite & (least > 0) & (moments[:, 0] > LINEAR * moments[:, 2])


def log_volume(frame: str, x: Tensor, y: Tensor) -> Tensor:
    """The volume factor log V of a move from x to y, both centred, shape (B,).

    A density on E_x becomes one on all orientations by the volume that rotations sweep across E_x,
    det Σ (xᵢ·yᵢ 1 − xᵢ yᵢᵀ) / √det I_x with I_x = Σ (xᵢ·xᵢ 1 − xᵢ xᵢᵀ). Its numerator is the same
    for the way back.
    """
    if frame == "free":
        return x.new_zeros(len(x))
    return (torch.linalg.slogdet(inertia(y, y))[1] - torch.linalg.slogdet(inertia(x, x))[1]) / 2


def _log_density(
    operator: ImplicitTransferOperator,
    jump: PreparedJump,
    source: Tensor,
    path: Path,
    lag_time_ps: float,
    quadrature: Quadrature,
    temperature_K: float | None,
) -> Tensor:
    """The density at the end of a path, shape (B,).

    A network's divergences are taken in single precision: less than half the time, and rounding
    that is far below the error of the quadrature.
    """
    single = replace(operator, field=in_float32(operator.field))
    rounded = single.prepare(jump.batch, jump.x, lag_time_ps, temperature_K)
    basis = operator.frame.basis(jump.x, jump.batch.mask)
    directions = basis_directions(basis).to(rounded.x)
    change = divergence_integral(rounded.velocity, path, quadrature, directions)
    return start_log_prob(operator.source, jump, source, basis) - change
