import numpy as np
import pytest
import torch

from ase_tito.analysis.geometry import (
    KINDS,
    FrameGeometry,
    check_frames,
    geometry_range,
    range_coordinates,
)
from ase_tito.errors import DataError
from ase_tito.graph import GraphBatch
from ase_tito.validity import check
from tests.molecules import NAMES, molecule

CHECKS = {
    "not_finite": "finite",
    "broken_bonds": "bonds",
    "clashes": "clashes",
    "chirality_flips": "tetrahedral",
    "cis_trans_flips": "double_bonds",
}


def shaken(positions, spread, frames=40, seed=0):
    noise = np.random.default_rng(seed).normal(0, spread, (frames, *positions.shape))
    return positions + noise


@pytest.mark.parametrize("name", NAMES)
def test_it_judges_as_the_check_of_samples_does(name):
    graph, positions = molecule(name)
    frames = np.concatenate([shaken(positions, s) for s in (0.03, 0.15, 0.3, 0.6)])
    frames = np.concatenate([frames, -frames])
    found = check_frames(frames, graph)
    expected = check(GraphBatch.replicate(graph, len(frames)), torch.from_numpy(frames))
    for kind, name_there in CHECKS.items():
        there = ~getattr(expected, name_there).numpy()
        # distances here are mdtraj's, in single precision
        assert (getattr(found, kind) != there).sum() <= 1, kind
    assert 0 < found.invalid.sum() < len(frames) or not graph.tetrahedral.any()


def test_flips_are_told_apart():
    graph, positions = molecule("2-butanol")
    assert check_frames([-positions], graph).counts == dict.fromkeys(KINDS, 0) | {
        "chirality_flips": 1
    }
    graph, positions = molecule("e-2-butene")
    found = check_frames([positions], graph)
    assert not found.invalid.any()
    other, z_positions = molecule("z-2-butene")
    assert np.array_equal(graph.atomic_numbers, other.atomic_numbers)
    assert check_frames([z_positions], graph).cis_trans_flips.all()


def test_frames_that_are_not_finite_are_that_and_nothing_else():
    graph, positions = molecule("n-methylacetamide")
    frames = np.stack([positions, positions, positions])
    frames[1, 2, 0] = np.nan
    frames[2, 0] += 3.0
    found = check_frames(frames, graph)
    assert found.frames["not_finite"].tolist() == [1]
    assert found.frames["broken_bonds"].tolist() == [2]
    assert found.invalid.tolist() == [False, True, True]
    joined = FrameGeometry.joined([found, found])
    assert len(joined) == 6
    assert joined.counts["broken_bonds"] == 2


def test_the_range_is_that_of_the_reference():
    graph, positions = molecule("2-butanol")
    reference = shaken(positions, 0.02, 200)
    found = geometry_range([reference[:50], reference[50:]], range_coordinates(graph))
    assert found.frames == 200
    assert not found.outside(reference).any()
    assert found.outside(1.2 * positions[None]).all()
    assert "radius of gyration" in found.coordinates.names


def test_bad_frames_are_refused():
    graph, positions = molecule("2-butanol")
    with pytest.raises(DataError, match=r"the molecule needs \(frames, 15, 3\)"):
        check_frames(positions, graph)
    with pytest.raises(DataError, match="no frames"):
        geometry_range([], range_coordinates(graph))
