"""Lagged pairs: the right distance in time, lags and molecules drawn as promised."""

import numpy as np
import pytest

from ase_tito.data import LaggedPairs, MolecularTrajectory, read_npz
from ase_tito.errors import DataError


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
    assert abs((before >= 10_000).mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 4000)


def test_lags_are_log_uniform(ethanol):
    pairs = LaggedPairs([clock(ethanol[0], 5000)], (1.0, 1000.0))
    lags = pairs.sample(6000, np.random.default_rng(1)).lag_time.numpy()
    assert lags.min() == 1.0
    assert lags.max() <= 1000.0
    share = [(lags < edge).mean() for edge in (10, 100)]
    np.testing.assert_allclose(share, [1 / 3, 2 / 3], atol=4 * np.sqrt(2 / 9 / 6000))


def test_molecules_are_balanced_whatever_their_frames(ethanol):
    graph, _ = ethanol
    other = graph.permuted(np.arange(graph.n_atoms)[::-1])
    pairs = LaggedPairs([clock(graph, 2000), clock(other, 100)], (1.0, 50.0))
    batch = pairs.sample(2000, np.random.default_rng(2)).graphs
    assert len(batch.graphs) == 2
    share = (batch.index == 0).double().mean().item()
    assert abs(share - 0.5) < 4 * np.sqrt(0.25 / 2000)


def test_same_generator_same_pairs(ethanol):
    pairs = LaggedPairs([clock(ethanol[0], 500)], (1.0, 100.0))
    first, second = (pairs.sample(50, np.random.default_rng(3)) for _ in range(2))
    for a, b in zip(times(first), times(second), strict=True):
        np.testing.assert_array_equal(a, b)


def test_impossible_lags_are_refused(ethanol):
    trajectory = clock(ethanol[0], 100, spacing=5.0)
    with pytest.raises(DataError, match="5 ps apart, too far for lags from 1 ps"):
        LaggedPairs([trajectory], (1.0, 100.0))
    with pytest.raises(DataError, match="too few for lags up to 1000 ps"):
        LaggedPairs([trajectory], (5.0, 1000.0))
    with pytest.raises(DataError, match="no trajectories"):
        LaggedPairs([], (5.0, 1000.0))


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
