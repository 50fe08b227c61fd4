import pickle

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from ase_tito.errors import ConfigError
from ase_tito.flow.frame import ConditionFrame, FreeFrame
from ase_tito.flow.source import GaussianSource, HarmonicSource, check_centre
from ase_tito.graph import GraphBatch, MolecularGraph

SOURCES = [
    HarmonicSource(0.7),
    HarmonicSource(0.3, "condition"),
    GaussianSource(1.5),
    GaussianSource(1.5, 0.688, 4.0),
]


def covariance(source, graph):
    """C ⊗ 1₃, written out."""
    root = source.standard_deviation(graph)
    return np.kron(root @ root.T, np.eye(3))


@pytest.mark.parametrize("source", SOURCES)
def test_samples_have_the_covariance_and_are_centred_one_by_one(source, mixed, rng):
    batch, _ = mixed
    noise = torch.randn(5_000, *batch.mask.shape, 3, generator=rng, dtype=torch.float64)
    z = torch.stack([source.sample(batch, each) for each in noise])
    assert z[:, ~batch.mask].abs().max() == 0
    assert z.sum(2).abs().max() < 1e-12  # per molecule: the known release centred over the batch
    for k, graph in enumerate(batch.systems):
        flat = z[:, k, : graph.n_atoms].flatten(1).numpy()
        expected = covariance(source, graph)
        scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        assert np.abs(np.cov(flat.T) - expected).max() < 5 * scale.max() / np.sqrt(5_000)


def test_harmonic_source_gives_each_bond_of_a_tree_its_width():
    graph = MolecularGraph([6, 6, 6, 1], [[0, 1], [1, 2], [1, 3]])
    root = HarmonicSource(0.8).standard_deviation(graph)
    for i, j in graph.bonds:
        assert np.linalg.norm(root[i] - root[j]) == pytest.approx(0.8)


def test_noise_in_the_padding_changes_nothing(mixed, rng):
    batch, x = mixed
    noise = torch.randn(x.shape, generator=rng)
    other = torch.where(batch.mask[..., None], noise, 7.0)
    source = HarmonicSource()
    assert torch.equal(source.sample(batch, noise), source.sample(batch, other))


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("frame", [FreeFrame(), ConditionFrame()])
def test_log_density_on_the_subspace(source, frame, mixed, rng):
    """Against SciPy's degenerate Gaussian N(0, P Σ P), whose density lives on its support."""
    batch, x = mixed
    project = frame.projector(x, batch.mask)
    z = project(source.sample(batch, torch.randn(x.shape, generator=rng, dtype=torch.float64)))
    basis = frame.basis(x, batch.mask)
    actual = source.log_prob(batch, z, basis)
    for k, graph in enumerate(batch.systems):
        n = 3 * graph.n_atoms
        projector = (basis[k] @ basis[k].T)[:n, :n].numpy()
        law = multivariate_normal(
            cov=projector @ covariance(source, graph) @ projector, allow_singular=True
        )
        assert law.cov_object.rank == frame.dimension(batch.n_atoms)[k]
        assert actual[k].item() == pytest.approx(law.logpdf(z[k].flatten()[:n].numpy()), abs=1e-8)


def test_log_density_does_not_depend_on_the_batch_or_precision(mixed, rng):
    batch, x = mixed
    source, frame = HarmonicSource(), ConditionFrame()
    z = frame.projector(x, batch.mask)(torch.randn(x.shape, generator=rng, dtype=torch.float64))
    together = source.log_prob(batch, z, frame.basis(x, batch.mask))
    only, alone = slice(1, 2), GraphBatch.replicate(batch.systems[1], 1)
    basis = frame.basis(x[only, :3], alone.mask)
    torch.testing.assert_close(source.log_prob(alone, z[only, :3], basis), together[only])
    single = source.log_prob(batch, z.float(), frame.basis(x.float(), batch.mask))
    assert single.dtype == torch.float32
    torch.testing.assert_close(single, together.float(), rtol=1e-4, atol=1e-3)


def test_flory_scaling_counts_heavy_atoms(mixed):
    graph = mixed[0].systems[0]  # ethanol: three heavy atoms
    wide = GaussianSource(2.0, flory_exponent=0.5, reference_size=12.0)
    flat = GaussianSource(1.0)
    np.testing.assert_allclose(wide.standard_deviation(graph), flat.standard_deviation(graph))


def test_sources_pickle_and_may_be_used_across_modes(mixed, rng):
    """What a source caches in inference mode must not spoil later training."""
    batch, x = mixed
    source = HarmonicSource()
    noise = torch.randn(x.shape, generator=rng)
    with torch.inference_mode():
        inside = source.sample(batch, noise).clone()
    weight = torch.ones(1, requires_grad=True)
    (source.sample(batch, noise) * weight).square().sum().backward()
    copy = pickle.loads(pickle.dumps(source))
    assert copy.bond_sigma == source.bond_sigma
    assert torch.equal(copy.sample(batch, noise), inside)


def test_mean_is_the_condition_or_nothing(mixed):
    _, x = mixed
    assert torch.equal(GaussianSource(0.5, centre="condition").mean(x), x)
    assert torch.equal(GaussianSource(0.5).mean(x), torch.zeros_like(x))
    with pytest.raises(ValueError, match="'origin' or 'condition', not 'x'"):
        HarmonicSource(centre="x")


def test_a_source_around_the_condition_is_refused_in_the_free_frame():
    check_centre("condition", ConditionFrame())
    check_centre("origin", FreeFrame())
    with pytest.raises(ConfigError, match="use the frame 'condition'"):
        check_centre("condition", FreeFrame())


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_widths_are_refused(value):
    with pytest.raises(ValueError, match="bond_sigma"):
        HarmonicSource(value)
    with pytest.raises(ValueError, match="sigma"):
        GaussianSource(value)
