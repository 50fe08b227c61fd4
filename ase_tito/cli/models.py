"""List the models that are known by name.

Shipped models and your own: checkpoints (.safetensors) in the directory that the environment
variable ASE_TITO_MODELS names, or else in your user data directory.

Example:
  ASE_TITO_MODELS=~/my-models ase-tito models
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(arguments: argparse.Namespace) -> None:
    """Print a table of all known models."""
    from ase.data import chemical_symbols

    from ase_tito.cli.table import format_table
    from ase_tito.models import available_models, user_directory
    from ase_tito.transfer.domain import Domain

    rows = [("NAME", "LAGS/PS", "TEMPERATURES/K", "ATOMS", "ELEMENTS", "FILE")]
    problems = []
    for info in available_models():
        if info.header is None:
            problems.append(f"{info.name} cannot be read: {info.problem}")
            continue
        domain = Domain.from_dict(info.header.domain)
        rows.append(
            (
                info.name,
                _span(domain.lag_range_ps) if domain.makes_jumps else "prior",
                _span(domain.temperature_range_K),
                _span(domain.n_atoms_range),
                ",".join(chemical_symbols[z] for z in domain.elements),
                "shipped" if info.shipped else str(info.path),
            )
        )
    print(format_table(rows) if len(rows) > 1 else "no models")
    print("\n".join(["", *problems, f"Your own models go into {user_directory()}"]))


def _span(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return f"{low:g}" if low == high else f"{low:g}-{high:g}"
