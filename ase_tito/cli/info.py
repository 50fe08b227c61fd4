"""Show a model's card and header.

Example:
  ase-tito info alanine-dipeptide
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The checkpoint, and how to print it."""
    parser.add_argument(
        "checkpoint",
        metavar="CHECKPOINT|NAME",
        help="path of a .safetensors checkpoint, or a name that 'ase-tito models' lists",
    )
    parser.add_argument("--json", action="store_true", help="print the header alone, as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print card and header of a checkpoint whose weights have been checked."""
    import json

    from ase_tito.checkpoint import read_card, read_checkpoint
    from ase_tito.models import find_checkpoint

    path = find_checkpoint(arguments.checkpoint)
    header, weights = read_checkpoint(path)
    text = json.dumps(json.loads(header.to_json()), indent=2)
    if arguments.json:
        print(text)
        return
    count = sum(tensor.numel() for tensor in weights.values())
    print(f"{path}: {count:,} parameters\n\n{read_card(path, header)}\nHeader:\n{text}")
