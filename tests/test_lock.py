import os
import subprocess
import sys

import pytest

from ase_tito.errors import OutputError
from ase_tito.lock import OutputLock

HOLD = """
import sys, time
from ase_tito.lock import OutputLock
lock = OutputLock(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_lock_is_refused_until_the_first_is_released(tmp_path):
    path = tmp_path / "x.traj"
    first = OutputLock(path)
    with pytest.raises(OutputError, match="being written by this process"):
        OutputLock(path)
    first.release()
    first.release()
    with OutputLock(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_another_process_is_named_and_its_death_frees_the_lock(tmp_path):
    path = tmp_path / "x.traj"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match=f"process {process.pid}"):
            OutputLock(path)
        process.kill()
        process.wait()
    assert path.with_name("x.traj.lock").exists()  # left behind, held by nobody
    with OutputLock(path):
        pass


def test_missing_directory(tmp_path):
    with pytest.raises(OutputError, match="no directory"):
        OutputLock(tmp_path / "missing" / "x.traj")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that takes no files")
def test_a_folder_that_takes_no_files_is_not_said_to_be_locked():
    with pytest.raises(OutputError, match=r"no file can be made in /proc|No such file"):
        OutputLock("/proc/x.traj")
