import pytest
import torch

from ase_tito.errors import ConfigError
from ase_tito.flow.density import Quadrature, divergence_integral, follow
from ase_tito.flow.divergence import basis_directions, divergence
from ase_tito.flow.frame import ConditionFrame
from ase_tito.flow.ode import OdeSettings, integrate, integrate_log_density


@pytest.fixture
def flow(mixed, rng):
    """A velocity that is linear in no way, start positions, and the directions of E_x."""
    batch, x = mixed
    frame = ConditionFrame()
    project = frame.projector(x, batch.mask)
    matrix = torch.randn(27, 27, generator=rng, dtype=torch.float64) / 5

    def velocity(z, s):
        return project((torch.sin(z.flatten(1) @ matrix) * (1 + s[:, None] ** 2)).view_as(z))

    start = project(torch.randn(x.shape, generator=rng, dtype=torch.float64))
    return velocity, start, basis_directions(frame.basis(x, batch.mask)), batch.mask


def test_weights_integrate_over_the_flow_time():
    quadrature = Quadrature(10)
    for power in range(4):
        integral = (quadrature.weights * quadrature.times**power).sum()
        assert float(integral) == pytest.approx(1 / (power + 1), abs=1e-10)


def test_the_path_there_and_back_agrees_with_the_adaptive_solver(flow):
    velocity, start, directions, mask = flow
    quadrature = Quadrature(12, 2)
    path = follow(velocity, start, quadrature)
    exact = OdeSettings("dopri5", rtol=1e-9, atol=1e-9)
    end = integrate(velocity, start, exact, mask).positions
    torch.testing.assert_close(path.end, end, atol=1e-5, rtol=0)
    back = follow(velocity, end, quadrature, reverse=True)
    torch.testing.assert_close(back.end, start, atol=1e-5, rtol=0)
    torch.testing.assert_close(back.nodes, path.nodes, atol=1e-5, rtol=0)
    change = integrate_log_density(velocity, end, exact, mask, directions).change
    for each in (path, back):
        found = divergence_integral(velocity, each, quadrature, directions)
        torch.testing.assert_close(-found, change, atol=1e-4, rtol=0)


def test_tighter_is_ten_times_as_accurate(flow):
    velocity, start, _, _ = flow
    exact = follow(velocity, start, Quadrature(12, 40)).end
    for quadrature in (Quadrature(4, 1), Quadrature(8, 1), Quadrature(8, 2)):
        error = (follow(velocity, start, quadrature).end - exact).abs().max()
        assert (follow(velocity, start, quadrature.tighter()).end - exact).abs().max() < error / 10


def test_chunks_of_directions_change_nothing(flow):
    velocity, start, directions, _ = flow
    s = torch.full((len(start),), 0.3, dtype=torch.float64)
    whole = divergence(velocity, start, s, directions)
    jacobian = torch.func.jacrev(lambda at: velocity(at, s))(start).flatten(4).flatten(1, 2)
    for b in range(len(start)):
        own = torch.einsum(
            "kx,xy,ky->",
            directions[:, b].flatten(1),
            jacobian[b, :, b].flatten(1),
            directions[:, b].flatten(1),
        )
        assert float(whole[b]) == pytest.approx(float(own), rel=1e-10)
    for size in (1, 5):
        torch.testing.assert_close(
            divergence(velocity, start, s, directions, chunk_size=size), whole
        )


@pytest.mark.parametrize("values", [(0, 1), (4, 0), (True, 1), (4.0, 1)])
def test_senseless_counts_are_refused(values):
    with pytest.raises(ConfigError, match="must be a positive integer"):
        Quadrature(*values)
