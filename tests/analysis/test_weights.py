"""A frame of weight three is three frames, for every figure that does not ask for their order."""

import numpy as np
import pytest

from ase_tito.analysis import (
    agreement,
    bin_numbers,
    coverage,
    divergence,
    energy_distribution,
    free_energies,
    histogram,
    mean_cosine_change,
    profile,
    radius_of_gyration,
    regular_edges,
    tica,
    torsion_divergence,
    torsion_histogram,
    torsion_profile,
)
from ase_tito.analysis.agreement import counts_in_blocks, jsd_of_counts
from ase_tito.analysis.weights import weights_of_runs
from ase_tito.errors import DataError

RNG = np.random.default_rng(0)
WEIGHTS = RNG.integers(0, 4, 600)
OTHER = RNG.normal(size=(500, 2))
TORSIONS = RNG.normal(size=(600, 2))
MOLECULES = RNG.normal(size=(600, 5, 3))
SLOW = tica([RNG.normal(size=(300, 3))], frame_spacing_ps=1, lag_time_ps=1)


def repeated(frames):
    return np.repeat(frames, WEIGHTS, axis=0)


def of_divergence(found):
    return found.jsd, found.jsd_release, found.outside_share


FIGURES = {
    "JSD of the model": lambda x, w: of_divergence(
        divergence(OTHER, x, bins=8, model_weights=w)
    ),
    "JSD of torsions": lambda x, w: of_divergence(
        torsion_divergence(OTHER, x, bins=8, model_weights=w)
    ),
    "coverage": lambda x, w: coverage(OTHER, x, bins=20, model_weights=w).coverage,
    "precision": lambda x, w: coverage(OTHER, x, bins=20, model_weights=w).precision,
    "free-energy surface": lambda x, w: free_energies(torsion_histogram(x, 6, w)),
    "profile": lambda x, w: profile(x[:, 0], edges=np.linspace(-3, 3, 9), weights=w).density,
    "free energy": lambda x, w: profile(x[:, 0], edges=[-9, -1, 0, 9], weights=w).free_energy,
    "torsion profile": lambda x, w: torsion_profile(x[:, 0], 6, w).free_energy,
    "mean energy": lambda x, w: energy_distribution(x[:, 0], w).mean,
    "spread of energies": lambda x, w: energy_distribution(x[:, 0], w).std,
    "quantiles of energies": lambda x, w: energy_distribution(x[:, 0], w).quantiles,
    "cosine change": lambda x, w: mean_cosine_change(x, x + 0.1 * x**2, w),
    "counts": lambda x, w: counts_in_blocks(
        [bin_numbers(x, regular_edges(OTHER, 5))], 25, len(x), None if w is None else [w]
    ).total,
}  # fmt: skip


@pytest.mark.parametrize("name", FIGURES)
def test_a_weight_counts_as_so_many_frames(name):
    figure = FIGURES[name]
    expected = figure(repeated(TORSIONS), None)
    np.testing.assert_allclose(figure(TORSIONS, WEIGHTS), expected, rtol=1e-12)
    assert not np.allclose(figure(TORSIONS, None), expected)


def test_on_the_reference_s_side_as_well():
    x, edges = TORSIONS, regular_edges(TORSIONS, 8)

    def figure(frames, weights):
        first, second = histogram(frames, edges, weights), histogram(OTHER, edges)
        return jsd_of_counts(first.counts.ravel(), second.counts.ravel())

    assert figure(x, WEIGHTS) == pytest.approx(figure(repeated(x), None))
    # The grid is that of all frames, so those that weigh nothing are left out on both sides.
    kept = WEIGHTS > 0
    weighted = divergence(x[kept], OTHER, bins=8, reference_weights=WEIGHTS[kept])
    assert weighted.jsd == pytest.approx(divergence(repeated(x), OTHER, bins=8).jsd)
    covered = coverage(x[kept], OTHER, bins=8, reference_weights=WEIGHTS[kept])
    assert covered.coverage == pytest.approx(coverage(repeated(x), OTHER, bins=8).coverage)


def test_in_projections_and_sizes():
    """TICA coordinates and radii of gyration are figures of one frame: histograms take weights."""
    projected = SLOW.project(MOLECULES[:, 0], 2)
    edges = regular_edges(projected, 6)
    np.testing.assert_allclose(
        histogram(projected, edges, WEIGHTS).counts, histogram(repeated(projected), edges).counts
    )
    size = radius_of_gyration(MOLECULES)
    grid = regular_edges(size, 8)[0]
    np.testing.assert_allclose(
        profile(size, edges=grid, weights=WEIGHTS).density,
        profile(radius_of_gyration(repeated(MOLECULES)), edges=grid).density,
    )


def test_in_floors_and_intervals():
    """Weights that say 1:3 of two wells are the same as three frames for one, floor included."""
    generator = np.random.default_rng(0)
    options = {"block_lengths": (20, 20), "resamples": 100, "splits": 10}
    wells = [generator.integers(0, 2, (4000, 2)) for _ in range(2)]
    even = [well[:, 0] for well in wells]
    odd = [(well.sum(1) > 0).astype(int) for well in wells]  # one frame of four is in well 0
    towards = [1.0 + 2.0 * run for run in even]
    found = agreement(
        odd, even, 2, jsd_of_counts, generator=generator, model_weights=towards, **options
    )
    assert found.value < 0.001
    assert abs(found.excess) < 0.001
    assert found.low < found.value < found.high
    without = agreement(odd, even, 2, jsd_of_counts, generator=generator, **options)
    assert without.excess == pytest.approx(jsd_of_counts(*np.array([[1, 3], [2, 2]])), rel=0.15)
    reference = agreement(
        even, odd, 2, jsd_of_counts, generator=generator, reference_weights=towards, **options
    )
    assert reference.value < 0.001
    assert reference.equal_counts.floor.mean < 0.001
    several = [np.stack([run, run], axis=1) for run in even]
    both = agreement(
        odd, several, 2, jsd_of_counts, generator=generator, model_weights=towards, **options
    )
    assert both.value == pytest.approx(found.value)


def test_weights_fit_their_runs():
    assert weights_of_runs(None, [1, 2]) is None
    np.testing.assert_array_equal(weights_of_runs([[1], [2, 3]], [1, 2]), [1, 2, 3])
    with pytest.raises(DataError, match="trajectory by trajectory"):
        weights_of_runs([[1, 2], [3]], [1, 2])
    with pytest.raises(DataError, match="not negative"):
        weights_of_runs([[1], [2, -3]], [1, 2])
