"""Options of all commands that make nested jumps."""

from __future__ import annotations

import argparse


def add_jump_options(parser: argparse.ArgumentParser, *, molecule: str, jumps: int) -> None:
    """Model, lag, number of jumps and temperature.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    molecule : str
        What an automatic model has to fit, such as ``'the molecule'``.
    jumps : int
        By default.
    """
    parser.add_argument(
        "--model",
        default="auto",
        metavar="NAME|PATH|auto",
        help="a name that 'ase-tito models' lists, a checkpoint, or the one known model that fits "
        f"{molecule} (default: %(default)s)",
    )
    parser.add_argument(
        "--lag-ps",
        type=float,
        default=100.0,
        metavar="PS",
        help="lag time of a jump, in picoseconds (default: %(default)g)",
    )
    parser.add_argument(
        "--jumps",
        type=int,
        default=jumps,
        metavar="N",
        help="jumps of each replica (default: %(default)s)",
    )
    parser.add_argument(
        "--temperature-K",
        type=float,
        metavar="K",
        help="temperature in kelvin (default: the only one the model was trained at)",
    )
