import gc
import math
import weakref

import pytest
import torch
from scipy.integrate import quad

from ase_tito.errors import ConfigError
from ase_tito.flow.divergence import basis_directions, random_directions
from ase_tito.flow.fixed_grid import on_fixed_grid
from ase_tito.flow.frame import ConditionFrame, FreeFrame
from ase_tito.flow.ode import (
    OdeSettings,
    integrate,
    integrate_log_density,
)


def all_atoms(z):
    return torch.ones(z.shape[:2], dtype=torch.bool)


WIDTH = 0.4


def narrowing(z, s):
    """The flow from N(0, 1) to N(0, WIDTH²), with z(1) = WIDTH z(0)."""
    rate = (s * WIDTH**2 - (1 - s)) / (s**2 * WIDTH**2 + (1 - s) ** 2)
    return rate[:, None, None] * z


@pytest.mark.parametrize(
    "entries",
    [
        {"method": "heun"},
        {"steps": 0},
        {"steps": 2.5},
        {"steps": True},
        {"spacing": "log"},
        {"rtol": 0.0},
        {"atol": float("nan")},
        {"step": 3},
    ],
)
def test_impossible_settings_are_refused(entries):
    with pytest.raises(ConfigError, match=next(iter(entries))):
        OdeSettings.from_dict(entries)


def test_settings_survive_a_dictionary():
    settings = OdeSettings("rk4", steps=7, spacing="even")
    assert OdeSettings.from_dict(settings.to_dict()) == settings


def test_sine_grid_spans_the_flow_and_is_fine_at_its_end():
    grid = OdeSettings(steps=40).grid
    assert grid[0] == 0
    assert grid[-1] == 1
    steps = grid.diff()
    assert (steps.diff() < 0).all()
    torch.testing.assert_close(grid[20], torch.tensor(math.sqrt(0.5), dtype=torch.float64))
    torch.testing.assert_close(
        OdeSettings(steps=4, spacing="even").grid.diff(), steps.new_full((4,), 0.25)
    )


@pytest.mark.parametrize("spacing", ["sine", "even"])
@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_fixed_grids_converge_with_their_order(method, order, spacing):
    """On dz/ds = e^s z; on a Gaussian flow midpoint happens to converge with order 3."""
    z = torch.ones(1, 2, 3, dtype=torch.float64)
    errors = []
    for steps in (20, 40):
        settings = OdeSettings(method, steps, spacing)
        result = integrate(lambda z, s: s.exp()[:, None, None] * z, z, settings, all_atoms(z))
        assert result.evaluations == settings.evaluations
        errors.append(abs(result.positions[0, 0, 0].item() - math.exp(math.e - 1)))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.2)


def test_dopri5_keeps_its_tolerance_and_never_looks_beyond_the_flow():
    times = []

    def watched(z, s):
        times.append(s)
        return narrowing(z, s)

    z = torch.ones(2, 2, 3, dtype=torch.float64)
    settings = OdeSettings("dopri5", rtol=1e-8, atol=1e-8)
    result = integrate(watched, z, settings, all_atoms(z))
    assert settings.evaluations is None
    assert result.evaluations == len(times)
    assert torch.cat(times).max() <= 1
    torch.testing.assert_close(result.positions, z * WIDTH, rtol=1e-7, atol=0)


def test_easy_systems_do_not_dilute_the_error_of_a_hard_one():
    """A small, padded molecule with a fast velocity, alone and among many large, slow ones."""

    def oscillating(z, s):
        frequency = torch.full_like(s, 0.1)
        frequency[0] = 30.0
        speed = (frequency * torch.cos(frequency * s))[:, None, None]
        return speed.expand_as(z) * mask[: len(z), :, None]

    mask = torch.ones(64, 12, dtype=torch.bool)
    mask[0, 3:] = False
    z = torch.zeros(64, 12, 3, dtype=torch.float64)
    settings = OdeSettings("dopri5", rtol=1e-6, atol=1e-6)
    alone = integrate(oscillating, z[:1], settings, mask[:1])
    together = integrate(oscillating, z, settings, mask)
    assert together.evaluations == alone.evaluations
    assert abs(alone.positions[0, 0, 0] - math.sin(30.0)) < 1e-5
    torch.testing.assert_close(together.positions[:1], alone.positions)


def test_a_system_that_diverges_leaves_the_others_alone():
    def one_breaks(z, s):
        u = narrowing(z, s)
        return torch.where(
            (s > 0.5)[:, None, None] & (torch.arange(len(z)) == 1)[:, None, None], math.nan, u
        )

    z = torch.ones(3, 2, 3, dtype=torch.float64)
    for method in ("dopri5", "rk4", "multistep"):
        result = integrate(one_breaks, z, OdeSettings(method), all_atoms(z))
        assert result.status == "completed"
        assert result.positions[1].isnan().all()
        torch.testing.assert_close(result.positions[::2], z[::2] * WIDTH, rtol=1e-3, atol=0)


def test_a_singular_velocity_stalls_and_says_so():
    def singular(z, s):
        return 1 / (s - 0.3).abs().clamp(min=1e-300)[:, None, None].expand_as(z)

    z = torch.zeros(1, 2, 3, dtype=torch.float64)
    result = integrate(singular, z, OdeSettings("dopri5"), all_atoms(z))
    assert result.status == "stalled"
    assert result.positions.isnan().all()


def test_an_assertion_of_the_field_is_not_swallowed():
    def wrong(z, s):
        raise AssertionError("my own")

    z = torch.zeros(1, 2, 3)
    with pytest.raises(AssertionError, match="my own"):
        integrate(wrong, z, OdeSettings("dopri5"), all_atoms(z))


@pytest.mark.parametrize("method", ["euler", "midpoint", "rk4", "multistep"])
def test_memory_does_not_grow_with_the_number_of_steps(method):
    seen, alive = [], []

    def watched(z, s):
        seen.append(weakref.ref(z))
        alive.append(sum(ref() is not None for ref in seen))
        return narrowing(z, s)

    gc.disable()  # whatever is freed has to be freed by itself
    try:
        with torch.inference_mode():
            z = torch.ones(1, 2, 3)
            integrate(watched, z, OdeSettings(method, steps=50), all_atoms(z))
    finally:
        gc.enable()
    assert max(alive) <= 4


def test_multistep_is_exact_where_all_paths_end_at_one_place():
    target = torch.linspace(-3, 3, 6, dtype=torch.float64).view(1, 2, 3)

    def straight(z, s):
        return (target - z) / (1 - s)[:, None, None]

    z = torch.ones_like(target)
    for steps in (1, 4):
        settings = OdeSettings("multistep", steps)
        assert settings.evaluations == steps
        result = integrate(straight, z, settings, all_atoms(z))
        torch.testing.assert_close(result.positions, target)


@pytest.mark.parametrize("spacing", ["sine", "even"])
def test_multistep_converges_with_order_two_at_least(spacing):
    z = torch.ones(1, 2, 3, dtype=torch.float64)
    errors = []
    for steps in (20, 320):
        settings = OdeSettings("multistep", steps, spacing)
        result = integrate(lambda z, s: s.exp()[:, None, None] * z, z, settings, all_atoms(z))
        errors.append(abs(result.positions[0, 0, 0].item() - math.exp(math.e - 1)))
    assert errors[0] < 0.06
    assert math.log2(errors[0] / errors[1]) > 0.95 * 2 * math.log2(16)


def test_multistep_has_order_three_but_for_its_start():
    """On D = s³, at whose start there is nothing to know; elsewhere its two first steps leave 2."""

    def exact(s):
        return (1 - s) * (1 + quad(lambda t: t**3 / (1 - t) ** 2, 0, s)[0])

    errors = []
    for steps in (40, 80):
        grid = [0.7 * s for s in OdeSettings(steps=steps).times]
        z = torch.ones(1, 1, 3, dtype=torch.float64)
        z = on_fixed_grid("multistep", lambda z, s: (s**3 - z) / (1 - s), z, grid)
        errors.append(abs(z[0, 0, 0].item() - exact(grid[-1])))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(3, abs=0.2)


def linear_flow(matrix, project):
    def velocity(z, s):
        return project((1 + s)[:, None, None] * (z.flatten(1) @ matrix).view_as(z))

    return velocity


@pytest.mark.parametrize("frame", [FreeFrame(), ConditionFrame()])
def test_density_change_of_a_linear_flow_is_its_trace(frame, mixed, rng):
    """∫ (1 + s) ds · tr(Qᵀ M Q), per system, whatever the padding; the path goes back exactly."""
    batch, x = mixed
    matrix = torch.randn(27, 27, generator=rng, dtype=torch.float64) / 10
    project, basis = frame.projector(x, batch.mask), frame.basis(x, batch.mask)
    velocity = linear_flow(matrix, project)
    z = project(torch.randn(x.shape, generator=rng, dtype=torch.float64))
    y = integrate(velocity, z, OdeSettings("rk4", 20), batch.mask).positions
    expected = -1.5 * torch.einsum("bkd,lk,bld->b", basis, matrix, basis)
    for settings in (OdeSettings("rk4", 20), OdeSettings("dopri5", rtol=1e-7, atol=1e-7)):
        result = integrate_log_density(velocity, y, settings, batch.mask, basis_directions(basis))
        torch.testing.assert_close(result.change, expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(result.source, z, rtol=1e-5, atol=1e-5)


def test_hutchinson_is_unbiased(mixed, rng):
    """256 probes of one system, as so many systems of a batch."""
    batch, x = mixed
    batch, x = batch.select(torch.zeros(256, dtype=torch.long)), x[:1].repeat(256, 1, 1)
    project = ConditionFrame().projector(x, batch.mask)
    velocity = linear_flow(torch.randn(27, 27, generator=rng, dtype=torch.float64) / 10, project)
    y = project(x + 1)
    settings = OdeSettings("rk4", 4)

    def change(directions):
        return integrate_log_density(velocity, y, settings, batch.mask, directions).change

    exact = change(basis_directions(ConditionFrame().basis(x, batch.mask)))
    single = change(random_directions(project, x, rng))
    assert single.std() > 0.1
    assert abs(single.mean() - exact[0]) < 4 * single.std() / 16
    averaged = change(random_directions(project, x, rng, probes=16))
    assert abs(averaged.mean() - exact[0]) < 4 * averaged.std() / 16
    assert averaged.std().item() == pytest.approx(single.std().item() / 4, rel=0.3)


def test_density_is_differentiable_and_leaves_no_mode_behind(mixed, rng):
    """Gradients flow through the discretized log-density; inference mode elsewhere stays legal."""
    batch, x = mixed
    project = FreeFrame().projector(x, batch.mask)
    matrix = torch.eye(27, dtype=torch.float64).requires_grad_()
    y = x.clone().requires_grad_()
    directions = random_directions(project, x, rng)
    result = integrate_log_density(
        linear_flow(matrix, project), y, OdeSettings("midpoint", 5), batch.mask, directions
    )
    (result.change.sum() + result.source.square().sum()).backward()
    assert y.grad.abs().max() > 0
    assert matrix.grad.abs().max() > 0
    with torch.inference_mode():
        z = torch.ones(1, 2, 3)
        for method in ("euler", "dopri5"):
            assert integrate(
                narrowing, z, OdeSettings(method), all_atoms(z)
            ).positions.is_inference()
