"""What is no longer the same molecule is told."""

import numpy as np
import pytest

pytest.importorskip("openmm")

from ase_tito.errors import DataError
from ase_tito.md.guard import check_block
from tests.molecules import molecule


def frames_of(name, count=2000):
    graph, positions = molecule(name)
    return graph, np.repeat(positions[None], count, axis=0).astype(np.float32)


def check(frames, graph, energies=None):
    return check_block(frames, np.zeros(len(frames)) if energies is None else energies, graph)


def test_fine():
    graph, frames = frames_of("threonine")
    assert check(frames, graph).outside_limits == 0


def test_a_rare_stretch_is_counted_and_kept():
    graph, frames = frames_of("2-butanol")
    frames[7, graph.bonds[0, 0]] += 1.0
    assert check(frames, graph).outside_limits == 1


def test_broken_bonds():
    graph, frames = frames_of("2-butanol")
    frames[-3:, graph.bonds[0, 0]] += 1.0
    with pytest.raises(DataError, match="bonds have changed: 3 of 2000 frames"):
        check(frames, graph)


def test_inverted_centres():
    graph, frames = frames_of("2-butanol")
    frames[11] *= -1
    with pytest.raises(DataError, match=r"a stereocentre is inverted \(frame 11"):
        check(frames, graph)


def test_turned_double_bonds():
    graph, frames = frames_of("z-2-butene")
    _, other = frames_of("e-2-butene")
    frames[3] = other[3]
    with pytest.raises(DataError, match=r"between cis and trans \(frame 3"):
        check(frames, graph)


def test_collapse():
    graph, frames = frames_of("2-butanol")
    far = np.argwhere(graph.bond_distances == graph.bond_distances.max())[0]
    frames[:, far[0]] = frames[:, far[1]] + 0.5
    with pytest.raises(DataError, match=r"bonds have changed|come too close"):
        check(frames, graph)


@pytest.mark.parametrize("where", ["positions", "energies"])
def test_not_finite(where):
    graph, frames = frames_of("2-butanol", 10)
    energies = np.zeros(10)
    (frames if where == "positions" else energies)[4] = np.nan
    with pytest.raises(DataError, match="no longer finite"):
        check(frames, graph, energies)
