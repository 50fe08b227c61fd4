"""Moves in the prior's source space keep a known law, by a test that fails without the density."""

import pytest
import torch
from ase.build import molecule
from scipy.stats import chi2, kstest

from ase_tito.errors import ConfigError
from ase_tito.flow.density import Quadrature
from ase_tito.flow.frame import FreeFrame
from ase_tito.flow.source import HarmonicSource
from ase_tito.graph import GraphBatch
from ase_tito.perception import build_graph
from ase_tito.testing import OrnsteinUhlenbeckField
from ase_tito.transfer import source_moves
from ase_tito.transfer.domain import NO_LAGS, Domain
from ase_tito.transfer.prior import BoltzmannPrior
from ase_tito.transfer.source_moves import (
    check_step,
    prior_log_density,
    propose_in_source,
    source_ratio,
)

QUADRATURE = Quadrature(8, 1)
WIDTH, PRIOR_WIDTH = 0.8, 0.65
"""Standard deviations of the target, and of the prior, over those of the source."""


@pytest.fixture(scope="module")
def transition():
    field = OrnsteinUhlenbeckField(relaxation_time_ps=1e-6, spread=PRIOR_WIDTH)
    domain = Domain(NO_LAGS, (300.0, 300.0), (1, 6, 7, 8), (3, 9))
    return BoltzmannPrior(field, HarmonicSource(), domain).transition


@pytest.fixture(scope="module")
def water():
    atoms = molecule("H2O")
    return build_graph(atoms.numbers, atoms.positions)


def normal(batch, rng):
    return torch.randn(*batch.mask.shape, 3, generator=rng, dtype=torch.float64)


def log_target(transition, batch, x):
    """−U/kT of springs along the bonds, whose Boltzmann distribution is N(0, WIDTH² C)."""
    basis = FreeFrame().basis(x, batch.mask)
    return transition.source.log_prob(batch, x / WIDTH, basis)


def p_value(transition, graph, step, chains=1500, moves=5, seed=0):
    """That x'Σ⁻¹x of chains from the exact law still follows χ² after some moves."""
    rng = torch.Generator().manual_seed(seed)
    batch = GraphBatch.replicate(graph, chains)
    x = WIDTH * transition.source.sample(batch, normal(batch, rng))
    everyone = torch.arange(chains)
    known = prior_log_density(transition, batch, x, QUADRATURE)
    share = 0.0
    for _ in range(moves):
        proposal = propose_in_source(transition, batch, x, step, normal(batch, rng), QUADRATURE)
        ratio = source_ratio(transition, proposal, everyone, known, QUADRATURE)
        y = proposal.positions
        log_r = ratio.log + log_target(transition, batch, y) - log_target(transition, batch, x)
        accepted = torch.rand(chains, generator=rng, dtype=torch.float64).log() < log_r
        x = torch.where(accepted[:, None, None], y, x)
        known = torch.where(accepted, ratio.forward, known)
        share += float(accepted.double().mean()) / moves
    assert 0.05 < share < 0.97
    zero = log_target(transition, batch, torch.zeros_like(x))
    found = 2 * (zero - log_target(transition, batch, x))
    return kstest(found.numpy(), chi2(3 * graph.n_atoms - 3).cdf).pvalue


@pytest.mark.parametrize("step", [0.4, 1.0])
def test_the_law_stays_what_it_was(transition, water, step):
    assert p_value(transition, water, step) > 0.01


def test_without_the_density_it_does_not(transition, water, monkeypatch):
    zero = property(lambda ratio: 0 * ratio.forward)
    monkeypatch.setattr(source_moves.ProposalRatio, "log", zero)
    assert p_value(transition, water, 0.4) < 1e-6


def test_a_larger_step_moves_further_and_the_whole_step_forgets(transition, water, rng):
    batch = GraphBatch.replicate(water, 2000)
    x = 50.0 + PRIOR_WIDTH * transition.source.sample(batch, normal(batch, rng))
    noise = normal(batch, rng)
    overlap = []
    for step in (0.1, 0.6, 1.0):
        y = propose_in_source(transition, batch, x, step, noise, QUADRATURE).positions
        torch.testing.assert_close(y.mean(1), x.mean(1))
        a, b = (z - z.mean(1, keepdim=True) for z in (x, y))
        overlap.append(float((a * b).mean() / (a.std() * b.std())))
    expected = [0.99**0.5, 0.8, 0.0]
    assert overlap == pytest.approx(expected, abs=0.03)


def test_several_proposals_from_one_state_are_those_from_copies_of_it(transition, water, rng):
    batch = GraphBatch.replicate(water, 2)
    x = PRIOR_WIDTH * transition.source.sample(batch, normal(batch, rng))
    origin = torch.tensor([0, 0, 1])
    noise = normal(batch.select(origin), rng)
    together = propose_in_source(transition, batch, x, 0.3, noise, QUADRATURE, origin=origin)
    apart = propose_in_source(transition, batch.select(origin), x[origin], 0.3, noise, QUADRATURE)
    torch.testing.assert_close(together.positions, apart.positions)


def test_the_density_along_the_path_is_that_of_its_end(transition, water, rng):
    batch = GraphBatch.replicate(water, 4)
    x = PRIOR_WIDTH * transition.source.sample(batch, normal(batch, rng))
    proposal = propose_in_source(transition, batch, x, 0.5, normal(batch, rng), QUADRATURE)
    before = prior_log_density(transition, batch, x, QUADRATURE)
    ratio = source_ratio(transition, proposal, torch.tensor([1, 3]), before[[1, 3]], QUADRATURE)
    tight = Quadrature(24, 3)
    after = prior_log_density(transition, batch, proposal.positions, tight)
    torch.testing.assert_close(ratio.forward, after[[1, 3]], atol=1e-3, rtol=0)
    torch.testing.assert_close(ratio.log, before[[1, 3]] - ratio.forward)


@pytest.mark.parametrize("step", [0, -0.1, 1.01, float("nan"), "much", True])
def test_a_step_that_makes_no_sense_is_refused(step):
    with pytest.raises(ConfigError, match="source_step must lie above 0"):
        check_step(step)
