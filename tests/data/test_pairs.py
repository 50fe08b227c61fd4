"""Lagged pairs: the right distance in time, lags and molecules drawn as promised."""

import numpy as np
import pytest

from ase_tito.data import (
    Dataset,
    DatasetWriter,
    LaggedPairs,
    MolecularTrajectory,
    MoleculeRecord,
    Run,
    read_npz,
)
from ase_tito.errors import DataError, TITOWarning
from ase_tito.graph import GraphBatch, MolecularGraph


def clock(graph, frames, spacing=1.0, start=0, name="clock"):
    """A trajectory whose first coordinate is the time in frames."""
    positions = np.zeros((frames, graph.n_atoms, 3), np.float32)
    positions[:, 0, 0] = start + np.arange(frames)
    return MolecularTrajectory(name, graph, positions, spacing, 300.0)


def times(pairs):
    return [np.rint(p[:, 0, 0].numpy()) for p in (pairs.condition, pairs.target)]


def test_pairs_are_their_lag_apart_and_stay_within_a_trajectory(ethanol):
    graph, _ = ethanol
    first = clock(graph, 400, spacing=2.0)
    second = clock(graph, 100, spacing=2.0, start=10_000)
    pairs = LaggedPairs([first, second], (2.0, 150.0)).sample(4000, np.random.default_rng(0))
    before, after = times(pairs)
    np.testing.assert_array_equal((after - before) * 2.0, pairs.lag_time.numpy())
    assert ((before >= 10_000) == (after >= 10_000)).all()


def test_all_pairs_of_a_lag_are_drawn_equally_often(ethanol):
    graph, _ = ethanol
    runs = [clock(graph, 400, spacing=2.0), clock(graph, 100, spacing=2.0, start=10_000)]
    lagged = LaggedPairs(runs, lags_ps=[80.0])
    before, _ = times(lagged.sample(6000, np.random.default_rng(0)))
    assert abs((before >= 10_000).mean() - 60 / 420) < 4 * np.sqrt(0.14 * 0.86 / 6000)
    assert set(before[before >= 10_000]) == set(range(10_000, 10_060))
    # from half of its length on a trajectory is left alone
    pairs = LaggedPairs(runs, lags_ps=[2.0, 102.0]).sample(500, np.random.default_rng(1))
    assert times(pairs)[0][pairs.lag_time.numpy() > 100].max() < 400


def test_lags_are_log_uniform(ethanol):
    pairs = LaggedPairs([clock(ethanol[0], 5000)], (1.0, 1000.0))
    lags = pairs.sample(6000, np.random.default_rng(1)).lag_time.numpy()
    assert lags.min() == 1.0
    assert lags.max() <= 1000.0
    share = [(lags < edge).mean() for edge in (10, 100)]
    np.testing.assert_allclose(share, [1 / 3, 2 / 3], atol=4 * np.sqrt(2 / 9 / 6000))


def test_uniform_lags_are_uniform_over_frames(ethanol):
    pairs = LaggedPairs(
        [clock(ethanol[0], 50, spacing=0.1)], (0.2, 0.6), lag_distribution="uniform"
    )
    lags = pairs.sample(5000, np.random.default_rng(1)).lag_time.numpy()
    frames, counts = np.unique(np.rint(lags / 0.1), return_counts=True)
    assert frames.tolist() == [2, 3, 4, 5, 6]
    np.testing.assert_allclose(counts / 5000, 0.2, atol=4 * np.sqrt(0.16 / 5000))


def test_uniform_lags_end_where_pairs_become_few(ethanol):
    # half of these runs' length lies between two frames
    runs = [clock(ethanol[0], 200), clock(ethanol[0], 200, start=10_000)]
    pairs = LaggedPairs(runs, (1.0, 99.5), lag_distribution="uniform")
    lags = pairs.sample(3000, np.random.default_rng(1)).lag_time.numpy()
    assert (lags.min(), lags.max()) == (1.0, 99.0)


def test_a_short_trajectory_limits_its_own_lags_alone(ethanol, mixed):
    long, short = clock(ethanol[0], 2001), clock(mixed[0].systems[1], 201, start=10_000)
    for settings in (
        {"lag_range_ps": (1.0, 1000.0)},
        {"lag_range_ps": (1.0, 1000.0), "lag_distribution": "uniform"},
        {"lags_ps": [10.0, 100.0, 1000.0]},
    ):
        pairs = LaggedPairs([long, short], **settings, largest_padding=1.0)
        batch = pairs.sample(3000, np.random.default_rng(4))
        of_short = times(batch)[0] >= 10_000
        lags = batch.lag_time.numpy()
        assert lags[of_short].max() == pytest.approx(100.0, abs=1.0)
        assert lags[~of_short].max() == pytest.approx(1000.0, abs=20.0)


def test_fixed_lags_are_drawn_equally_often_in_physical_time(ethanol):
    pairs = LaggedPairs([clock(ethanol[0], 400, spacing=2.0)], lags_ps=[2.0, 10.0, 100.0])
    lags = pairs.sample(3000, np.random.default_rng(1)).lag_time.numpy()
    values, counts = np.unique(lags, return_counts=True)
    assert values.tolist() == [2.0, 10.0, 100.0]
    np.testing.assert_allclose(counts / 3000, 1 / 3, atol=4 * np.sqrt(2 / 9 / 3000))


def test_molecules_are_balanced_whatever_their_frames(ethanol):
    graph, _ = ethanol
    other = graph.permuted(np.arange(graph.n_atoms)[::-1])
    pairs = LaggedPairs([clock(graph, 2000), clock(other, 110)], (1.0, 50.0))
    batch = pairs.sample(2000, np.random.default_rng(2)).graphs
    assert len(batch.graphs) == 2
    share = (batch.index == 0).double().mean().item()
    assert abs(share - 0.5) < 4 * np.sqrt(0.25 / 2000)


def chain(n):
    """A chain of n atoms: a molecule for whoever looks at its size alone."""
    return MolecularGraph(np.full(n, 6), np.column_stack([np.arange(n - 1), np.arange(1, n)]))


def test_batches_of_mixed_sizes_hold_little_padding_and_balanced_molecules():
    sizes = [*range(3, 30), 60, 61, 90]
    runs = [clock(chain(n), 50, start=1000 * n) for n in sizes]
    lagged = LaggedPairs(runs, (1.0, 20.0))
    atoms = places = 0
    drawn = np.zeros(91, int)
    batches = 1500
    for k in range(batches):
        pairs = lagged.sample(8, np.random.default_rng(k))
        atoms += int(pairs.graphs.n_atoms.sum())
        places += pairs.graphs.mask.numel()
        drawn += np.bincount(pairs.graphs.n_atoms, minlength=91)
        for graph, time, x in zip(
            pairs.graphs.systems, times(pairs)[0], pairs.condition, strict=True
        ):
            assert time // 1000 == graph.n_atoms
            assert not x[graph.n_atoms :].any()
    assert 1 - atoms / places < 0.2
    # draws within a batch share their bucket: the error is that of batches, not of draws
    share = drawn[sizes] / drawn.sum()
    assert (drawn[sizes] > 0).all()
    np.testing.assert_allclose(share, 1 / len(sizes), atol=4 * np.sqrt(1 / len(sizes) / batches))


def test_a_batch_holds_tables_of_its_own_molecules_alone():
    lagged = LaggedPairs([clock(chain(n), 50) for n in range(20, 40)], (1.0, 20.0))
    pairs = lagged.sample(5, np.random.default_rng(0))
    graphs = pairs.graphs
    assert len(graphs.graphs) == 5
    again = GraphBatch.from_graphs(graphs.systems)
    n = again.mask.shape[1]
    for name in ("atomic_numbers", "topological_distances", "tetrahedral", "pair_stereo"):
        one, other = (getattr(batch, name)[batch.index] for batch in (graphs, again))
        part = (slice(None),) + (slice(n),) * (one.ndim - 1)
        assert (one[part] == other).all(), name
    part = pairs.part(slice(1, 3))
    assert part.graphs.systems == graphs.systems[1:3]


def test_temperatures_are_those_of_the_frames(ethanol):
    graph, _ = ethanol
    hot = MolecularTrajectory("hot", graph, clock(graph, 50, start=1000).positions, 1.0, 500.0)
    pairs = LaggedPairs([clock(graph, 50), hot], (1.0, 20.0)).sample(200, np.random.default_rng(0))
    np.testing.assert_array_equal(
        pairs.temperature.numpy(), np.where(times(pairs)[0] >= 1000, 500.0, 300.0)
    )


def test_pairs_of_a_dataset_come_from_its_memory_map(tmp_path, ethanol):
    graph, _ = ethanol
    x = np.random.default_rng(0).normal(size=(60, graph.n_atoms, 3))
    x = (x - x.mean(1, keepdims=True)).astype(np.float32)
    runs = (
        Run("md", x, 1.0, 300.0),
        Run("exchange", np.zeros_like(x), 1.0, 300.0, time_ordered=False),
    )
    with DatasetWriter(tmp_path / "a.h5") as writer:
        writer.add(MoleculeRecord("ethanol", graph, runs))
    with Dataset(tmp_path / "a.h5") as dataset:
        mapped = LaggedPairs(dataset.trajectories(), (1.0, 20.0))
    held = LaggedPairs([MolecularTrajectory("md", graph, x, 1.0, 300.0)], (1.0, 20.0))
    one, other = (p.sample(40, np.random.default_rng(5)) for p in (mapped, held))
    np.testing.assert_array_equal(one.condition.numpy(), other.condition.numpy())
    np.testing.assert_array_equal(one.target.numpy(), other.target.numpy())


def test_same_generator_same_pairs(ethanol):
    pairs = LaggedPairs([clock(ethanol[0], 500)], (1.0, 100.0))
    first, second = (pairs.sample(50, np.random.default_rng(3)) for _ in range(2))
    for a, b in zip(times(first), times(second), strict=True):
        np.testing.assert_array_equal(a, b)


def test_impossible_lags_are_refused(ethanol):
    trajectory = clock(ethanol[0], 101, spacing=5.0)
    with pytest.raises(DataError, match="5 ps apart, too far for lags from 1 ps"):
        LaggedPairs([trajectory], (1.0, 100.0))
    with pytest.raises(DataError, match=r"up to 1000 ps need .* the longest ends after 500 ps"):
        LaggedPairs([trajectory], (5.0, 1000.0))
    with pytest.raises(DataError, match="lag of 7 ps is no multiple"):
        LaggedPairs([trajectory], lags_ps=[5.0, 7.0])
    with pytest.raises(DataError, match="no trajectories"):
        LaggedPairs([], (5.0, 1000.0))
    for settings, text in (
        ({}, "give a range"),
        ({"lag_range_ps": (5.0, 9.0), "lags_ps": [5.0]}, "not both"),
        ({"lags_ps": [10.0, 5.0]}, "rising"),
        ({"lag_range_ps": (9.0, 5.0)}, "rising"),
        ({"lag_range_ps": (-1.0, 5.0)}, "positive"),
        ({"lag_range_ps": (5.0, 9.0), "lag_distribution": "normal"}, "not 'normal'"),
        ({"lag_range_ps": (5.0, 9.0), "largest_padding": 2.0}, "between 0 and 1"),
    ):
        with pytest.raises(DataError, match=text):
            LaggedPairs([trajectory], **settings)


def test_what_is_too_short_for_the_shortest_lag_is_left_out_by_name(ethanol, mixed):
    runs = [clock(ethanol[0], 201), clock(mixed[0].systems[1], 15, name="scrap")]
    with pytest.warns(TITOWarning, match=r"twice the shortest lag of 10 ps and left out: scrap"):
        lagged = LaggedPairs(runs, (10.0, 100.0))
    assert lagged.left_out == ("scrap",)
    assert lagged.graphs == [ethanol[0]]


@pytest.fixture
def entries(ethanol):
    graph, positions = ethanol
    generator = np.random.default_rng(0)
    return {
        "positions": positions + 0.01 * generator.normal(size=(20, graph.n_atoms, 3)) + 5.0,
        "atomic_numbers": graph.atomic_numbers,
        "bonds": graph.bonds,
        "frame_spacing_ps": 1.0,
        "temperature_K": 300.0,
    }


def test_npz_is_read_and_centred(tmp_path, entries):
    path = tmp_path / "ethanol.npz"
    np.savez(path, **entries)
    trajectory = read_npz(path)
    assert trajectory.name == "ethanol"
    assert len(trajectory) == 20
    np.testing.assert_allclose(trajectory.positions.mean(1), 0.0, atol=1e-6)
    first, last = trajectory.split(0.25)
    assert (len(first), len(last)) == (15, 5)
    np.testing.assert_array_equal(last.positions, trajectory.positions[15:])


def broken(entries, key, value):
    return {name: item for name, item in {**entries, key: value}.items() if item is not None}


@pytest.mark.parametrize(
    ("key", "change", "text"),
    [
        ("bonds", lambda _: None, "lacks bonds"),
        ("positions", lambda v: v[:, :5], "shape"),
        ("positions", lambda v: np.where(np.arange(20)[:, None, None] == 7, np.nan, v), "frame 7"),
        ("frame_spacing_ps", lambda _: 0.0, "must be positive"),
        ("temperature_K", lambda _: -300.0, "must be positive"),
        ("bonds", lambda v: v[:-1], "separate molecules"),
        ("bonds", lambda v: np.concatenate([v, [[0, 99]]]), "outside"),
    ],
)
def test_bad_npz_is_refused_by_name(tmp_path, entries, key, change, text):
    path = tmp_path / "bad.npz"
    np.savez(path, **broken(entries, key, change(entries[key])))
    with pytest.raises(DataError, match=text) as caught:
        read_npz(path)
    assert "bad.npz" in str(caught.value)


@pytest.mark.parametrize("keep", [0, 10, 500])
def test_truncated_npz_is_refused(tmp_path, entries, keep):
    path = tmp_path / "cut.npz"
    np.savez(path, **entries)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match="not a readable"):
        read_npz(path)
    with pytest.raises(DataError, match="no such"):
        read_npz(tmp_path / "absent.npz")
