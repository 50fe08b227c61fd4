"""Entry point of `ase-tito`: one parser, one way to report errors."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn, TextIO

from ase_tito import __version__
from ase_tito.cli.ase_commands import ASE_COMMANDS, run_ase
from ase_tito.errors import TITOError, TITOWarning

PROGRAM = "ase-tito"

COMMANDS = {
    "run": "ase_tito.cli.run",
    "campaign": "ase_tito.cli.campaign",
    "analyse": "ase_tito.cli.analyse",
    "generate": "ase_tito.cli.generate",
    "data": "ase_tito.cli.data",
    "evaluate": "ase_tito.cli.evaluate",
    "reweight": "ase_tito.cli.reweight",
    "train": "ase_tito.cli.train",
    "info": "ase_tito.cli.info",
    "models": "ase_tito.cli.models",
}
"""Subcommands and their modules, each with `add_arguments(parser)` and `run(arguments)`.

A module's docstring is its help: first line, description, and an example after ``Example:``.
Modules are imported at every start; what they need to work they import in `run`.
"""

FAILED, INTERRUPTED = 2, 130


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(FAILED, f"{self.prog}: error: {message} ({self.prog} --help tells more)\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser with all subcommands."""
    parser = _Parser(
        prog=PROGRAM,
        description="Learned molecular dynamics with steps of picoseconds to nanoseconds.",
        epilog="ase-tito COMMAND --help shows a command's options, their units, and an example. "
        f"ASE's own commands work too: {', '.join(ASE_COMMANDS)}.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module_name in COMMANDS.items():
        module = import_module(module_name)
        summary, _, rest = (module.__doc__ or "").partition("\n")
        description, _, example = rest.partition("Example:")
        command = commands.add_parser(
            name,
            help=summary[0].lower() + summary[1:].rstrip("."),
            description=f"{summary}\n{description.rstrip()}",
            epilog=f"example:\n{example.rstrip()}".replace("\n\n", "\n"),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
        command.add_argument(
            "--debug",
            action="store_true",
            default=argparse.SUPPRESS,
            help="show tracebacks of errors",
        )
        command.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code: 0, 2 for errors, 130 after Ctrl-C."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = words[:1] == ["--debug"]
    if words[debug : debug + 1] and words[debug] in ASE_COMMANDS:
        with _warnings_on_one_line():
            return run_ase(words[debug:], PROGRAM, debug=debug)
    try:
        arguments = build_parser().parse_args(words)
    except SystemExit as exit_:  # of --help, --version and wrong usage
        return int(exit_.code or 0)
    try:
        with _warnings_on_one_line():
            arguments.run(arguments)
            sys.stdout.flush()
        return 0
    except KeyboardInterrupt as interrupt:
        message = str(interrupt) or "interrupted"
        print(f"\n{PROGRAM} {arguments.command}: {message}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if arguments.debug:
            traceback.print_exc()
        else:
            print(f"{PROGRAM} {arguments.command}: error: {_one_line(error)}", file=sys.stderr)
        return FAILED


def _one_line(error: Exception) -> str:
    message = " ".join(str(error).split())
    if isinstance(error, TITOError | OSError) and message:
        return message
    return f"{type(error).__name__}: {message} (--debug shows where)"


@contextmanager
def _warnings_on_one_line() -> Iterator[None]:
    """The package's own warnings without the line of code that gave them."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_briefly(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> Any:
            if issubclass(category, TITOWarning):
                print(f"{PROGRAM}: warning: {' '.join(str(message).split())}", file=sys.stderr)
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = show_briefly
        yield
