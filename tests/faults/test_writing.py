"""Disks that are full, folders nobody can write, and two processes for one output."""

import os
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openmm")
pytest.importorskip("rdkit")

from ase_tito.atomic import write_atomically
from ase_tito.cli.main import main
from ase_tito.errors import OutputError
from tests.faults.jobs import JOBS, ROOT, TOPOLOGY, make_inputs


@contextmanager
def files_up_to(size):
    """The kernel lets no file of this process grow beyond a size, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.fixture
def workplace(inputs, tmp_path, monkeypatch):
    for path in inputs.iterdir():
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ase_tito.md.build.gaff_prmtop", lambda _: TOPOLOGY.read_text())
    return tmp_path


def error_of(words, capfd):
    """The one line of a command line that fails."""
    capfd.readouterr()
    assert main(words) == 2
    lines = capfd.readouterr().err.splitlines()
    errors = [line for line in lines if ": error: " in line]
    assert len(errors) == 1, lines
    assert "--debug shows where" not in errors[0]
    return errors[0]


SIZES = {"run": 12_000, "train": 20_000, "generate": 4_000, "evaluate": 20_000}
"""Bytes that are too few for the job's largest file."""


@pytest.mark.parametrize("command", JOBS)
def test_a_full_disk_costs_what_could_not_be_written(command, workplace, capfd):
    job, output = JOBS[command], workplace / "job"
    words = job.words(output)
    with files_up_to(SIZES[command]):
        error = error_of(words, capfd)
    assert "File too large" in error
    assert str(output) in error
    pieces = job.pieces(output)
    assert not list(output.rglob("*.partial"))
    assert main(job.words(output)) == 0  # there is room again
    assert job.pieces(output) > pieces
    assert job.result(output)


@pytest.mark.parametrize("command", JOBS)
@pytest.mark.parametrize("place", ["/proc/nothing", "file/output"])
def test_a_folder_that_nobody_can_write(command, place, workplace, capfd):
    if place.startswith("/proc") and not Path("/proc/self").is_dir():
        pytest.skip("needs a folder that takes no files")
    (workplace / "file").write_text("mine")
    output = workplace / place  # /proc stays what it is
    assert str(output.parent if command == "train" else output) in error_of(
        JOBS[command].words(output), capfd
    )
    assert (workplace / "file").read_text() == "mine"


LOCKED = {
    "run": "replica-0001.traj.lock",
    "train": "state.pt.lock",
    "generate": ".lock",
    "evaluate": "evaluation.json.lock",
}
HOLD = """
import sys, time
from filelock import FileLock
locks = [FileLock(path, timeout=0) for path in sys.argv[1:]]
for lock in locks:
    lock.acquire()
print("held", flush=True)
time.sleep(600)
"""


def test_what_another_process_writes_is_refused_until_it_ends(workplace, capfd):
    outputs = {command: workplace / command for command in JOBS}
    for output in outputs.values():
        output.mkdir()
    held = [str(outputs[command] / name) for command, name in LOCKED.items()]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, *held], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        for command, job in JOBS.items():
            assert "is being written by" in error_of(job.words(outputs[command]), capfd)
            assert job.pieces(outputs[command]) == 0
        other.kill()
    assert main(JOBS["run"].words(outputs["run"])) == 0


def test_kills_by_the_command_that_counts_them():
    """Two of each of two commands: the documented fifty of each take minutes."""
    words = ["-m", "tests.faults.kill", "run", "train", "--kills", "2"]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split("|")[1:3] for line in done.stdout.splitlines()[2:]] == [
        [" run ", " 2 "],
        [" train ", " 2 "],
    ]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x"
    write_atomically(path, b"old")
    with files_up_to(100), pytest.raises(OutputError, match=r"cannot write .*x: File too large"):
        write_atomically(path, np.zeros(100).tobytes())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
