"""The benchmark command as a whole, at a size that says nothing of the model."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("openmm")

from ase_tito.data.trajectory import read_npz
from ase_tito.md.alanine_dipeptide import topology
from ase_tito.testing import ou_operator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark():
    spec = importlib.util.spec_from_file_location(
        "alanine_dipeptide", ROOT / "benchmarks" / "alanine_dipeptide.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def runs(tmp_path):
    with np.load(ROOT / "tests" / "md" / "alanine_dipeptide.npz") as data:
        frames = data["positions"]
    rng = np.random.default_rng(0)
    molecule = topology()
    paths = []
    for k in range(2):
        positions = frames[rng.integers(len(frames), size=1200)]
        path = tmp_path / f"run{k}.npz"
        np.savez(
            path,
            positions=positions,
            atomic_numbers=[atom.element.atomic_number for atom in molecule.atoms()],
            bonds=[(a.index, b.index) for a, b in molecule.bonds()],
            frame_spacing_ps=1.0,
            temperature_K=300.0,
        )
        paths.append(path)
    return paths


def test_all_figures_are_printed_and_written(benchmark, runs, tmp_path, monkeypatch, capsys):
    md = read_npz(runs[0])
    loads = []

    def load(name):
        loads.append(name)
        return ou_operator(md.graph, md.positions[0], relaxation_time_ps=5.0)

    monkeypatch.setattr(benchmark, "load_model", load)
    monkeypatch.setattr(benchmark, "find_checkpoint", lambda name: runs[0])
    sizes = ["--replicas", "4", "--jumps", "3", "--single-jumps", "10", "--table-jumps", "8"]
    monkeypatch.setattr(benchmark, "SEGMENT", 2)
    monkeypatch.setattr(benchmark, "PART", 6)
    output = tmp_path / "report"
    command = ["fake", *map(str, runs), "--output", str(output), *sizes]

    results = benchmark.main(command)

    printed = capsys.readouterr().out
    assert "chain-euler-40-000: 8 jumps" in printed
    assert (output / "figures.md").read_text() in printed
    assert json.loads((output / "figures.json").read_text()) == results
    assert (output / "ramachandran.pdf").exists()
    assert results["equilibrium"]["jumps"] == 12
    assert results["equilibrium"]["evaluations"] == 40
    assert len(results["kinetics"]) == 8
    assert {row["jumps"] for row in results["kinetics"]} == {10}
    settings = [(row["ode"]["method"], row["evaluations"]) for row in results["integration"]]
    counts = (10, 14, 20, 40, 80)
    assert settings == [(m, n) for n in counts for m in ("euler", "midpoint")]
    assert {row["jumps"] for row in results["integration"]} == {8}
    assert len(results["criteria"]) == 5 + 8 + 2

    assert benchmark.main(command) == results
    assert "chain" not in capsys.readouterr().out.split("|")[0]  # nothing was sampled again


def test_solvers_by_name(benchmark):
    ode = benchmark.parse_ode("midpoint-40")
    assert (ode.method, ode.steps, ode.evaluations, ode.spacing) == ("midpoint", 20, 40, "sine")
    for name in ("euler-10", "rk4-40-even", "midpoint-80"):
        assert benchmark.ode_name(benchmark.parse_ode(name)) == name
