"""The assertions pass what keeps the laws and catch what breaks each of them."""

import pytest
import torch

from ase_tito.flow.frame import ConditionFrame
from ase_tito.flow.source import HarmonicSource
from ase_tito.graph import GraphBatch
from ase_tito.testing import (
    OrnsteinUhlenbeckField,
    assert_equivariant,
    assert_independent_of_batch,
    assert_kernel_conforms,
    assert_kernel_equivariant,
    assert_kernel_independent_of_batch,
    ou_operator,
)
from ase_tito.transfer.domain import Domain
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.kernel import Transition


@pytest.fixture
def system(ethanol, rng):
    """Two replicas of ethanol: batch, condition, z, s, lag and temperature."""
    graph, positions = ethanol
    x = torch.from_numpy(positions - positions.mean(0)).repeat(2, 1, 1)
    z = x + torch.randn(x.shape, generator=rng, dtype=torch.float64)
    z = z - z.mean(1, keepdim=True)
    rest = torch.tensor([[0.3, 0.8], [10.0, 100.0], [300.0, 300.0]], dtype=torch.float64)
    return GraphBatch.replicate(graph, 2), x, z, *rest


class Wrong(OrnsteinUhlenbeckField):
    def __init__(self, spoil):
        super().__init__()
        self.spoil = spoil

    def __call__(self, z, s, context):
        return super().__call__(z, s, context) + self.spoil(z)


def test_the_exact_field_keeps_the_laws(system, rng):
    assert_equivariant(OrnsteinUhlenbeckField(), *system, generator=rng)
    assert_independent_of_batch(OrnsteinUhlenbeckField(), *system)


@pytest.mark.parametrize(
    ("spoil", "laws"),
    [
        (lambda z: z.abs(), {"mirror": False, "permute": False}),  # no vector
        (lambda z: torch.linalg.cross(z.roll(1, 1), z.roll(2, 1)), {"permute": False}),  # axial
        (lambda z: z * torch.arange(9)[:, None], {"mirror": False}),  # knows the order
    ],
)
def test_each_broken_symmetry_is_caught(system, rng, spoil, laws):
    with pytest.raises(AssertionError):
        assert_equivariant(Wrong(spoil), *system, generator=rng, **laws)


def test_an_axial_field_passes_where_mirrors_are_not_asked_for(system, rng):
    field = Wrong(lambda z: torch.linalg.cross(z.roll(1, 1), z.roll(2, 1)))
    assert_equivariant(field, *system, generator=rng, mirror=False, permute=False)


def test_dependence_on_the_batch_is_caught(system):
    with pytest.raises(AssertionError):
        assert_independent_of_batch(Wrong(lambda z: z.mean(0, keepdim=True)), *system)


@pytest.fixture
def jump(system, rng):
    batch, x, *_ = system
    domain = Domain((1.0, 1000.0), (300.0, 300.0), (1, 6, 8), (9, 9))
    operator = ImplicitTransferOperator(
        OrnsteinUhlenbeckField(), HarmonicSource(), ConditionFrame(), domain
    )
    noise = torch.randn(x.shape, generator=rng, dtype=torch.float64)
    return operator, batch, x, noise


def test_the_exact_kernel_keeps_the_laws(jump, rng):
    operator, *system, noise = jump
    assert_kernel_conforms(operator, *system, 50.0, noise=noise)
    assert_kernel_equivariant(operator, *system, 50.0, noise=noise, generator=rng)
    assert_kernel_independent_of_batch(operator, *system, 50.0, noise=noise)


class Spoilt:
    """A kernel around a kernel that changes its samples, or its inputs."""

    def __init__(self, kernel, change):
        self.kernel, self.change = kernel, change

    def sample(self, graph, positions, lag_time_ps, **options):
        done = self.kernel.sample(graph, positions, lag_time_ps, **options)
        return Transition(self.change(positions, done.positions), done.info)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda x, y: x.add_(1), "changed its inputs"),
        (lambda x, y: y + torch.rand(1), "two samples"),
        (lambda x, y: y.requires_grad_(), "ordinary, detached"),
        (lambda x, y: y.float(), "torch.float64 became"),
        (lambda x, y: y / 0, "not finite"),
        (lambda x, y: y + 1, "not close"),
    ],
)
def test_each_broken_convention_is_caught(jump, change, complaint):
    operator, *system, noise = jump
    with pytest.raises(AssertionError, match=complaint):
        assert_kernel_conforms(Spoilt(operator, change), *system, 50.0, noise=noise)


def test_kernels_that_break_the_laws_are_caught(jump, rng):
    operator, *system, noise = jump
    stretched = Spoilt(operator, lambda x, y: y * torch.tensor([1.0, 1.0, 1.1]))
    with pytest.raises(AssertionError):
        assert_kernel_equivariant(stretched, *system, 50.0, noise=noise, generator=rng)
    joined = Spoilt(operator, lambda x, y: y - y.mean(0, keepdim=True))
    with pytest.raises(AssertionError):
        assert_kernel_independent_of_batch(joined, *system, 50.0, noise=noise)


@pytest.mark.parametrize("frame", ["condition", "free"])
def test_the_quick_operator_makes_valid_molecules(ethanol, frame):
    """From the reference, and from elsewhere after a few relaxation times."""
    from ase_tito.validity import check

    graph, positions = ethanol
    operator = ou_operator(graph, positions, frame=frame)
    batch = GraphBatch.replicate(graph, 20)
    start = torch.from_numpy(positions).expand(20, -1, -1)
    for transition in operator.iterate(batch, start, 100.0, 5, seed=0):
        assert check(batch, transition.positions).valid.all()
    for transition in operator.iterate(batch, 1.3 * start, 500.0, 2, seed=0):
        last = transition.positions
    assert check(batch, last).valid.all()


def test_the_quick_operator_knows_its_molecule_only(ethanol, rng):
    graph, positions = ethanol
    operator = ou_operator(graph, positions)
    assert operator.domain.objections(graph) == []
    reordered = graph.permuted([8, *range(8)])
    with pytest.raises(ValueError, match="no reference positions for C2H6O"):
        operator.sample(reordered, torch.from_numpy(positions), 50.0, generator=rng)
