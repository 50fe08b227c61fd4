import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from ase_tito.analysis.clusters import k_means
from ase_tito.errors import DataError


def wells(seed, frames=500):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=frames)
    return np.array([[0, 0], [3, 0], [6, 3.0]])[labels] + rng.normal(0, 0.2, (frames, 2)), labels


def test_separate_wells_are_found_and_assigned():
    (a, labels), (b, others) = wells(0), wells(1)
    clusters = k_means([a, b], 3, seed=0)
    np.testing.assert_allclose(clusters.centres, [[0, 0], [3, 0], [6, 3]], atol=0.05)
    np.testing.assert_array_equal(clusters.assign(a), labels)
    np.testing.assert_array_equal(clusters.assign(b), others)


def test_the_same_seed_gives_the_same_centres_and_thinning_hardly_changes_them():
    runs = [wells(0)[0], wells(1)[0]]
    first, second = (k_means(runs, 8, seed=3).centres for _ in range(2))
    np.testing.assert_array_equal(first, second)
    few = k_means(runs, 3, seed=0, frames=300).centres
    np.testing.assert_allclose(few, k_means(runs, 3, seed=0).centres, atol=0.1)


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="cannot be clustered into 5"):
        k_means([np.zeros((10, 2))], 5, seed=0)
    with pytest.raises(DataError, match="3 coordinates do not fit"):
        k_means([wells(0)[0]], 3, seed=0).assign(np.zeros((4, 3)))


def test_the_process_keeps_its_threads():
    import deeptime.clustering  # noqa: F401  # and with it the libraries that have threads

    with threadpool_limits(2, user_api="openmp"):
        before = threads()
        assert 2 in before.values()
        k_means([wells(0)[0]], 3, seed=0)
        assert threads() == before


def threads():
    return {
        pool["filepath"]: pool["num_threads"]
        for pool in threadpool_info()
        if pool["user_api"] == "openmp"
    }
