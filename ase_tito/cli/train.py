"""Train a model on trajectories.

CONFIG.toml names the data, the network and the optimizer, with units in its keys. The checkpoint
and its model card are written to the output directory that it names.

Example:
  ase-tito train alanine-dipeptide.toml --resume
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The configuration, and whether to continue."""
    parser.add_argument("config", metavar="CONFIG.toml", help="configuration of the training")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue from the state in the output directory, exactly as if never interrupted",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(arguments: argparse.Namespace) -> None:
    """Train, and print where the checkpoint is."""
    from ase_tito.train import TrainConfig, TrainingStopped, fit

    config = TrainConfig.from_toml(arguments.config)
    try:
        path = fit(config, resume=arguments.resume, show_progress=not arguments.quiet)
    except TrainingStopped as stopped:  # Ctrl-C, or a batch system's signal
        raise KeyboardInterrupt(str(stopped)) from None
    print(path)
