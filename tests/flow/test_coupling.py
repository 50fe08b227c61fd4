"""p(z_0 | x) has to stay the source: for each coupling in its frames, and visibly not elsewhere."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from ase_tito.errors import ConfigError
from ase_tito.flow.coupling import (
    CouplingDraws,
    IndependentCoupling,
    PermutationCoupling,
    RotationCoupling,
    coupling_named,
)
from ase_tito.flow.frame import ConditionFrame, FreeFrame
from ase_tito.flow.source import HarmonicSource
from ase_tito.geometry import centre, random_rotations, superpose, superposing_rotation
from ase_tito.graph import GraphBatch

SAMPLES = 2000
COUPLINGS = [IndependentCoupling(), RotationCoupling(), PermutationCoupling()]
ALLOWED = [(coupling, FreeFrame()) for coupling in COUPLINGS]
ALLOWED += [(IndependentCoupling(), ConditionFrame())]


@pytest.fixture
def pairs(ethanol, rng):
    """One condition x, and many targets y near it with independent sources z_0."""
    graph, positions = ethanol
    batch = GraphBatch.replicate(graph, SAMPLES)
    x = centre(torch.from_numpy(positions)[None], batch.mask[:1])
    y = x + 0.15 * torch.randn(SAMPLES, 9, 3, generator=rng, dtype=torch.float64)
    noise = torch.randn(SAMPLES, 9, 3, generator=rng, dtype=torch.float64)
    return batch, x, centre(y, batch.mask), HarmonicSource().sample(batch, noise)


@pytest.fixture
def draws():
    return CouplingDraws.draw(SAMPLES, 9, np.random.default_rng(0))


def worst_deviation(source, target, x, graph, frame):
    """Largest z-score of the mean and covariance of z_0 | x, seen in the frame's orientation.

    Turning a pair as a whole changes nothing for an equivariant field. In the frame 'condition'
    the pair is turned so that its target is superposed on x; in the frame 'free' it stays.
    """
    if frame.name == "condition":
        source = source @ superposing_rotation(target, x.expand_as(target))
    root = HarmonicSource().standard_deviation(graph)
    white = (torch.from_numpy(np.linalg.pinv(root)) @ source).flatten(1)
    basis = FreeFrame().basis(x, torch.ones(1, 9, dtype=torch.bool))[0]
    white = white @ basis  # standard normal in 3n − 3 dimensions
    mean = white.mean(0) * len(white) ** 0.5
    covariance = (white.T @ white / len(white) - torch.eye(white.shape[1])) * len(white) ** 0.5
    return max(mean.abs().max().item(), covariance.abs().max().item())


@pytest.mark.parametrize(("coupling", "frame"), ALLOWED)
def test_source_given_condition_is_the_source(coupling, frame, pairs, draws):
    batch, x, y, z = pairs
    y = frame.align(y, x.expand_as(y))
    source, target = coupling.couple(z, y, batch, frame, draws)
    assert worst_deviation(source, target, x, batch.graphs[0], frame) < 6


@pytest.mark.parametrize("coupling", COUPLINGS[1:])
def test_the_test_has_power(coupling, pairs, draws):
    """Pairing in the frame 'free' and learning in the frame 'condition' biases the source."""
    batch, x, y, z = pairs
    source, target = coupling.couple(z, y, batch, FreeFrame(), draws)
    assert worst_deviation(source, target, x, batch.graphs[0], ConditionFrame()) > 30


@pytest.mark.parametrize("coupling", COUPLINGS[1:])
def test_forbidden_frames_are_refused(coupling, pairs, draws):
    batch, _, y, z = pairs
    with pytest.raises(ConfigError, match=f"'{coupling.name}' would bias .* 'condition'"):
        coupling.couple(z, y, batch, ConditionFrame(), draws)


def cost(source, target):
    return (source - target).square().sum((1, 2))


def test_permutations_change_the_pairing_and_lower_the_cost(pairs, draws):
    """The known release took the wrong output of its assignment solver, and changed nothing."""
    batch, _, y, z = pairs
    _, turned = RotationCoupling().couple(z, y, batch, FreeFrame(), draws)
    _, permuted = PermutationCoupling().couple(z, y, batch, FreeFrame(), draws)
    assert cost(z, turned).mean() < 0.95 * cost(z, y).mean()
    assert cost(z, permuted).mean() < 0.98 * cost(z, turned).mean()
    relabelled = (torch.cdist(permuted, permuted) - torch.cdist(y, y)).abs().amax((1, 2)) > 1e-6
    assert 0.55 < relabelled.double().mean() < 0.78  # two of three shifts


def test_permutations_are_cyclic_shifts_of_the_methyl_group(pairs, draws):
    """Each shift as likely as the others; a swap, as in the CH₂, would mirror the group."""
    batch, _, y, z = pairs
    graph = batch.graphs[0]
    hydrogens_of = (graph.bond_distances == 1) & (graph.atomic_numbers == 1)
    methyl = np.flatnonzero(hydrogens_of[hydrogens_of.sum(1) == 3][0])
    _, permuted = PermutationCoupling().couple(z, y, batch, FreeFrame(), draws)
    counts = []
    for shift in range(3):
        order = np.arange(9)
        order[methyl] = np.roll(methyl, shift)
        superposed = superpose(y[:, order], permuted)  # by proper rotations
        counts.append(((superposed - permuted).abs().amax((1, 2)) < 1e-6).sum().item())
    assert sum(counts) == SAMPLES
    assert chisquare(counts).pvalue > 1e-4


def test_orientation_of_coupled_targets_is_uniform(pairs, draws):
    batch, _, y, z = pairs
    for coupling in COUPLINGS[1:]:
        _, target = coupling.couple(z, y, batch, FreeFrame(), draws)
        direction = torch.nn.functional.normalize(target[:, 0] - target[:, 1], dim=-1)
        assert direction.mean(0).abs().max() < 4 / (3 * SAMPLES) ** 0.5
        second = direction.T @ direction / SAMPLES
        assert (second - torch.eye(3) / 3).abs().max() < 0.03


def test_rotors_of_a_mixed_batch_stay_in_their_molecules(mixed, rng):
    """Molecules with and without rotors, padding, one batch: the same as each alone."""
    batch, x = mixed
    z = HarmonicSource().sample(batch, torch.randn(x.shape, generator=rng, dtype=torch.float64))
    y = x @ random_rotations(len(x), rng, x.dtype)
    draws = CouplingDraws.draw(*batch.mask.shape, np.random.default_rng(1))
    _, target = PermutationCoupling().couple(z, y, batch, FreeFrame(), draws)
    assert target[~batch.mask].abs().max() == 0
    for k in (1, 3):  # water and hydrogen peroxide have no rotor
        n = batch.systems[k].n_atoms
        torch.testing.assert_close(
            torch.cdist(target[k, :n], target[k, :n]), torch.cdist(y[k, :n], y[k, :n])
        )
    for part in (slice(1, 3), slice(3, 4)):
        some = batch.take(torch.arange(4)[part])
        _, alone = PermutationCoupling().couple(
            z[part], y[part], some, FreeFrame(), draws.part(part)
        )
        torch.testing.assert_close(alone, target[part])


def test_couplings_by_name():
    for coupling in COUPLINGS:
        assert coupling_named(coupling.name) == coupling
    with pytest.raises(ConfigError, match="unknown coupling 'optimal'"):
        coupling_named("optimal")
