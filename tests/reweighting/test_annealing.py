"""Annealed importance sampling where plain weights degenerate, against exact values."""

import numpy as np
import pytest
import torch

from ase_tito.errors import ConfigError
from ase_tito.flow.ode import OdeSettings
from ase_tito.reweighting import AnnealingSettings, BoltzmannTarget, annealed_sample
from ase_tito.reweighting.hamiltonian import HamiltonianMoves
from ase_tito.reweighting.importance import importance_sample

ODE = OdeSettings("rk4", steps=16)
WIDE, NARROW = 0.5, 0.12


@pytest.fixture(scope="module")
def annealed(water, prior, springs):
    """From a prior four times too wide."""
    return annealed_sample(
        prior(WIDE),
        water,
        springs(NARROW),
        300,
        generator=torch.Generator().manual_seed(1),
        settings=AnnealingSettings(step_A=0.1, leapfrog_steps=5),
        ode=ODE,
        batch_size=300,
    )


def test_it_gets_right_what_weights_alone_do_not(water, prior, springs, annealed):
    plain = importance_sample(
        prior(WIDE),
        water,
        springs(NARROW),
        300,
        generator=torch.Generator().manual_seed(1),
        ode=ODE,
        batch_size=300,
    )
    assert plain.effective_sample_size < 10
    assert annealed.effective_sample_size > 100
    assert annealed.log_normalizer == pytest.approx(springs(NARROW).log_normalizer, abs=0.5)
    square = springs(NARROW).reduced_square(annealed.positions)
    assert annealed.weights @ square == pytest.approx(6.0, abs=1.0)


def test_it_tells_what_it_did(annealed):
    values = [level.value for level in annealed.levels]
    assert values[-1] == 1.0
    assert len(values) > 2
    assert (np.diff(values) > 0).all()
    assert any(level.resampled for level in annealed.levels)
    assert all(0.2 < level.acceptance <= 1 for level in annealed.levels[2:])  # steps adapt
    assert annealed.evaluations == 300 * (1 + len(values) * 2 * 6)
    assert len(np.unique(annealed.groups)) < 300


def test_a_good_prior_takes_one_step(water, prior, springs):
    samples = annealed_sample(
        prior(0.5),
        water,
        springs(0.49),
        50,
        generator=torch.Generator().manual_seed(2),
        settings=AnnealingSettings(moves=0),
        ode=ODE,
    )
    assert [level.value for level in samples.levels] == [1.0]
    assert samples.groups.tolist() == list(range(50))


def test_a_schedule_without_resampling_is_neals(water, prior, springs):
    schedule = (0.02, 0.1, 0.3, 0.6, 1.0)
    settings = AnnealingSettings(levels=schedule, resample_below=0.0, step_A=0.1, leapfrog_steps=4)
    samples = annealed_sample(
        prior(0.3),
        water,
        springs(0.2),
        200,
        generator=torch.Generator().manual_seed(3),
        settings=settings,
        ode=ODE,
        batch_size=200,
    )
    assert tuple(level.value for level in samples.levels) == schedule
    assert samples.groups.tolist() == list(range(200))
    assert samples.log_normalizer == pytest.approx(springs(0.2).log_normalizer, abs=0.3)


@pytest.mark.parametrize("level", [0.5, 1.0])
def test_moves_keep_their_target(water, prior, springs, level):
    """N(0, w C) with 1/w = (1 − λ)/w_prior + λ/w_calculator."""
    width = ((1 - level) / 0.3**2 + level / 0.2**2) ** -0.5
    rng = np.random.default_rng(4)
    p, calculator = prior(0.3), springs(0.2)
    target = BoltzmannTarget(water, calculator, 300.0)
    moves = HamiltonianMoves(p, water, target, 4, ODE, 1000)
    root = width * p.source.standard_deviation(water)
    x = np.einsum("ij,bjc->bic", root, rng.standard_normal((800, 3, 3)))
    state = (
        x,
        p.log_prob(water, torch.from_numpy(x), ode=ODE).value.numpy(),
        target.reduced_energies(x),
    )
    for _ in range(3):
        *state, accepted = moves.move(*state, level, 0.15, rng)
    assert 0.3 < accepted < 0.98
    square = springs(width).reduced_square(state[0])
    assert square.mean() == pytest.approx(6.0, abs=4 * np.sqrt(12 / 800))
    np.testing.assert_allclose(state[2], target.reduced_energies(state[0]))
    if level < 1:
        density = p.log_prob(water, torch.from_numpy(state[0]), ode=ODE).value.numpy()
        np.testing.assert_allclose(state[1], density, rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"level_share": 1.0}, "level_share must lie between 0 and 1"),
        ({"levels": (0.5, 0.4, 1.0)}, "levels must rise from above 0 to 1"),
        ({"levels": (0.5,)}, "levels must rise from above 0 to 1"),
        ({"resample_below": 2.0}, "resample_below"),
        ({"step_A": 0.0}, "step_A must be positive"),
    ],
)
def test_impossible_settings_are_refused(settings, text):
    with pytest.raises(ConfigError, match=text):
        AnnealingSettings(**settings)
