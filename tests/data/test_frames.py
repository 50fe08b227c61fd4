"""Equilibrium frames: drawn by weight, molecules equally often, through files and back."""

from dataclasses import replace

import numpy as np
import pytest

from ase_tito.data import (
    Dataset,
    DatasetWriter,
    EquilibriumFrames,
    MolecularTrajectory,
    MoleculeRecord,
    Run,
    read_npz,
)
from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph

WATER = MolecularGraph([8, 1, 1], [[0, 1], [0, 2]])


def numbered(graph, frames, start=0, weights=None, temperature=300.0):
    """A trajectory whose first coordinate is the number of the frame."""
    positions = np.zeros((frames, graph.n_atoms, 3), np.float32)
    positions[:, 0, 0] = start + np.arange(frames)
    return MolecularTrajectory(f"from {start}", graph, positions, 1.0, temperature, weights=weights)


def numbers(batch):
    return np.rint(batch.target[:, 0, 0].numpy()).astype(int)


def test_frames_come_as_often_as_their_weights_say(ethanol):
    weights = np.array([0.0, 1.0, 3.0, 0.0])
    runs = [numbered(ethanol[0], 4, weights=weights), numbered(ethanol[0], 2, start=10)]
    batch = EquilibriumFrames(runs).sample(6000, np.random.default_rng(0))
    found, counts = np.unique(numbers(batch), return_counts=True)
    assert found.tolist() == [1, 2, 10, 11]
    np.testing.assert_allclose(counts / 6000, [1 / 6, 1 / 2, 1 / 6, 1 / 6], atol=0.02)
    assert not batch.condition.any()


def test_molecules_come_equally_often_and_temperatures_with_their_frames(ethanol):
    runs = [numbered(ethanol[0], 5), numbered(WATER, 50, 100, temperature=350.0)]
    frames = EquilibriumFrames(runs, largest_padding=1.0)
    batch = frames.sample(4000, np.random.default_rng(1))
    late = numbers(batch) >= 100
    assert abs(late.mean() - 0.5) < 0.03
    assert (batch.temperature.numpy() == np.where(late, 350.0, 300.0)).all()
    assert (batch.graphs.n_atoms.numpy() == np.where(late, 3, 9)).all()


def test_weights_survive_files(tmp_path, ethanol):
    graph, positions = ethanol
    weights = np.array([0.5, 0.0, 2.0])
    frames = np.repeat(positions[None].astype(np.float32), 3, 0)
    run = Run("umbrella", frames, 1.0, 300.0, time_ordered=False, weights=weights)
    with DatasetWriter(tmp_path / "x.h5") as writer:
        writer.add(MoleculeRecord("ethanol", graph, (run,)))
    with Dataset(tmp_path / "x.h5") as dataset:
        np.testing.assert_array_equal(dataset.molecule("ethanol").runs[0].weights, weights)
    values = {
        "positions": frames,
        "atomic_numbers": graph.atomic_numbers,
        "bonds": graph.bonds,
        "frame_spacing_ps": 1.0,
        "temperature_K": 300.0,
    }
    np.savez(tmp_path / "x.npz", **values, weights=weights)
    trajectory = read_npz(tmp_path / "x.npz")
    np.testing.assert_array_equal(trajectory.weights, weights)
    np.testing.assert_array_equal(trajectory.split(1 / 3)[1].weights, weights[2:])
    np.savez(tmp_path / "x.npz", **values, weights=-weights)
    with pytest.raises(DataError, match=r"x\.npz: weights must be a finite one, from zero on"):
        read_npz(tmp_path / "x.npz")


def test_refusals(ethanol):
    graph, _ = ethanol
    run = Run("md", np.zeros((4, 9, 3), np.float32), 1.0, 300.0)
    with pytest.raises(DataError, match=r"run md: .* no dynamics, set time_ordered to False"):
        replace(run, weights=np.ones(4))
    for weights, text in ((np.ones(3), "for each of 4 frames"), (np.zeros(4), "all weights are")):
        with pytest.raises(DataError, match=text):
            replace(run, weights=weights, time_ordered=False)
    with pytest.raises(DataError, match="no trajectories"):
        EquilibriumFrames([])
    with pytest.raises(DataError, match="no frame has a weight"):
        EquilibriumFrames([numbered(graph, 4, weights=np.zeros(4))])
