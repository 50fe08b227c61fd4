"""Kills commands at random moments, continues them, and compares what comes out with whole ones.

    python -m tests.faults.kill [run] [train] [generate] [evaluate] [--kills 50] [--seed 0]

Each kill is a SIGKILL, half of them after a random time, half at a random file operation (opening
to write, renaming, truncating, removing). After each, the pieces of work in the output must be no
fewer than those counted before; a killed command is begun again until it ends, and its output must
then equal that of a command nobody killed, down to the list of its files. Ends with 1 where it does
not.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.jobs import JOBS, TOPOLOGY, Job, Result, make_inputs

OPERATIONS = ("os.rename", "os.truncate", "os.remove", "os.mkdir")
LONGEST_S = 1800.0
"""A job that nobody kills and that takes longer hangs, however busy the machine is."""


@dataclass
class Outcome:
    """What came of the kills of one command.

    Attributes
    ----------
    kills, ends : int
        How often it was killed, and how often it then came to its end.
    at_files : int
        Kills at file operations.
    faults : list of str
        What was lost, doubled or different.
    """

    kills: int = 0
    ends: int = 0
    at_files: int = 0
    faults: list[str] = field(default_factory=list)


def start(job: Job, output: Path, before: Callable[[], None] = lambda: None) -> int:
    """Begin or continue a job in a process of its own; its id.

    The process is forked from this one, which has everything imported and no thread: a kill costs a
    fraction of a second, where an interpreter would take several to start.
    """
    words = job.words(output)
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        with open("output.txt", "a") as told:
            os.dup2(told.fileno(), 1)
            os.dup2(told.fileno(), 2)
        before()
        from ase_tito.cli.main import main

        code = main(words)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def end_of(pid: int, kill_after_s: float = LONGEST_S) -> int:
    """Wait for a process, or kill it; its exit code, negative for a signal."""
    deadline = time.monotonic() + kill_after_s
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def watch_operations(react: Callable[[], object]) -> None:
    """Call a function at each file operation of this process that changes something."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            _, mode, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
            if writes or any(letter in str(mode) for letter in "wax+"):
                react()
        elif event in OPERATIONS:
            react()

    sys.addaudithook(hook)


def dies_at(operation: int) -> Callable[[], None]:
    """For `start`: the process kills itself at its file operation of this number."""

    def before() -> None:
        left = [operation]

        def react() -> None:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        watch_operations(react)

    return before


def counts(path: Path) -> Callable[[], None]:
    """For `start`: each file operation adds a byte to a file."""

    def before() -> None:
        told = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        watch_operations(lambda: os.write(told, b"."))

    return before


def differences(found: Result, expected: Result) -> list[str]:
    """Names of what is missing, too much, or not equal."""
    return [
        f"{name}: {str(found.get(name))[:200]}, expected {str(expected.get(name))[:200]}"
        for name in sorted({*found, *expected})
        if found.get(name) != expected.get(name)
    ]


def torment(job: Job, folder: Path, kills: int, chance: random.Random) -> Outcome:
    """Kill a job so often, continue it each time, and compare."""
    outcome = Outcome()
    began = time.monotonic()
    code = end_of(start(job, folder / "whole", counts(folder / "operations")))
    duration = time.monotonic() - began
    if code != 0:
        return Outcome(faults=[f"the whole job ended with {code}: {last_words(folder)}"])
    expected, operations = job.result(folder / "whole"), (folder / "operations").stat().st_size
    output, pieces, begun = folder / "job", 0, False
    while outcome.kills < kills or begun:
        if outcome.kills >= kills:
            pid, wait_s, at_files = start(job, output), LONGEST_S, False
        elif chance.random() < 0.5:
            pid, wait_s, at_files = start(job, output), chance.uniform(0, duration), False
        else:
            pid = start(job, output, dies_at(chance.randrange(operations)))
            wait_s, at_files = LONGEST_S, True
        code = end_of(pid, wait_s)
        if code == -signal.SIGKILL:
            outcome.kills += 1
            outcome.at_files += at_files
            now = job.pieces(output)
            if now < pieces:
                outcome.faults.append(f"kill {outcome.kills}: {pieces} pieces became {now}")
            pieces, begun = now, True
            continue
        if code != 0:
            outcome.faults.append(f"after kill {outcome.kills}: {last_words(folder)}")
        else:
            outcome.ends += 1
            found = differences(job.result(output), expected)
            outcome.faults += [f"after kill {outcome.kills}: {text}" for text in found]
        shutil.rmtree(output)
        pieces, begun = 0, False
        if len(outcome.faults) > 5:
            break
    return outcome


def last_words(folder: Path) -> str:
    """The last line that a process of these printed."""
    lines = (folder / "output.txt").read_text().splitlines()
    return lines[-1] if lines else "no word"


def prepare() -> None:
    """Import what jobs need, and let them take the topology that is there, in no time."""
    import ase_tito.md.build
    import ase_tito.md.campaign
    import ase_tito.train

    warnings.simplefilter("ignore")
    ase_tito.md.build.gaff_prmtop = lambda _: TOPOLOGY.read_text()
    import torch

    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def outcome_of(name: str, kills: int, seed: int) -> Outcome:
    """Of one command, in a folder of its own that is removed afterwards."""
    with tempfile.TemporaryDirectory() as place, chdir(place):
        make_inputs(Path())
        return torment(JOBS[name], Path(place), kills, random.Random(f"{seed} {name}"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commands", nargs="*", metavar="COMMAND")
    parser.add_argument("--kills", type=int, default=50, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for name in set(arguments.commands) - set(JOBS):
        parser.error(f"there is no {name}, only {', '.join(JOBS)}")
    prepare()
    faulty = False
    print("| command | kills | of them at file operations | ends reached | faults |")
    print("|---|---|---|---|---|", flush=True)
    for name in arguments.commands or JOBS:
        outcome = outcome_of(name, arguments.kills, arguments.seed)
        print(
            f"| {name} | {outcome.kills} | {outcome.at_files} | {outcome.ends} "
            f"| {len(outcome.faults)} |",
            flush=True,
        )
        for fault in outcome.faults:
            print(f"{name}: {fault}", file=sys.stderr)
        faulty = faulty or bool(outcome.faults)
    return int(faulty)


if __name__ == "__main__":
    sys.exit(main())
