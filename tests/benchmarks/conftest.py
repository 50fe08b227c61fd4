"""Benchmarks as modules, and MD of alanine dipeptide that is shuffled: no dynamics, but its law."""

import importlib
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module


@pytest.fixture
def runs(tmp_path):
    """Two runs of 1200 and 2200 frames."""
    from ase_tito.md.alanine_dipeptide import topology

    with np.load(ROOT / "tests" / "md" / "alanine_dipeptide.npz") as data:
        frames = data["positions"]
    rng = np.random.default_rng(0)
    molecule = topology()
    paths = []
    for k, count in enumerate((1200, 2200)):
        path = tmp_path / f"run{k}.npz"
        np.savez(
            path,
            positions=frames[rng.integers(len(frames), size=count)],
            atomic_numbers=[atom.element.atomic_number for atom in molecule.atoms()],
            bonds=[(a.index, b.index) for a, b in molecule.bonds()],
            frame_spacing_ps=1.0,
            temperature_K=300.0,
        )
        paths.append(path)
    return paths
