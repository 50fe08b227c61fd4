import pytest
import torch

from ase_tito.geometry import centre, centroid, random_rotations, superpose, superposing_rotation

ATOMS = torch.tensor([5, 3, 7])
MASK = torch.arange(7) < ATOMS[:, None]


@pytest.fixture
def positions():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, 7, 3, generator=generator, dtype=torch.float64) + 4
    return x * MASK[..., None]


def test_centroid_is_that_of_each_system_by_itself(positions):
    for k, n in enumerate(ATOMS):
        assert torch.allclose(centroid(positions, MASK)[k, 0], positions[k, :n].mean(0))


def test_centring_removes_each_centroid_and_keeps_padding_zero(positions):
    centred = centre(positions, MASK)
    assert centroid(centred, MASK).abs().max() < 1e-12
    assert (centred[~MASK] == 0).all()
    assert torch.allclose(centre(centred, MASK), centred)


def test_rotations_are_proper_and_reproducible():
    rotations = random_rotations(500, torch.Generator().manual_seed(1), torch.float64)
    eye = torch.eye(3, dtype=torch.float64).expand_as(rotations)
    assert torch.allclose(rotations @ rotations.mT, eye, atol=1e-12)
    assert torch.allclose(torch.linalg.det(rotations), torch.ones(500, dtype=torch.float64))
    again = random_rotations(500, torch.Generator().manual_seed(1), torch.float64)
    assert torch.equal(rotations, again)


def test_rotations_are_uniform():
    rotations = random_rotations(20000, torch.Generator().manual_seed(2), torch.float64)
    assert rotations.mean(0).abs().max() < 0.02
    assert (rotations.square().mean(0) - 1 / 3).abs().max() < 0.01
    # Haar measure: the trace 1 + 2 cos θ has mean 0 and variance 1
    trace = rotations.diagonal(dim1=1, dim2=2).sum(1)
    assert abs(float(trace.mean())) < 0.03
    assert abs(float(trace.var()) - 1) < 0.03


def test_superposing_undoes_a_rotation(positions):
    x = centre(positions, MASK)
    rotations = random_rotations(3, torch.Generator().manual_seed(3), torch.float64)
    assert torch.allclose(superpose(x @ rotations, x), x, atol=1e-10)


def test_superposing_never_mirrors(positions):
    x = centre(positions, MASK)
    rotation = superposing_rotation(-x, x)
    assert torch.allclose(torch.linalg.det(rotation), torch.ones(3, dtype=torch.float64))


def test_superposing_is_the_best_rotation(positions):
    x = centre(positions, MASK)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(4), dtype=x.dtype)
    y = centre(x + noise, MASK)
    best = (superpose(y, x) - x).square().sum((1, 2))
    for seed in range(20):
        rotations = random_rotations(3, torch.Generator().manual_seed(seed), x.dtype)
        assert (best <= (y @ rotations - x).square().sum((1, 2)) + 1e-9).all()


def test_superposition_leaves_no_net_rotation(positions):
    x = centre(positions, MASK)
    y = superpose(centre(x.flip(1).roll(1, 2) * MASK[..., None], MASK), x)
    assert torch.linalg.cross(x, y).sum(1).abs().max() < 1e-9
