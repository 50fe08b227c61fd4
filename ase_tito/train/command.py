"""The command line that started a training run, for the record in its checkpoint."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence


def launched_command(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """How this process was started: by torchrun with so many processes, or alone.

    Parameters
    ----------
    arguments : sequence of str
        What followed ``ase-tito``, as it was given.
    environment : mapping, optional
        By default `os.environ`, where torchrun leaves its numbers.
    """
    environment = os.environ if environment is None else environment
    line = shlex.join(arguments)
    if int(environment.get("WORLD_SIZE", "1")) == 1:
        return f"ase-tito {line}"
    nodes = int(environment.get("GROUP_WORLD_SIZE", "1"))
    several = f"--nnodes {nodes} " if nodes > 1 else ""
    processes = environment.get("LOCAL_WORLD_SIZE", environment["WORLD_SIZE"])
    return f"torchrun {several}--nproc-per-node {processes} -m ase_tito.cli {line}"
