"""The benchmark command as a whole, at a size that says nothing of the model."""

import json

import pytest

pytest.importorskip("openmm")

from ase_tito.data.trajectory import read_npz
from ase_tito.testing import ou_operator


@pytest.fixture
def benchmark(load):
    return load("alanine_dipeptide")


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
