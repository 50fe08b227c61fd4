import numpy as np
import pytest

from ase_tito.analysis import divergence, histogram, regular_edges
from ase_tito.analysis.agreement import (
    agreement,
    bin_numbers,
    counts_of,
    coverage_of_counts,
    jsd_of_counts,
    precision_of_counts,
    release_jsd_of_counts,
)
from ase_tito.analysis.coverage import coverage
from ase_tito.analysis.divergence import jensen_shannon
from ase_tito.errors import DataError
from tests.analysis.processes import POPULATIONS, RATES, three_wells

BINS = 10


def cloud(seed, frames, spread=1.0):
    return np.random.default_rng(seed).normal(0, spread, (frames, 2))


def numbers(*runs, edges):
    return [bin_numbers(run, edges) for run in runs]


def test_counts_are_those_of_the_histogram():
    reference = cloud(0, 3000)
    edges = regular_edges(reference, BINS)
    for samples in (reference, cloud(1, 500, 2.0)):
        expected = histogram(samples, edges)
        counts = counts_of(bin_numbers(samples, edges), BINS**2)
        np.testing.assert_array_equal(counts[:-1].reshape(BINS, BINS), expected.counts)
        assert counts[-1] == expected.outside


def test_figures_are_those_of_the_frames():
    reference, model = cloud(0, 3000), cloud(1, 2000, 1.3)
    edges = regular_edges(reference, BINS)
    counts = [counts_of(n, BINS**2) for n in numbers(reference, model, edges=edges)]
    expected = divergence(reference, model, bins=BINS)
    assert jsd_of_counts(*counts) == pytest.approx(expected.jsd)
    assert release_jsd_of_counts(*counts) == pytest.approx(expected.jsd_release)
    both = coverage(reference, model, bins=BINS)
    assert coverage_of_counts(*counts) == pytest.approx(both.coverage)
    assert precision_of_counts(*counts) == pytest.approx(both.precision)


def compared(reference, model, seed=0, **options):
    edges = regular_edges(np.concatenate(reference), BINS)
    return agreement(
        numbers(*reference, edges=edges),
        numbers(*model, edges=edges),
        BINS**2,
        jsd_of_counts,
        block_lengths=(50, 50),
        generator=np.random.default_rng(seed),
        **options,
    )


def test_a_perfect_model_has_no_excess_and_a_wrong_one_is_above_its_floor():
    runs = [cloud(0, 4000), cloud(1, 4000)]
    right = compared(runs, [cloud(2, 2000), cloud(3, 2000)])
    assert abs(right.excess) < 0.2 * right.equal_counts.floor.mean
    assert (right.n_reference, right.n_model) == (8000, 4000)
    assert right.equal_counts.model.n_model == right.equal_counts.floor.n_model == 4000
    assert right.low < right.value < right.high
    wrong = compared(runs, [cloud(4, 4000, 1.5)])
    assert wrong.equal_counts.model.low > 2 * wrong.equal_counts.floor.high
    assert wrong.low > right.high


def test_the_interval_covers_what_repetition_gives():
    """The spread of the figure over fresh data is that of the bootstrap."""
    values, widths = [], []
    for k in range(40):
        found = compared(
            [cloud(100 + k, 2000)], [cloud(200 + k, 1000, 1.4)], seed=k, splits=2, resamples=100
        )
        values.append(found.value)
        widths.append(found.high - found.low)
    assert np.mean(widths) == pytest.approx(4 * np.std(values), rel=0.35)


def test_of_two_jump_processes_it_is_the_divergence_of_their_exact_populations():
    """Correlated frames of three wells: the exact figure is within the interval."""
    others = np.array([0.6, 0.2, 0.2])
    # Reversible rates with these populations, from those of the others.
    factors = np.sqrt(others[None] * POPULATIONS[:, None] / (others[:, None] * POPULATIONS[None]))
    rates = RATES * factors
    np.fill_diagonal(rates, 0)
    np.fill_diagonal(rates, -rates.sum(1))
    np.testing.assert_allclose(others @ rates, 0, atol=1e-12)
    found = agreement(
        three_wells(0, 20_000, runs=2),
        three_wells(1, 20_000, runs=2, rates=rates),
        3,
        jsd_of_counts,
        block_lengths=(400, 400),
        generator=np.random.default_rng(0),
    )
    exact = jensen_shannon(POPULATIONS, others)
    assert found.low < exact < found.high
    assert found.high - found.low < exact
    assert found.equal_counts.floor.high < 0.5 * exact
    # And its counts are the exact populations.
    counts = counts_of(np.concatenate(three_wells(1, 20_000, runs=2, rates=rates)), 3)
    np.testing.assert_allclose(counts[:3] / counts.sum(), others, atol=0.03)


def test_several_values_of_a_frame_stay_together():
    edges = np.linspace(-4, 4, BINS + 1)
    runs = [
        bin_numbers(part.ravel(), [edges]).reshape(part.shape)
        for part in (cloud(0, 1000), cloud(1, 1000))
    ]
    found = agreement(
        runs,
        runs[:1],
        BINS,
        jsd_of_counts,
        block_lengths=(50, 50),
        generator=np.random.default_rng(0),
        splits=3,
        resamples=20,
    )
    assert (found.n_reference, found.n_model) == (2000, 1000)
    assert found.equal_counts.model.n_model == 1000


def test_one_block_is_too_few():
    with pytest.raises(DataError, match="30 frames of the model make one block"):
        compared([cloud(0, 1000)], [cloud(1, 30)])
