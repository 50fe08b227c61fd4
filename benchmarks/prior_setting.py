"""What all parts of the benchmark of priors share: the MD, its torsions, what is done already."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from metropolis_chains import phi_psi_atoms

from ase_tito.analysis import lag_in_frames
from ase_tito.atomic import write_atomically
from ase_tito.evaluation import Reference
from ase_tito.flow.ode import OdeSettings

BLOCK_PS = 1000.0
BATCH = 100
FORCE_FIELD = "AMBER ff96, OBC2"
ODE = OdeSettings("midpoint", steps=10, spacing="sine")  # of what is trained here

Table = tuple[str, Figure | None]


class Setting:
    """The MD, its torsions, and what is done already."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.reference = Reference.from_files(options.runs)
        self.graph = self.reference.graph
        self.phi_psi = phi_psi_atoms(self.reference)
        self.angles = self.reference.torsions(self.phi_psi)
        self.block = round(BLOCK_PS / self.reference.frame_spacing_ps)

    @property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.options.seed)

    def once(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `make` gives, computed unless it is kept under this name."""
        folder = self.options.output / "parts" / Path(self.options.model).stem
        path = folder / f"{name}.json"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(make(), indent=1).encode())
            print(f"done: {name}", flush=True)
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def pairs(self, lag_ps: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """Torsions before and after a lag, of each run."""
        lag = lag_in_frames(lag_ps, self.reference.frame_spacing_ps)
        return [(a[:-lag], a[lag:]) for a in self.angles]


def turned(angles: np.ndarray, start: np.ndarray) -> np.ndarray:
    """How far torsions are from those of a frame, in radians, at most π."""
    difference: np.ndarray = np.abs((angles - start + np.pi) % (2 * np.pi) - np.pi)
    return difference


def interval(found: dict[str, Any]) -> str:
    """A population in percent, with its interval."""
    share, low, high = (100 * found[key] for key in ("share", "low", "high"))
    return f"{share:.2f} [{low:.2f}, {high:.2f}]"
