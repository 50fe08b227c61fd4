"""From what a caller gives to what one integration of the flow needs."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ase_tito.errors import DomainError, GraphError
from ase_tito.flow.field import Velocity, VelocityField, precision_of
from ase_tito.flow.frame import Frame, Projector
from ase_tito.geometry import centre, centroid
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.transfer.domain import Domain


class PreparedJump(NamedTuple):
    """What sampling and density share.

    Attributes
    ----------
    batch : GraphBatch
    x : Tensor, shape (B, N, 3)
        The condition in Å, centred, in the precision of the field.
    centroid : Tensor, shape (B, 1, 3)
        Of the condition as it was given, in float64.
    project : callable
        The frame's orthogonal projection.
    velocity : callable
        u(z, s), projected.
    """

    batch: GraphBatch
    x: Tensor
    centroid: Tensor
    project: Projector
    velocity: Velocity


def prepare_jump(
    field: VelocityField,
    frame: Frame,
    domain: Domain,
    name: str | None,
    graph: MolecularGraph | GraphBatch,
    positions: Tensor,
    lag_time_ps: float | Tensor,
    temperature_K: float | Tensor | None,
) -> PreparedJump:
    """Check everything, centre and encode the condition; see `ImplicitTransferOperator.prepare`."""
    batch = as_batch(graph, positions)
    raw = batched(positions, batch, "positions").double()
    for lag in _distinct(lag_time_ps):
        domain.check_lag(lag)
    for given in _distinct(temperature_K):
        temperature = domain.resolve_temperature(given)
    for each in batch.graphs:
        reasons = _objections(domain, each)
        if reasons:
            raise DomainError(f"{name or 'this model'}: {'; '.join(reasons)}")
    dtype = precision_of(field, positions.dtype)
    x = centre(raw, batch.mask).to(dtype)

    def per_system(what: str, value: float | Tensor) -> Tensor:
        values = torch.as_tensor(value, dtype=dtype, device=x.device)
        if values.shape not in ((), (len(x),)):
            raise GraphError(f"{what} needs one number, or one for each of {len(x)} systems")
        return values.expand(len(x))

    context = field.encode(
        batch,
        x,
        per_system("lag_time_ps", lag_time_ps),
        per_system("temperature_K", temperature if temperature_K is None else temperature_K),
    )
    project = frame.projector(x, batch.mask)

    def velocity(z: Tensor, s: Tensor) -> Tensor:
        return project(field(z, s, context))

    return PreparedJump(batch, x, centroid(raw, batch.mask), project, velocity)


def as_batch(graph: MolecularGraph | GraphBatch, positions: Tensor) -> GraphBatch:
    """A batch that fits the positions: as many replicas of one molecule, or the given batch."""
    if isinstance(graph, GraphBatch):
        return graph
    count = len(positions) if positions.ndim == 3 else 1
    return GraphBatch.replicate(graph, count, positions.device)


def batched(positions: Tensor, batch: GraphBatch, name: str) -> Tensor:
    """Positions (B, N, 3) that fit the batch, are finite, and are zero where padded.

    Raises
    ------
    GraphError
        If they are not.
    """
    shape = (*batch.mask.shape, 3)
    single = batch.n_systems == 1 and positions.shape == shape[1:]
    if not single and positions.shape != shape:
        raise GraphError(
            f"{name} of shape {tuple(positions.shape)} do not fit {shape[0]} systems of up to "
            f"{shape[1]} atoms: {shape} is needed"
        )
    if not positions.is_floating_point():
        raise GraphError(f"{name} must be floating-point numbers in Å, not {positions.dtype}")
    positions = positions.view(shape).masked_fill(~batch.mask[..., None], 0.0)
    broken = ~positions.isfinite().flatten(1).all(1)
    if bool(broken.any()):
        raise GraphError(f"{name} of system {int(broken.nonzero()[0, 0])} are not finite")
    return positions


def _distinct(values: float | Tensor | None) -> list[Any]:
    return values.unique().tolist() if isinstance(values, Tensor) else [values]


@lru_cache(maxsize=1024)
def _objections(domain: Domain, graph: MolecularGraph) -> tuple[str, ...]:
    return tuple(domain.objections(graph))
