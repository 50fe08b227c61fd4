import numpy as np
import pytest

from ase_tito.analysis import (
    at_equal_counts,
    half_against_half,
    multinomial_floor,
    torsion_divergence,
    torsion_histogram,
)
from ase_tito.errors import DataError


def jsd(reference, model):
    return torsion_divergence(reference, model, bins=12).jsd


def angles(seed, frames, spread=1.0):
    return np.random.default_rng(seed).normal(0, spread, size=(frames, 2))


def ring_walk(seed, frames, keep):
    """A correlated walk: a frame is drawn anew with probability 1 − keep."""
    rng = np.random.default_rng(seed)
    fresh = rng.random(frames) > keep
    fresh[0] = True
    return angles(seed + 1, frames)[np.maximum.accumulate(np.where(fresh, np.arange(frames), 0))]


def test_of_uncorrelated_frames_it_is_the_multinomial_one_at_equal_counts():
    runs = [angles(0, 6000), angles(1, 4000)]
    rng = np.random.default_rng(2)
    exact = torsion_histogram(angles(3, 2_000_000), 12).probabilities
    for counts in ((5000, 5000), (5000, 500), (300, 300)):
        measured = half_against_half(runs, jsd, 10, generator=rng, counts=counts, splits=40)
        expected = multinomial_floor(exact, *counts, generator=rng)
        assert (measured.n_reference, measured.n_model) == counts
        assert measured.mean == pytest.approx(expected.mean, rel=0.12)


def test_fewer_frames_raise_it():
    runs = [angles(0, 5000), angles(1, 5000)]
    rng = np.random.default_rng(0)
    floors = [
        half_against_half(runs, jsd, 50, generator=rng, counts=(n, n)).mean for n in (5000, 500, 50)
    ]
    assert floors[0] < 0.2 * floors[1] < 0.2 * floors[2]


def test_correlated_frames_raise_it_above_the_multinomial_one():
    runs = [ring_walk(0, 5000, 0.9), ring_walk(10, 5000, 0.9)]
    rng = np.random.default_rng(0)
    correlated = half_against_half(runs, jsd, 250, generator=rng)
    independent = multinomial_floor(
        torsion_histogram(np.concatenate(runs), 12).counts, 5000, 5000, generator=rng
    )
    assert correlated.mean > 4 * independent.mean
    # Blocks as short as a frame tear correlated frames apart, and both halves look alike.
    assert half_against_half(runs, jsd, 1, generator=rng).mean < 0.5 * correlated.mean


def test_a_perfect_model_has_no_excess_and_a_wrong_one_has_its_divergence():
    runs = [angles(0, 5000), angles(1, 5000)]
    rng = np.random.default_rng(4)
    right = at_equal_counts(runs, angles(5, 20000), jsd, 50, generator=rng)
    assert right.model.n_model == right.floor.n_model == 5000
    assert abs(right.excess) < 0.15 * right.floor.mean
    few = at_equal_counts(runs, angles(5, 400), jsd, 50, generator=rng)
    assert few.model.n_model == few.floor.n_model == 400
    assert abs(few.excess) < 0.15 * few.floor.mean
    wrong = at_equal_counts(runs, angles(6, 20000, spread=1.3), jsd, 50, generator=rng)
    truth = jsd(angles(7, 400_000), angles(8, 400_000, spread=1.3))
    assert wrong.excess == pytest.approx(truth, rel=0.15)


def test_frames_are_never_used_twice():
    runs = [angles(0, 100), angles(1, 100)]
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match="150 frames are asked for where there are 100"):
        half_against_half(runs, jsd, 10, generator=rng, counts=(150, 100))
    with pytest.raises(DataError, match="no halves"):
        half_against_half(runs[:1], jsd, 100, generator=rng)
