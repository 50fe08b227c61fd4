import numpy as np
import pytest
from scipy.stats import norm

from ase_tito.analysis import (
    Histogram,
    divergence,
    histogram,
    histogram_divergence,
    jensen_shannon,
    regular_edges,
    torsion_divergence,
    torsion_histogram,
)
from ase_tito.errors import DataError

RNG = np.random.default_rng


def test_limits_and_a_value_by_hand():
    """Two coins, (1/2, 1/2) against (1, 0): JSD = (3/4) ln(4/3)."""
    assert jensen_shannon([1, 2, 3], [2, 4, 6]) == pytest.approx(0, abs=1e-15)
    assert jensen_shannon([1, 0], [0, 1]) == pytest.approx(np.log(2))
    assert jensen_shannon([1, 1], [1, 0]) == pytest.approx(0.75 * np.log(4 / 3))
    assert jensen_shannon([1, 1], [1, 0]) == jensen_shannon([1, 0], [1, 1])


def test_gaussians_come_out_as_by_quadrature():
    x = np.linspace(-8, 9, 20001)
    p, q = norm.pdf(x), norm.pdf(x, 1.0)
    exact = jensen_shannon(p, q)
    a, b = RNG(0).normal(size=200_000), RNG(1).normal(1.0, size=200_000)
    assert divergence(a, b, bins=60).jsd == pytest.approx(exact, abs=2e-3)


def test_frames_outside_the_reference_count_as_one_more_bin():
    reference = np.linspace(0, 1, 1000)
    model = np.concatenate([reference, np.full(1000, 5.0), np.full(1000, -np.pi)])
    result = divergence(reference, model, bins=10)
    assert result.outside_share == pytest.approx(2 / 3)
    assert result.jsd_release == pytest.approx(0, abs=1e-4)
    # p = (1, 0), q = (1/3, 2/3)
    assert result.jsd == pytest.approx(jensen_shannon([3, 0], [1, 2]), abs=1e-4)
    assert (result.n_reference, result.n_model) == (1000, 3000)
    nowhere = divergence(reference, np.full(10, 7.0))
    assert [nowhere.jsd, nowhere.jsd_release] == pytest.approx([np.log(2)] * 2)


def test_weights_do_what_repeated_frames_do():
    samples = RNG(0).normal(size=(500, 2))
    repeats = RNG(1).integers(0, 4, size=500)
    other = RNG(2).normal(size=(400, 2))
    edges = regular_edges(samples, 8)
    weighted = histogram(samples, edges, repeats)
    repeated = histogram(np.repeat(samples, repeats, axis=0), edges)
    np.testing.assert_allclose(weighted.counts, repeated.counts)
    assert divergence(other, samples, bins=8, model_weights=repeats).jsd == pytest.approx(
        divergence(other, np.repeat(samples, repeats, axis=0), bins=8).jsd
    )


def test_the_order_of_frames_does_not_matter():
    a, b = RNG(0).normal(size=(300, 2)), RNG(1).normal(size=(300, 2))
    assert divergence(a, b[::-1]) == divergence(a, b)


def test_torsions_are_periodic():
    angles = RNG(0).uniform(-np.pi, np.pi, size=(1000, 2))
    shifted = angles + 2 * np.pi * RNG(1).integers(-2, 3, size=(1000, 2))
    assert torsion_divergence(angles, shifted).jsd == pytest.approx(0, abs=1e-3)
    edges_in_single_precision = np.float32([[np.pi, -np.pi]])
    assert torsion_histogram(edges_in_single_precision).outside == 0


def test_chunks_add_up_and_files_keep_everything():
    angles = RNG(0).uniform(-np.pi, np.pi, size=(1000, 2))
    whole = torsion_histogram(angles)
    parts = torsion_histogram(angles[:300]) + torsion_histogram(angles[300:])
    np.testing.assert_array_equal(whole.counts, parts.counts)
    assert parts.samples == 1000
    again = Histogram.from_dict(whole.to_dict())
    assert histogram_divergence(whole, again).jsd == 0
    assert whole.probabilities.sum() == pytest.approx(1)


def test_bad_arguments_are_named():
    angles = np.zeros((10, 2))
    with pytest.raises(DataError, match="different grids"):
        histogram_divergence(torsion_histogram(angles, 36), torsion_histogram(angles, 18))
    with pytest.raises(DataError, match="frame 1 is not finite"):
        torsion_histogram([[0.0], [np.nan]])
    with pytest.raises(DataError, match="frames"):
        divergence(np.zeros((0, 2)), angles)
    with pytest.raises(DataError, match="weights"):
        divergence(angles, angles, model_weights=np.ones(9))
    with pytest.raises(DataError, match="not negative"):
        jensen_shannon([1, -1], [1, 1])
    with pytest.raises(DataError, match="lacks"):
        Histogram.from_dict({"counts": [1]})
    with pytest.raises(DataError, match="do not fit"):
        Histogram.from_dict({**torsion_histogram(angles).to_dict(), "counts": [1.0]})


@pytest.mark.parametrize("figure", [divergence, torsion_divergence])
def test_there_is_a_bin(figure):
    with pytest.raises(DataError, match="at least one bin"):
        figure(np.zeros(4), np.zeros(4), bins=0)
