"""Laws that every velocity field and every transition kernel has to keep, as assertions."""

from __future__ import annotations

import torch
from torch import Tensor

from ase_tito.flow.field import VelocityField
from ase_tito.geometry import centroid, random_rotations
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.transfer.kernel import TransitionKernel


def assert_equivariant(
    field: VelocityField,
    batch: GraphBatch,
    condition: Tensor,
    z: Tensor,
    s: Tensor,
    lag_time: Tensor,
    temperature: Tensor | None = None,
    *,
    generator: torch.Generator,
    mirror: bool = True,
    permute: bool = True,
    tolerance: float = 1e-4,
) -> None:
    """A field turns with z and the condition, mirrors with them, and follows the atoms' order.

    Parameters
    ----------
    field : VelocityField
    batch : GraphBatch
        Of B systems.
    condition, z : Tensor, shape (B, N, 3)
        Centred positions in Å.
    s, lag_time, temperature : Tensor, shape (B,)
    generator : torch.Generator
        Draws the rotations and permutations.
    mirror, permute : bool
        Which laws to test beside rotations. In a mirror the tetrahedral labels change sign.
    tolerance : float
        Largest deviation, absolute in Å and relative.

    Raises
    ------
    AssertionError
        If the law is broken.
    """
    velocity = field(z, s, field.encode(batch, condition, lag_time, temperature))
    for moved, order, turn in _symmetries(batch, z.dtype, generator, mirror, permute):
        context = field.encode(moved, _ordered(condition, order) @ turn, lag_time, temperature)
        actual = field(_ordered(z, order) @ turn, s, context)
        _assert_close(actual, _ordered(velocity, order) @ turn, tolerance)


def assert_independent_of_batch(
    field: VelocityField,
    batch: GraphBatch,
    condition: Tensor,
    z: Tensor,
    s: Tensor,
    lag_time: Tensor,
    temperature: Tensor | None = None,
    *,
    tolerance: float = 1e-4,
) -> None:
    """A system's velocity is the same alone as in a batch, and zero where padded.

    Parameters are those of `assert_equivariant`.
    """
    together = field(z, s, field.encode(batch, condition, lag_time, temperature))
    _assert_close(together[~batch.mask], torch.zeros_like(together[~batch.mask]), 0.0)
    for k, graph in enumerate(batch.systems):
        only, n = slice(k, k + 1), graph.n_atoms
        single = GraphBatch.replicate(graph, 1, batch.device)
        temperatures = None if temperature is None else temperature[only]
        context = field.encode(single, condition[only, :n], lag_time[only], temperatures)
        _assert_close(field(z[only, :n], s[only], context), together[only, :n], tolerance)


def assert_kernel_conforms(
    kernel: TransitionKernel,
    batch: GraphBatch,
    positions: Tensor,
    lag_time_ps: float,
    *,
    noise: Tensor,
    temperature_K: float | None = None,
) -> None:
    """A kernel is a function of its inputs, and moves shapes alone.

    Inputs are not mutated, the sample is detached, of the input's shape and dtype, finite, zero
    where padded, with each system's centroid unmoved; the same noise gives the same bits.

    Parameters
    ----------
    kernel : TransitionKernel
    batch : GraphBatch
    positions : Tensor, shape (B, N, 3)
        In Å, anywhere in space, zero where padded.
    lag_time_ps : float
    noise : Tensor, shape (B, N, 3)
        Standard normal.
    temperature_K : float, optional

    Raises
    ------
    AssertionError
        If the kernel does otherwise.
    """
    before = positions.clone(), noise.clone()
    first, second = (
        kernel.sample(batch, positions, lag_time_ps, noise=noise, temperature_K=temperature_K)
        for _ in range(2)
    )
    if not (torch.equal(positions, before[0]) and torch.equal(noise, before[1])):
        raise AssertionError("the kernel changed its inputs")
    y = first.positions
    if not torch.equal(y, second.positions):
        raise AssertionError("the same noise gave two samples")
    if y.requires_grad or y.is_inference():
        raise AssertionError("the sample is not an ordinary, detached tensor")
    if y.shape != positions.shape or y.dtype != positions.dtype:
        raise AssertionError(f"positions {positions.shape}, {positions.dtype} became {y.shape}")
    if not bool(first.info.finite.all() and y.isfinite().all()):
        raise AssertionError("the sample is not finite")
    _assert_close(y[~batch.mask], torch.zeros_like(y[~batch.mask]), 0.0)
    _assert_close(centroid(y, batch.mask), centroid(positions, batch.mask), 1e-5)


def assert_kernel_equivariant(
    kernel: TransitionKernel,
    batch: GraphBatch,
    positions: Tensor,
    lag_time_ps: float,
    *,
    noise: Tensor,
    generator: torch.Generator,
    temperature_K: float | None = None,
    mirror: bool = True,
    permute: bool = True,
    tolerance: float = 1e-3,
) -> None:
    """A whole jump moves with its condition and noise: turned, shifted, mirrored, relabelled.

    Parameters are those of `assert_kernel_conforms` and `assert_equivariant`.
    """
    y = kernel.sample(batch, positions, lag_time_ps, noise=noise, temperature_K=temperature_K)
    for moved, order, turn in _symmetries(batch, positions.dtype, generator, mirror, permute):
        shift = 5 * torch.randn(len(turn), 1, 3, generator=generator, dtype=positions.dtype)
        shift = shift.to(positions.device) * _ordered(batch.mask[..., None], order)
        actual = kernel.sample(
            moved,
            _ordered(positions, order) @ turn + shift,
            lag_time_ps,
            noise=_ordered(noise, order) @ turn.to(noise.dtype),
            temperature_K=temperature_K,
        )
        _assert_close(actual.positions, _ordered(y.positions, order) @ turn + shift, tolerance)


def assert_kernel_independent_of_batch(
    kernel: TransitionKernel,
    batch: GraphBatch,
    positions: Tensor,
    lag_time_ps: float,
    *,
    noise: Tensor,
    temperature_K: float | None = None,
    tolerance: float = 1e-4,
) -> None:
    """A system's sample is the same alone as in a batch.

    Parameters are those of `assert_kernel_conforms`.
    """
    together = kernel.sample(
        batch, positions, lag_time_ps, noise=noise, temperature_K=temperature_K
    ).positions
    for k, graph in enumerate(batch.systems):
        only, n = slice(k, k + 1), graph.n_atoms
        alone = kernel.sample(
            GraphBatch.replicate(graph, 1, batch.device),
            positions[only, :n],
            lag_time_ps,
            noise=noise[only, :n],
            temperature_K=temperature_K,
        )
        _assert_close(alone.positions, together[only, :n], tolerance)


def _symmetries(
    batch: GraphBatch,
    dtype: torch.dtype,
    generator: torch.Generator,
    mirror: bool,
    permute: bool,
) -> list[tuple[GraphBatch, Tensor, Tensor]]:
    """Transformed batch, order of atoms (B, N) and orthogonal matrices (B, 3, 3): one per law."""
    count, size = batch.mask.shape
    unmoved = torch.arange(size, device=batch.device).repeat(count, 1)
    turn = random_rotations(count, generator, dtype).to(batch.device)
    cases = [(batch, unmoved, turn)]
    if mirror:
        graphs = [graph.mirrored() for graph in batch.graphs]
        cases.append((_like(batch, graphs), unmoved, -turn))
    if permute:
        orders = torch.arange(size).repeat(len(batch.graphs), 1)
        for order, graph in zip(orders, batch.graphs, strict=True):
            order[: graph.n_atoms] = torch.randperm(graph.n_atoms, generator=generator)
        graphs = [
            graph.permuted(order[: graph.n_atoms].numpy())
            for order, graph in zip(orders, batch.graphs, strict=True)
        ]
        cases.append((_like(batch, graphs), orders.to(batch.device)[batch.index], turn))
    return cases


def _like(batch: GraphBatch, graphs: list[MolecularGraph]) -> GraphBatch:
    return GraphBatch.from_graphs(graphs, batch.device).select(batch.index)


def _ordered(values: Tensor, order: Tensor) -> Tensor:
    return torch.gather(values, 1, order[..., None].expand(-1, -1, values.shape[-1]))


def _assert_close(actual: Tensor, expected: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)
