import torch

from ase_tito.flow.path import linear_path


def test_path_joins_source_and_target_at_constant_velocity(rng):
    source, target = torch.randn(2, 3, 4, 3, generator=rng, dtype=torch.float64)
    ends = torch.tensor([0.0, 1.0, 0.25], dtype=torch.float64)
    z, velocity = linear_path(source, target, ends)
    torch.testing.assert_close(z[0], source[0])
    torch.testing.assert_close(z[1], target[1])
    torch.testing.assert_close(z[2] + 0.75 * velocity[2], target[2])
