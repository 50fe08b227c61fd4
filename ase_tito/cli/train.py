"""Train a model on trajectories.

CONFIG.toml names the data, the network and the optimizer, with units in its keys. The checkpoint
and its model card are written to the output directory that it names. Several processes or GPUs
share the work when torchrun starts them: torchrun --nproc-per-node 2 -m ase_tito.cli train ...

Example:
  ase-tito train alanine-dipeptide.toml --resume
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The configuration, where to start, and whether to continue."""
    parser.add_argument("config", metavar="CONFIG.toml", help="configuration of the training")
    parser.add_argument(
        "--from",
        dest="parent",
        metavar="CHECKPOINT",
        help="fine-tune this model (a name or a file); in place of 'from' in CONFIG.toml",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue from the state in the output directory, exactly as if never interrupted",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(arguments: argparse.Namespace) -> None:
    """Train, and print where the checkpoint is."""
    from dataclasses import replace

    from ase_tito.train import TrainConfig, TrainingStopped, fit
    from ase_tito.train.command import launched_command

    config = TrainConfig.from_toml(arguments.config)
    command = ["train", arguments.config]
    if arguments.parent is not None:
        config = replace(config, parent=arguments.parent)
        command += ["--from", arguments.parent]
    try:
        path = fit(
            config,
            resume=arguments.resume,
            show_progress=not arguments.quiet,
            command=launched_command(command),
        )
    except TrainingStopped as stopped:  # Ctrl-C, or a batch system's signal
        raise KeyboardInterrupt(str(stopped)) from None
    print(path)
