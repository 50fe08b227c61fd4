"""The benchmark as a whole, at a size that measures nothing; never a word on time."""

import json

import numpy as np
import pytest

pytest.importorskip("openmm")


def test_all_parts_in_pieces(load, tmp_path, capsys):
    speed = load("speed")
    speed.main(["--smoke", "--output", str(tmp_path), "--parts", "dynamics", "jump"])
    others = [part for part in speed.PARTS if part not in ("dynamics", "jump")]
    results = speed.main(["--smoke", "--output", str(tmp_path), "--parts", *others])
    assert json.loads((tmp_path / "speed.json").read_text()) == results
    assert set(speed.PARTS) < set(results)
    assert (tmp_path / "speed.png").stat().st_size > 10_000
    page = (tmp_path / "speed.md").read_text()
    assert page in capsys.readouterr().out
    dynamics = results["dynamics"]
    for rival in ("ASE Langevin", "OpenMM"):
        for name, ratio in dynamics["ratios"][rival].items():
            speeds = [dynamics["ns_per_day"][who]["median"] for who in (name, rival)]
            assert ratio == pytest.approx(speeds[0] / speeds[1])
    assert {row["what"] for row in dynamics["targets"]} <= {
        line.split("|")[1].strip() for line in page.splitlines() if line.startswith("|")
    }


def test_exponent(load):
    sizes = np.array([10.0, 20.0, 200.0])
    assert load("speed_timing").exponent(sizes, 3 * sizes**1.7) == pytest.approx(1.7)


def test_turns_are_taken_and_the_first_portion_is_not_counted(load):
    order = []

    def work(name):
        order.append(name)
        return 1.0

    rates = load("speed_timing").alternate(
        {name: lambda name=name: work(name) for name in "ab"}, 3, 0.0, order.append
    )
    rounds = [name for k in (1, 2, 3) for name in ("a", "b", f"round {k} of 3")]
    assert order == ["a", "b", *rounds]
    assert all(rate["low"] <= rate["median"] <= rate["high"] for rate in rates.values())


def test_the_force_field_knows_the_atoms_in_this_order(load):
    """Else what is compared would not be one molecule."""
    contestants = load("speed_contestants")
    atoms, _ = contestants.molecule()
    atoms = atoms.copy()
    atoms.calc = contestants.OpenMMCalculator(contestants.alanine_dipeptide_system())
    assert -2.0 < atoms.get_potential_energy() < 0.0  # eV; any swap of atoms costs more


def test_chains_of_all_sizes_are_molecules(load):
    cost = load("speed_cost")
    for carbons in (1, 2, 5, 66):
        atoms, graph = cost.alkane(carbons)
        assert len(atoms) == graph.n_atoms == 3 * carbons + 2
        assert (np.bincount(graph.bonds.ravel())[graph.atomic_numbers == 6] == 4).all()
        i, j = graph.bonds.T
        lengths = np.linalg.norm(atoms.positions[i] - atoms.positions[j], axis=1)
        assert ((lengths > 0.8) & (lengths < 1.7)).all()
    assert cost.neighbours(cost.alkane(66)[0], 1.7) == pytest.approx(2 * (3 * 66 + 1) / 200)
