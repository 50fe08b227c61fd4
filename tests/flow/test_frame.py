import pytest
import torch

from ase_tito.errors import ConfigError, StructureError
from ase_tito.flow.frame import ConditionFrame, FreeFrame, frame_named
from ase_tito.geometry import random_rotations

FRAMES = [FreeFrame(), ConditionFrame()]


@pytest.mark.parametrize("frame", FRAMES)
def test_projector_and_basis_are_one_subspace(frame, mixed, rng):
    """P is idempotent, symmetric and Q Qᵀ; Q is orthonormal, and zero beyond the dimension."""
    batch, x = mixed
    project, basis = frame.projector(x, batch.mask), frame.basis(x, batch.mask)
    z = torch.randn(x.shape, generator=rng, dtype=torch.float64)
    w = torch.randn(x.shape, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(project(project(z)), project(z))
    torch.testing.assert_close((project(z) * w).sum((1, 2)), (z * project(w)).sum((1, 2)))
    torch.testing.assert_close(
        project(z).flatten(1), (basis @ (basis.transpose(1, 2) @ z.flatten(1)[..., None]))[..., 0]
    )
    gram = basis.transpose(1, 2) @ basis
    torch.testing.assert_close(gram, torch.diag_embed(gram.diagonal(dim1=1, dim2=2).round()))
    dimension = frame.dimension(batch.n_atoms)
    torch.testing.assert_close(gram.diagonal(dim1=1, dim2=2).sum(1), dimension.double())
    assert basis.shape[2] == dimension.max()
    assert project(z)[~batch.mask].abs().max() == 0
    assert basis.unflatten(1, (-1, 3))[~batch.mask].abs().max() == 0


def test_dimensions(mixed):
    n_atoms = mixed[0].n_atoms
    assert FreeFrame().dimension(n_atoms).tolist() == [24, 6, 24, 9]
    assert ConditionFrame().dimension(n_atoms).tolist() == [21, 3, 21, 6]


def test_condition_frame_has_neither_centroid_nor_angular_part(mixed, rng):
    batch, x = mixed
    z = ConditionFrame().projector(x, batch.mask)(
        torch.randn(x.shape, generator=rng, dtype=torch.float64)
    )
    assert z.sum(1).abs().max() < 1e-12
    assert torch.linalg.cross(x, z).sum(1).abs().max() < 1e-12


def test_superposed_targets_lie_in_the_condition_frame(mixed, rng):
    """Kabsch's optimum has Σ x_i × y_i = 0, however y was turned: alignment forgets it."""
    batch, x = mixed
    frame = ConditionFrame()
    y = x + 0.3 * torch.randn(x.shape, generator=rng, dtype=torch.float64)
    y = FreeFrame().projector(x, batch.mask)(y)
    aligned = frame.align(y, x)
    torch.testing.assert_close(frame.projector(x, batch.mask)(aligned), aligned)
    turned = y @ random_rotations(len(y), rng, torch.float64)
    torch.testing.assert_close(frame.align(turned, x), aligned)
    torch.testing.assert_close(torch.cdist(aligned, aligned), torch.cdist(y, y))
    assert FreeFrame().align(turned, x) is turned


def test_single_precision_is_enough_for_the_projection(mixed, rng):
    batch, x = mixed
    frame = ConditionFrame()
    z = torch.randn(x.shape, generator=rng, dtype=torch.float64)
    exact = frame.projector(x, batch.mask)(z)
    single = frame.projector(x.float(), batch.mask)(z.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, exact.float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("atoms", [1, 2, 3])
def test_linear_conditions_are_refused(atoms):
    x = torch.zeros(2, 4, 3)
    x[0, :, :2] = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    x[1, :atoms, 2] = torch.arange(atoms) - (atoms - 1) / 2
    mask = torch.ones(2, 4, dtype=torch.bool)
    mask[1, atoms:] = False
    with pytest.raises(StructureError, match=r"system 1 is linear.*'free'"):
        ConditionFrame().projector(x, mask)


def test_frames_by_name():
    assert isinstance(frame_named("free"), FreeFrame)
    assert isinstance(frame_named("condition"), ConditionFrame)
    with pytest.raises(ConfigError, match="unknown frame 'lab'"):
        frame_named("lab")
