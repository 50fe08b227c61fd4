"""The rotation of the condition onto the current positions, and its derivative."""

import pytest
import torch

from ase_tito.geometry import random_rotations, superposing_rotation
from ase_tito.nn.superposition import superposition


@pytest.fixture
def positions(rng):
    """Condition and current positions (6, 7, 3), unlike each other: half want a reflection."""
    x, z = torch.randn(2, 6, 7, 3, generator=rng, dtype=torch.float64)
    return x - x.mean(1, keepdim=True), z - z.mean(1, keepdim=True)


def test_is_the_best_rotation(positions, rng):
    x, z = positions
    assert (torch.linalg.det(x.mT @ z) < 0).any(), "some pair must want a reflection"
    rotation = superposition(x, z)
    torch.testing.assert_close(rotation, superposing_rotation(x, z))
    best = (x @ rotation - z).square().sum((1, 2))
    others = rotation @ random_rotations(500, rng, x.dtype)[:, None]
    assert ((x @ others - z).square().sum((2, 3)) > best).all()


def test_single_precision_agrees(positions):
    single = superposition(*(p.float() for p in positions))
    torch.testing.assert_close(single.double(), superposition(*positions), atol=1e-4, rtol=0)
    torch.testing.assert_close(single @ single.mT, torch.eye(3).expand(6, 3, 3))


def test_a_system_that_is_not_finite_leaves_the_others_alone(positions):
    x, z = positions
    expected = superposition(x, z)
    z = z.clone()
    z[2, 0, 1] = torch.nan
    found = superposition(x, z)
    others = [0, 1, 3, 4, 5]
    assert torch.equal(found[others], expected[others])


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_derivative_is_that_of_finite_differences(positions, rng, mode):
    x, z = positions
    direction = torch.randn(z.shape, generator=rng, dtype=torch.float64)
    ends = [superposing_rotation(x, z + h * direction) for h in (1e-5, -1e-5)]
    expected = (ends[0] - ends[1]) / 2e-5
    if mode == "forward":
        found = torch.func.jvp(lambda at: superposition(x, at), (z,), (direction,))[1]
    else:
        jacobian = torch.func.jacrev(lambda at: superposition(x, at))(z)
        found = torch.einsum("bijcnk,cnk->bij", jacobian, direction)
    torch.testing.assert_close(found, expected, atol=1e-7, rtol=1e-6)


def test_derivative_is_finite_where_two_singular_values_are_one(rng):
    x = torch.eye(3, dtype=torch.float64)[None] - 1 / 3
    z = x @ random_rotations(1, rng, torch.float64)
    z.requires_grad_()
    superposition(x, z).square()[..., 0].sum().backward()
    assert z.grad.isfinite().all()


def test_linear_molecules_turn_freely_about_their_axis(rng):
    x = torch.tensor([[[0.0, 0, -1], [0, 0, 0], [0, 0, 1]]], dtype=torch.float64)
    z = (x @ random_rotations(1, rng, torch.float64)).requires_grad_()
    turned = x @ superposition(x, z)
    torch.testing.assert_close(turned, z)
    (turned * torch.arange(9.0, dtype=torch.float64).view(1, 3, 3)).sum().backward()
    assert z.grad.isfinite().all()
