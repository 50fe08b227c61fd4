import os
import subprocess
import sys

import numpy as np
import pytest
from ase.build import molecule
from ase.calculators.calculator import Calculator
from ase.io import read
from ase.io.trajectory import Trajectory

from ase_tito.dynamics.trajectory import TrajectoryFile, check_output, read_ends
from ase_tito.errors import OutputError

WRITE = """
import sys, time
from ase.build import molecule
from ase_tito.dynamics.trajectory import TrajectoryFile
file = TrajectoryFile(sys.argv[1])
file.write(molecule("H2O"))
print("written", flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.traj"


def frame(k):
    atoms = molecule("H2O")
    atoms.positions += k
    return atoms


def test_written_frames_can_be_read_at_once(path):
    with TrajectoryFile(path) as file:
        file.set_description({"seed": 3})
        for k in range(50):
            file.write(frame(k))
            assert len(read(path, ":")) == len(file) == k + 1
    with Trajectory(path) as frames:
        assert frames.description == {"seed": 3}
        assert np.array_equal(frames[17].positions, frame(17).positions)


def test_counters_in_the_header_follow_the_run(path):
    with TrajectoryFile(path) as file:
        for k in (0, 7, 123456):
            file.set_description({"seed": 3, "counters": {"jumps": k, "retries": 2 * k}})
            file.write(frame(k))
            with Trajectory(path) as frames:
                assert frames.description["counters"] == {"jumps": k, "retries": 2 * k}
                assert len(frames) == len(file)
    with TrajectoryFile(path, append=True) as file:
        file.set_description({"counters": {"jumps": 5, "retries": 1}})
        file.write(frame(1))
    description, first, last = read_ends(path)
    assert description == {"seed": 3, "counters": {"jumps": 5, "retries": 1}}
    assert np.array_equal(first.positions, frame(0).positions)
    assert np.array_equal(last.positions, frame(1).positions)
    with TrajectoryFile(path, append=True, same_run=False) as file:
        file.set_description({"counters": {"jumps": 9, "retries": 9}})
        file.write(frame(1))
    assert read_ends(path)[0]["counters"] == {"jumps": 5, "retries": 1}


def test_another_directory_holds_another_file(path, monkeypatch):
    """A relative path is where it was when the file was opened, and so is its lock."""
    here = path.parent / "here"
    for folder in (path.parent, here):
        folder.mkdir(exist_ok=True)
        monkeypatch.chdir(folder)
        with TrajectoryFile("x.traj") as file:
            file.set_description({"counters": {"jumps": 0}})
            file.write(frame(1))
    other = path.read_bytes()
    with TrajectoryFile("x.traj") as file:
        monkeypatch.chdir(path.parent)
        broken = frame(9)
        broken.calc = Broken()
        file.set_description({"counters": {"jumps": 0}})
        file.write(frame(2))
        with pytest.raises(RuntimeError, match="broke"):
            file.write(broken)
        file.set_description({"counters": {"jumps": 7}})
        file.write(frame(3))
        file.write(frame(4))
        file.truncate(2)
        with TrajectoryFile("x.traj", append=True):
            file.close()
            assert path.with_name("x.traj.lock").exists()
    assert path.read_bytes() == other
    description, first, last = read_ends(here / "x.traj")
    assert description == {"counters": {"jumps": 7}}
    assert np.array_equal([first.positions, last.positions], [frame(k).positions for k in (2, 3)])
    assert [entry.name for entry in here.iterdir()] == ["x.traj"]


def test_existing_trajectory_is_replaced_or_continued(path):
    for append, expected in ((False, 1), (True, 2), (False, 1)):
        with TrajectoryFile(path, append=append) as file:
            file.write(frame(0))
        assert len(read(path, ":")) == expected


def test_truncate(path):
    with TrajectoryFile(path) as file:
        file.set_description({"counters": {"jumps": 0}})
        for k in range(5):
            file.write(frame(k))
        file.truncate(3)
        file.write(frame(9))
        assert [round(f.positions[0, 0]) for f in read(path, ":")] == [0, 1, 2, 9]
        file.truncate(0)
        file.set_description({"seed": 1, "counters": {"jumps": 4}})
        file.write(frame(2))
    assert read_ends(path)[0] == {"seed": 1, "counters": {"jumps": 4}}
    assert len(read(path, ":")) == 1


def test_other_files_are_not_overwritten(tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("three years of work")
    for append in (False, True):
        with pytest.raises(OutputError, match="not an ASE trajectory"):
            TrajectoryFile(notes, append=append)
    assert notes.read_text() == "three years of work"
    with pytest.raises(OutputError, match="directory"):
        TrajectoryFile(tmp_path)
    with pytest.raises(OutputError, match="no directory"):
        TrajectoryFile(tmp_path / "missing" / "x.traj")
    assert list(tmp_path.iterdir()) == [notes]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anything")
def test_permissions(path):
    path.touch(mode=0o400)
    with pytest.raises(OutputError, match="permission"):
        check_output(path)


def test_another_process_is_kept_out(path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WRITE, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout.readline() == "written\n"
        before = path.read_bytes()
        for append in (False, True):
            with pytest.raises(OutputError, match=f"being written by process {process.pid}"):
                TrajectoryFile(path, append=append)
        assert path.read_bytes() == before
        process.kill()
        process.wait()
    with TrajectoryFile(path, append=True) as file:
        file.write(frame(1))
    assert len(read(path, ":")) == 2
    assert [entry.name for entry in path.parent.iterdir()] == ["x.traj"]


def test_the_later_writer_of_a_process_takes_over(path):
    first = TrajectoryFile(path)
    first.write(frame(0))
    second = TrajectoryFile(os.path.relpath(path), append=True)
    with pytest.raises(OutputError, match="opened again by a later run"):
        first.write(frame(1))
    second.write(frame(2))
    first.close()
    second.write(frame(3))
    second.close()
    assert len(read(path, ":")) == 3
    with pytest.raises(OutputError, match="closed"):
        second.write(frame(4))


class Broken(Calculator):
    implemented_properties = ("energy",)

    def get_property(self, name, atoms=None, allow_calculation=True):
        raise RuntimeError("the calculator broke")


@pytest.mark.parametrize("before", [0, 1, 5])
def test_a_frame_that_fails_half_way_leaves_no_trace(path, before):
    broken = frame(9)
    broken.calc = Broken()
    with TrajectoryFile(path) as file:
        file.set_description({"seed": 1, "counters": {"jumps": 0}})
        for k in range(before):
            file.write(frame(k))
        with pytest.raises(RuntimeError, match="broke"):
            file.write(broken)
        assert len(file) == before
        file.write(frame(before))
        file.write(frame(before + 1))
    frames = read(path, ":")
    assert [round(f.positions[0, 0]) for f in frames] == list(range(before + 2))
    assert read_ends(path)[0] == {"seed": 1, "counters": {"jumps": 0}}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_full_disk_is_reported(path):
    with TrajectoryFile(path) as file:
        file.write(frame(0))
        with open("/dev/full", "wb") as full:
            os.dup2(full.fileno(), file._writer.backend.fd.fileno())
            with pytest.raises(OutputError, match="No space left"):
                file.write(frame(1))
        file.write(frame(2))
    assert len(read(path, ":")) == 2


def test_nothing_to_continue(path):
    path.touch()
    with pytest.raises(OutputError, match="no whole frame"):
        read_ends(path)
