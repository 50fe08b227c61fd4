import functools
import os

import numpy as np
import pytest
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read
from ase.io.trajectory import TrajectoryWriter

from ase_tito.dynamics.ulm import is_trajectory, read_frames, repair, truncate
from ase_tito.errors import OutputError


@functools.cache
def frames(count):
    rng = np.random.default_rng(0)
    images = []
    for k in range(count):
        atoms = molecule("C2H6")
        atoms.positions += rng.normal(size=(8, 3))
        atoms.info["tito_jump"] = k
        atoms.info["note"] = '{"a": {"b": 1}}'  # must not be taken for a frame's JSON
        atoms.set_momenta(rng.normal(size=(8, 3)))
        atoms.calc = SinglePointCalculator(atoms, energy=float(k), forces=atoms.positions)
        images.append(atoms)
    return images


def write(path, count):
    """The trajectory and its size after each frame."""
    ends = []
    with TrajectoryWriter(path, "w") as writer:
        writer.set_description({"seed": 3})
        for atoms in frames(50)[:count]:
            writer.write(atoms)
            ends.append(os.path.getsize(path))
    return ends


def assert_holds(path, count):
    found = read(path, index=":")
    assert len(found) == count
    for ours, theirs in zip(found, frames(50)[:count], strict=True):
        assert np.array_equal(ours.positions, theirs.positions)
        assert np.array_equal(ours.get_forces(), theirs.get_forces())
        assert ours.info["tito_jump"] == theirs.info["tito_jump"]


@pytest.mark.parametrize("count", [1, 2, 3, 42, 43, 50])
def test_whole_trajectory_is_left_alone(tmp_path, count):
    path = tmp_path / "x.traj"
    write(path, count)
    before = path.read_bytes()
    assert read_frames(path).clean
    assert repair(path) == count
    assert path.read_bytes() == before


# frames 2 and 43 bring a larger table of offsets with them
@pytest.mark.parametrize("count", [2, 3, 5, 42, 43, 44])
def test_truncation_anywhere_in_the_last_frame_loses_only_that_frame(tmp_path, count):
    path = tmp_path / "x.traj"
    ends = write(path, count)
    content = path.read_bytes()
    whole = content.rindex(b"}") + 1  # of the last frame; what follows is a table
    step = (ends[-1] - ends[-2]) // 16
    for size in [*range(ends[-2], ends[-1], step), whole - 1, whole, ends[-1] - 1]:
        path.write_bytes(content[:size])
        kept = repair(path)
        assert kept == (count - 1 if size < whole else count), size
        with TrajectoryWriter(path, "a") as writer:  # and it can be appended to
            writer.write(frames(50)[kept])
        assert_holds(path, kept + 1)


def test_bytes_of_a_frame_that_is_not_counted_yet_are_removed(tmp_path):
    path = tmp_path / "x.traj"
    ends = write(path, 4)
    content = path.read_bytes()
    write(path, 3)
    three = path.read_bytes()
    for extra in (1, 7, 100, ends[-1] - ends[-2]):
        path.write_bytes(three + content[ends[-2] : ends[-2] + extra])
        assert not read_frames(path).clean
        assert repair(path) == 3
        assert path.read_bytes() == three


@pytest.mark.parametrize("size", [0, 5, 24, 40, 56, 300])
def test_without_a_whole_frame_nothing_is_left(tmp_path, size):
    path = tmp_path / "x.traj"
    write(path, 1)
    path.write_bytes(path.read_bytes()[:size])
    assert is_trajectory(path)
    assert repair(path) == 0
    assert path.stat().st_size == 0


@pytest.mark.parametrize("kept", [0, 1, 2, 41, 42, 43, 60])
def test_truncate_keeps_the_first_frames(tmp_path, kept):
    path = tmp_path / "x.traj"
    write(path, 50)
    truncate(path, kept)
    if kept:
        assert_holds(path, min(kept, 50))
    else:
        assert path.stat().st_size == 0


def test_zeros_in_place_of_the_last_frames_end_the_trajectory(tmp_path):
    path = tmp_path / "x.traj"
    ends = write(path, 8)
    content = path.read_bytes()
    path.write_bytes(content[: ends[4]] + bytes(ends[7] - ends[4]))
    assert repair(path) == 5
    assert_holds(path, 5)


def test_permissions_survive_a_repair(tmp_path):
    path = tmp_path / "x.traj"
    ends = write(path, 3)
    path.chmod(0o640)
    os.truncate(path, ends[-1] - 5)
    repair(path)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.traj"]


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no trajectory")
    assert not is_trajectory(path)
    with pytest.raises(OutputError, match="not an ASE trajectory"):
        repair(path)
    assert path.read_text() == "no trajectory"
