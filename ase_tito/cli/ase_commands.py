"""ASE's own subcommands under `ase-tito`: those whose names are free."""

from __future__ import annotations

from collections.abc import Sequence

ASE_COMMANDS = (
    "band-structure",
    "build",
    "completion",
    "convert",
    "db",
    "diff",
    "dimensionality",
    "eos",
    "exec",
    "find",
    "gui",
    "nebplot",
    "reciprocal",
    "test",
    "ulm",
)
"""Not `run` and `info`, which are this package's here: `ase run` and `ase info` are ASE's.

Written down, since asking ASE takes as long as importing all its commands.
"""


def run_ase(words: Sequence[str], program: str, *, debug: bool = False) -> int:
    """Run a command of ASE and return its exit code.

    Parameters
    ----------
    words : sequence of str
        The command, one of `ASE_COMMANDS`, and its arguments.
    program : str
        What usage and errors call it.
    debug : bool
        Raise errors instead of printing them.
    """
    from ase.cli.main import commands, main

    try:
        main(
            prog=program,
            commands=[entry for entry in commands if entry[0] == words[0]],
            args=["-T", *words] if debug else list(words),
        )
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    return 0
