"""The benchmarks of exactness: their arithmetic, and each as a whole at a size of no meaning."""

import json

import numpy as np
import pytest

pytest.importorskip("openmm")

from ase_tito.data.trajectory import read_npz
from ase_tito.evaluation import Reference
from ase_tito.testing import ou_operator

COSTS = {"ode_error": 0.01, "evaluations": 600, "divergences": 48, "energies": 1, "cpu_s": 2.0}


def chain(ratios, **others):
    accepted = [ratio is not None and ratio > -1 for ratio in ratios]
    valid = [ratio is not None for ratio in ratios]
    return {"log_ratios": ratios, "accepted": accepted, "valid": valid, **COSTS, **others}


def test_acceptance_is_the_mean_of_what_the_ratios_allow(load):
    half = float(np.log(0.5))
    chains = [chain([9.0, half, None]), chain([9.0, 1.0, half])]
    found = load("metropolis_summary").summary("jumps", chains, leave_out=1)
    assert found["proposals"] == 4
    assert found["acceptance"] == pytest.approx((0.5 + 0.0 + 1.0 + 0.5) / 4)
    low, high = found["acceptance_interval"]
    assert (low, high) == pytest.approx((0.25, 0.75))  # the means of the two chains
    assert found["valid"] == 0.75
    assert found["divergences_per_proposal"] == pytest.approx(2 * 48 / 6)  # of all proposals


def test_without_any_ratio_there_is_a_line_nevertheless(load):
    module = load("metropolis_summary")
    never = chain([None, None], ode_error=None)
    assert "–, – (of 0)" in module.markdown([module.summary("jumps", [never, never])])


def test_sixths_of_the_circle(load):
    module = load("metropolis_free_energies")
    angles = np.deg2rad([[-179.0, 179.0], [1.0, -1.0]])
    shares = module.sixths(angles)
    assert np.argwhere(shares).tolist() == [[0, 0], [0, 11], [1, 3], [1, 8]]


def test_free_energies_of_states_of_md_agree_and_others_do_not(load, runs):
    module = load("metropolis_free_energies")
    reference = Reference.from_files(runs)
    angles = np.concatenate(reference.torsions(load("metropolis_chains").phi_psi_atoms(reference)))
    rng = np.random.default_rng(0)
    drawn = [{"phi_psi": angles[rng.integers(len(angles), size=150)]} for _ in range(20)]
    rows = module.known(module.free_energies(reference, drawn, 50))
    assert len(rows) >= 6
    assert all(module.overlap(row) for row in rows)
    stuck = [{"phi_psi": np.tile(angles[:1], (30, 1))} for _ in range(20)]
    rows = module.free_energies(reference, stuck, 10)
    assert not all(module.overlap(row) for row in module.known(rows))
    assert "not seen" in module.free_energy_markdown(rows)
    module.figure({"stuck": rows})


def test_chains_are_kept(load, runs, tmp_path, monkeypatch, capsys):
    md = read_npz(runs[0])
    chains, metropolis = load("metropolis_chains"), load("metropolis")
    monkeypatch.setattr(chains, "load_model", lambda name: ou_operator(md.graph, md.positions[0]))
    monkeypatch.setattr(chains, "find_checkpoint", lambda name: runs[0])
    sizes = ["--chains", "3", "--jumps", "3", "--together", "2", "--nodes", "3", "--steps", "1"]
    output = tmp_path / "report"
    command = ["fake", *map(str, runs), "--output", str(output), *sizes]
    command += ["--lags-ps", "10", "--free-energies"]

    with pytest.warns(match="integration is off"):
        report = metropolis.main(command)

    assert (output / "metropolis.md").read_text() in capsys.readouterr().out
    assert json.loads((output / "metropolis.json").read_text()) == report
    assert (output / "free-energies.png").stat().st_size > 5_000
    assert report["rows"][0]["proposals"] == 6
    assert len(list((output / "chains").iterdir())) == 2

    def refuse(*given):
        raise RuntimeError("computed twice")

    monkeypatch.setattr(chains, "run_chains", refuse)
    assert metropolis.main(command) == report
    with pytest.raises(RuntimeError, match="computed twice"):
        metropolis.main([*command, "--seed", "1"])


def test_errors_of_differences_alone_count(load):
    exact = np.array([1.0, 2.0, 4.0])
    found = {
        "8x1": {"log_density": exact + 3.0, "cpu_s": 1.0},
        "9x1": {"log_density": exact + np.array([0.0, 0.0, 0.5]), "cpu_s": 1.0},
        "72x6": {"log_density": exact, "cpu_s": 1.0},
    }
    shifted, off, finest = load("quadrature").errors(found, "72x6")
    assert shifted[3:5] == ["0.000", "0.000"]
    assert off[3:5] == [f"{0.5 * np.sqrt(2 / 3):.3f}", "0.500"]
    assert finest[3:5] == ["", ""]
    jumps = {
        "8x1": {"log_density": [[1.5, 2.5], [5.0, 5.0]], "cpu_s": 1.0},  # both ways
        "72x6": {"log_density": [[1.0, 2.0], [4.0, 5.0]], "cpu_s": 1.0},
    }
    assert load("quadrature").errors(jumps, "72x6")[0][3:5] == [f"{np.sqrt(0.5):.3f}", "1.000"]


def test_quadrature_goes_on(load, runs, tmp_path, capsys):
    quadrature = load("quadrature")
    command = ["alanine-dipeptide-prior", *map(str, runs), "--output", str(tmp_path)]
    command += ["--frames", "2", "--settings"]
    quadrature.main([*command, "1x1"])
    first = json.loads((tmp_path / "quadrature.json").read_text())["found"]["1x1"]
    text = quadrature.main([*command, "1x1", "2x1"])
    assert text in capsys.readouterr().out
    found = json.loads((tmp_path / "quadrature.json").read_text())["found"]
    assert found["1x1"] == first
    assert set(found) == {"1x1", "2x1"}
    quadrature.main([*command, "1x1", "--lag-ps", "10"])
    found = json.loads((tmp_path / "quadrature.json").read_text())["found"]
    assert np.shape(found["1x1"]["log_density"]) == (2, 2)
