"""Exactness on a molecule whose law is known, by a test that each missing term fails."""

import pytest
import torch
from ase.build import molecule
from scipy.stats import chi2, kstest

from ase_tito.flow.density import Quadrature
from ase_tito.flow.frame import frame_named
from ase_tito.flow.ode import OdeSettings
from ase_tito.flow.source import HarmonicSource
from ase_tito.geometry import centre, superposing_rotation
from ase_tito.graph import GraphBatch
from ase_tito.nn import EquivariantVelocity, VelocityConfig
from ase_tito.perception import build_graph
from ase_tito.testing import OrnsteinUhlenbeckField
from ase_tito.transfer import metropolis
from ase_tito.transfer.domain import Domain
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.metropolis import (
    in_double_precision,
    log_density,
    proposal_ratio,
    proposal_ratio_again,
    propose,
    reversible,
)

DOMAIN = Domain((1.0, 1000.0), (300.0, 300.0), (1, 6, 7, 8), (3, 9))
QUADRATURE = Quadrature(8, 1)
LAG = 40.0
WIDTH = 0.8
"""Standard deviations of the target over those of the source; the proposals' are .6 of them."""


def operator_in(frame):
    field = OrnsteinUhlenbeckField(spread=0.6)
    return ImplicitTransferOperator(field, HarmonicSource(), frame_named(frame), DOMAIN)


def graph_of(name):
    atoms = molecule(name)
    return build_graph(atoms.numbers, atoms.positions)


def energies(operator, batch, x):
    """U/kT of springs along the bonds, whose Boltzmann distribution is N(0, WIDTH² C)."""
    basis = frame_named("free").basis(x, batch.mask)
    scaled = centre(x, batch.mask) / WIDTH
    return -operator.source.log_prob(batch, scaled, basis)


def after_moves(operator, graph, chains, moves, seed):
    """Energies after some moves of chains that start from the exact law, and the acceptance."""
    rng = torch.Generator().manual_seed(seed)
    batch = GraphBatch.replicate(graph, chains)

    def normal():
        return torch.randn(*batch.mask.shape, 3, generator=rng, dtype=torch.float64)

    x = WIDTH * operator.source.sample(batch, normal())
    # the few linear ones are no part of the law; that says nothing on U, which scales with size
    fit = reversible("condition", x, x).nonzero()[:, 0]
    x = x[fit[torch.arange(chains) % len(fit)]]
    share = 0.0
    for _ in range(moves):
        proposal = propose(operator, batch, x, LAG, normal(), QUADRATURE)
        fit = proposal.reversible.nonzero()[:, 0]
        ratio = proposal_ratio(operator, proposal, fit, LAG, QUADRATURE)
        y = proposal.positions
        log_r = torch.full((chains,), -torch.inf, dtype=torch.float64)
        log_r[fit] = ratio.log
        log_r += energies(operator, batch, x) - energies(operator, batch, y)
        accepted = torch.rand(chains, generator=rng, dtype=torch.float64).log() < log_r
        x = torch.where(accepted[:, None, None], y, x)
        share += float(accepted.double().mean()) / moves
    return energies(operator, batch, x) - energies(operator, batch, torch.zeros_like(x)), share


def p_value(operator, graph, seed=0, chains=1500, moves=5):
    """That twice U/kT follows χ² with 3n − 3 degrees of freedom, as it does for a Gaussian law."""
    found, share = after_moves(operator, graph, chains, moves, seed)
    assert 0.05 < share < 0.95
    return kstest(2 * found.numpy(), chi2(3 * graph.n_atoms - 3).cdf).pvalue


@pytest.mark.parametrize("name", ["H2O", "H2O2"])
@pytest.mark.parametrize("frame", ["free", "condition"])
def test_the_law_stays_what_it_was(frame, name):
    assert p_value(operator_in(frame), graph_of(name)) > 0.01


@pytest.mark.parametrize("frame", ["free", "condition"])
def test_without_the_densities_it_does_not(frame, monkeypatch):
    zero = property(lambda ratio: ratio.volume)
    monkeypatch.setattr(metropolis.ProposalRatio, "log", zero)
    assert p_value(operator_in(frame), graph_of("H2O")) < 1e-6


def test_without_the_volume_factor_it_does_not(monkeypatch):
    monkeypatch.setattr(metropolis, "log_volume", lambda frame, x, y: x.new_zeros(len(x)))
    assert p_value(operator_in("condition"), graph_of("H2O")) < 1e-6


def test_a_move_is_reversible_where_no_rotation_would_superpose_better(rng):
    """The criterion is symmetric in x and y, and agrees with a superposition."""
    x, y = torch.randn(2, 400, 4, 3, generator=rng, dtype=torch.float64)
    mask = torch.ones(400, 4, dtype=torch.bool)
    x = centre(x, mask)
    y = frame_named("condition").projector(x, mask)(y)
    found = reversible("condition", x, y)
    turned = superposing_rotation(y, x)
    assert 50 < int(found.sum()) < 350
    assert torch.equal(found, (turned - torch.eye(3)).abs().amax((1, 2)) < 1e-6)
    assert torch.equal(found, reversible("condition", y, x))


@pytest.mark.parametrize("frame", ["free", "condition"])
def test_densities_are_those_of_the_operator_there_and_back(frame, rng):
    operator, graph = operator_in(frame), graph_of("CH3CH2OH")
    batch = GraphBatch.replicate(graph, 3)
    x, noise = torch.randn(2, 3, 9, 3, generator=rng, dtype=torch.float64)
    x = operator.source.sample(batch, x) + 50.0
    quadrature = Quadrature(12, 2)
    proposal = propose(operator, batch, x, LAG, noise, quadrature)
    y, fit = proposal.positions, proposal.reversible.nonzero()[:, 0]
    ratio = proposal_ratio(operator, proposal, fit, LAG, quadrature)
    exact = OdeSettings("dopri5", rtol=1e-9, atol=1e-9)
    chosen = batch.select(fit)
    forward = operator.log_prob(chosen, y[fit], x[fit], LAG, ode=exact).value
    backward = operator.log_prob(chosen, x[fit], y[fit], LAG, ode=exact).value
    torch.testing.assert_close(ratio.forward, forward, atol=1e-4, rtol=0)
    torch.testing.assert_close(ratio.backward, backward, atol=1e-4, rtol=0)
    tight = quadrature.tighter()
    again = proposal_ratio_again(operator, chosen, y[fit], x[fit], LAG, tight)
    assert (again.log - ratio.log).abs().max() < 1e-4
    assert (ratio.evaluations, ratio.divergences) == (quadrature.evaluations, 24)
    alone = log_density(operator, chosen, y[fit], x[fit], LAG, quadrature)
    torch.testing.assert_close(alone, forward, atol=1e-4, rtol=0)


def test_a_network_gets_a_copy_in_double_precision(tiny_network):
    operator = ImplicitTransferOperator(
        tiny_network, HarmonicSource(), frame_named("condition"), DOMAIN
    )
    field = in_double_precision(operator).field
    assert {p.dtype for p in field.parameters()} == {torch.float64}
    assert not any(p.requires_grad for p in field.parameters())
    assert {p.dtype for p in tiny_network.parameters()} == {torch.float32}


def test_divergences_in_single_precision_change_a_density_by_little(rng):
    torch.manual_seed(0)
    sizes = {"pair_features": 4, "radial_functions": 4, "axial_features": 2}
    network = EquivariantVelocity(VelocityConfig(features=8, heads=2, blocks=1, **sizes))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=rng), alpha=0.1)
    frame = frame_named("free")
    operator = in_double_precision(
        ImplicitTransferOperator(network, HarmonicSource(), frame, DOMAIN)
    )
    batch = GraphBatch.replicate(graph_of("CH3CH2OH"), 2)
    x, y = operator.source.sample(batch, torch.randn(2, 2, 9, 3, generator=rng).double())
    found = log_density(operator, batch, y, x, LAG, Quadrature(32, 2))
    exact = operator.log_prob(batch, y, x, LAG, ode=OdeSettings("dopri5", rtol=1e-7, atol=1e-7))
    torch.testing.assert_close(found, exact.value, atol=1e-3, rtol=0)
    unmoved = operator.source.log_prob(batch, y, frame.basis(y, batch.mask))
    assert ((found - unmoved).abs() > 0.1).all()


def test_a_proposal_that_diverges_cannot_be_reversed():
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    y = x.clone()
    y[1, 2] = torch.nan
    for frame in ("free", "condition"):
        assert reversible(frame, x, y).tolist() == [True, False]
