"""The scripts of the paper's figures, on butane whose rotamers hop and on results made up."""

import argparse
import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ase_tito.data import DatasetWriter, MoleculeRecord, Run
from ase_tito.data.trajectory import MolecularTrajectory
from ase_tito.errors import DataError
from ase_tito.evaluation import Figure, Reference, write_evaluation
from ase_tito.evaluation.slow_torsion import slowest_torsion
from ase_tito.md.mixing import telling_torsions
from ase_tito.md.smiles import molecule_from_smiles
from tests.analysis.butane import GRAPH, trajectory
from tests.evaluation.hopping import SPACING_PS, Hopping
from tests.evaluation.test_written import evaluation, made_up

FOLDER = Path(__file__).parents[2] / "examples" / "paper"
ETHANOL = Path(__file__).parents[1] / "md" / "ethanol.prmtop"
TORSIONS = telling_torsions(GRAPH)
TRANS_GAUCHE = np.array([0.0, 0.5, 0.5])


@pytest.fixture(scope="module")
def script():
    """A script by its name; they import each other from their folder, as when they are run."""
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module
    sys.path.remove(str(FOLDER))


def positions(frames, seed, keep):
    found = trajectory(frames, seed, keep=keep, populations=TRANS_GAUCHE)
    return (found - found.mean(1, keepdims=True)).astype(np.float32)


def exchanged(keep):
    run = MolecularTrajectory("exchange", GRAPH, positions(2000, 0, keep), SPACING_PS, 300.0)
    return Reference([run])


def test_a_torsion_is_slow_if_the_training_run_does_not_cross_it():
    exchange = exchanged(0.8)
    (central,) = {torsion.atoms[1:3] for torsion in TORSIONS}
    still = slowest_torsion(exchange, positions(400, 1, 1.0), TORSIONS)
    assert still is not None
    assert still.torsion.atoms[1:3] == central
    assert still.crossings == 0
    assert sum(still.populations) == pytest.approx(1)
    assert min(still.populations) == pytest.approx(0.5, abs=0.05)
    np.testing.assert_array_equal(still.states(positions(400, 1, 1.0)), 0)
    assert slowest_torsion(exchange, positions(400, 1, 0.5), TORSIONS) is None
    assert slowest_torsion(exchange, positions(400, 1, 1.0), TORSIONS, rarest=0.51) is None


def test_a_torsion_that_exchange_does_not_cross_is_not_judged():
    assert slowest_torsion(exchanged(0.999), positions(400, 1, 1.0), TORSIONS) is None


@pytest.fixture
def dataset(tmp_path):
    """Butane with MD that is stuck and replica exchange, and butane without the latter."""
    path = tmp_path / "butane.h5"
    with DatasetWriter(path) as writer:
        stuck = Run("run-0", positions(1200, 1, 0.9995), SPACING_PS, 300.0)
        mixed = Run("exchange", positions(2000, 0, 0.8), SPACING_PS, 300.0, time_ordered=False)
        writer.add(MoleculeRecord("butane", GRAPH, (stuck, mixed), "CCCC", "a toy, OBC2"))
        writer.add(MoleculeRecord("plain", GRAPH, (stuck,), smiles="CCCC"))
        writer.set_split("test", ["butane", "plain"])
    return path


def settings(dataset):
    return argparse.Namespace(
        checkpoint="hopping",
        dataset=dataset,
        split="test",
        work=dataset.parent / "work",
        molecules=6,
        rarest=0.05,
        training_ns=4.0,
        lag_ps=1000.0,
        replicas=16,
        jumps=40,
        starts=20,
        bins=10,
        seed=0,
    )


def test_the_model_finds_what_a_training_run_missed(script, dataset, tmp_path, monkeypatch):
    slower = script("slower")
    weights = tmp_path / "hopping.safetensors"
    weights.write_bytes(b"weights")
    operator = Hopping(populations=TRANS_GAUCHE, keep=0.9975)  # relaxes in 4 ns
    monkeypatch.setattr(slower, "load_model", lambda _: operator)
    monkeypatch.setattr(slower, "find_checkpoint", lambda _: weights)
    refinements = []

    def refined(_, solvent, graph, starts, temperature_K, seed):
        refinements.append(solvent)
        return np.repeat(starts, 10, 0)

    monkeypatch.setattr(slower, "refined", refined)
    (case,) = slower.cases(settings(dataset))
    assert case.loaded.name == "butane"
    assert case.missed
    judged = script("slower_judge").judge(case, 10, 0)
    of_md, of_model = judged.scores["MD"], judged.scores["TITO"]
    assert of_md["coverage"].model < 0.7 < of_model["coverage"].model
    assert of_md["precision"].model > 0.95
    assert abs(of_model["coverage"].model - of_model["coverage"].floor) < 0.1
    _, relaxation = judged.relaxations
    assert relaxation.low_ps < 4000 < relaxation.high_ps
    text = script("slower_judge").report([judged])
    assert "0 crossings in 400 frames" in text
    picture = script("slower_figure").draw([judged], 10)
    assert [axis.get_title().split("\n")[0] for axis in picture.axes[:4]] == [
        "replica exchange",
        "MD, as long as in training",
        "TITO",
        "TITO + 10 ps MD",
    ]
    picture.canvas.draw()
    calls = operator.calls
    slower.cases(settings(dataset))  # all is there already
    assert (operator.calls, refinements) == (calls, ["OBC2"])
    monkeypatch.setattr(slower, "slowest_torsion", lambda *_: None)
    with pytest.raises(DataError, match="1 molecules have replica exchange beside MD, and none"):
        slower.cases(settings(dataset))


def test_short_md_begins_at_the_samples_and_heats_none_of_them(script):
    ethanol = molecule_from_smiles("CCO", starts=2)
    starts = ethanol.starts.astype(np.float32)
    frames = script("slower").refined(ETHANOL, None, ethanol.graph, starts, 300.0, 0)
    assert frames.shape == (20, 9, 3)
    again = script("slower").refined(ETHANOL, None, ethanol.graph, starts, 300.0, 0)
    np.testing.assert_array_equal(frames, again)
    bond = np.linalg.norm(frames[:, 0] - frames[:, 1], axis=-1)
    assert bond.mean() == pytest.approx(1.53, abs=0.03)
    assert 0.01 < bond.std() < 0.08
    mixed_up = starts[:, ::-1]
    with pytest.raises(DataError, match="are its atoms in this order"):
        script("slower").refined(ETHANOL, None, ethanol.graph, mixed_up, 300.0, 0)


def test_energies_are_in_the_solvent_of_the_data(script):
    frames = molecule_from_smiles("CCO", starts=2).starts
    of = script("transients").energies_kJ_mol
    (vacuum,), (solvated,) = (
        of(ETHANOL, text, frames) for text in ("GAFF2, vacuum", "GAFF2, OBC2")
    )
    assert (vacuum - solvated > 5).all()  # a polar molecule is at home in water
    with pytest.raises(DataError, match="vacuum or OBC2 alone"):
        of(ETHANOL, "GAFF2, TIP3P", frames)


def test_surfaces_are_of_molecules_that_mix_from_worst_to_best(script):
    surfaces = script("surfaces")
    results = [made_up(k) for k in range(8)]  # molecules 0 and 1 do not mix
    assert [one.name for one in surfaces.choose(results, 3)] == [
        "molecule-7",
        "molecule-5",
        "molecule-2",
    ]
    assert len(surfaces.choose(results, 20)) == 6
    with pytest.raises(DataError, match="name --molecules"):
        surfaces.choose(results[:2], 3)
    with pytest.raises(DataError, match="no molecule other"):
        surfaces.named(results, ["other"])
    surfaces.draw(results, surfaces.choose(results, 2)).canvas.draw()
    worst = surfaces.worst(results, 2)
    assert [one.name for one in worst] == ["molecule-7", "molecule-6"]
    picture = surfaces.draw(results, worst, histograms=False)
    picture.canvas.draw()
    assert len(picture.axes) == 2 * 3 + 2  # rows of panels, each with its colour bar


@pytest.mark.parametrize(
    ("smiles", "groups"),
    [
        ("CCO", ["alcohol"]),
        ("COC", ["ether"]),
        ("CC(=O)NC", ["amide"]),
        ("CCN", ["amine"]),
        ("NC=C", ["amine", "alkene"]),
        ("CC(=O)O", ["carboxylic acid"]),
        ("COC=O", ["ester"]),
        ("C=CC=O", ["aldehyde", "alkene", "conjugated"]),
        ("CO/N=C/C", ["imine, oxime"]),
        ("CC(C)=O", ["ketone"]),
        ("N#CC#C", ["nitrile", "alkyne", "conjugated"]),
        ("CCC", ["none of these"]),
    ],
)
def test_functional_groups(script, smiles, groups):
    assert script("chemistry").groups_of(smiles) == groups


def test_what_is_no_smiles_is_refused(script):
    with pytest.raises(DataError, match="no SMILES"):
        script("chemistry").groups_of("")


def test_the_page_on_chemistry_names_the_worst_and_what_is_wrong(script):
    results = [made_up(k) for k in range(1, 5)]  # of which the first does not mix
    for k, result in enumerate(results):
        result.figures["nested.jsd"] = Figure(0.1, equal=0.1 + 0.1 * k, floor=0.1)
        result.figures["nested.timescale_error"] = Figure(0.1)
        result.figures["nested.energy_shift_per_10_atoms_kJ_mol"] = Figure(-0.5 * k)
        result.figures["nested.valid_share"] = Figure(0.995)
    text = script("chemistry").page(results, ["CCO", "CCC", "CCCC"], "A toy.", 2)
    assert text.startswith("A toy.")
    assert "| alcohol | 1 | 0 | not known |" in text
    assert "| none of these | 2 | 4 | 0.200; worst 0.300 (`CCCC`) |" in text
    lines = [line for line in text.splitlines() if line.startswith("- ")]
    assert len(lines) == 2
    assert lines[0].startswith("- `CCCC` (molecule-4): populations of conformers (JSD excess 0.300")
    assert lines[0].endswith("energies (-1.5 kJ/mol per ten atoms, aimed at 1).")
    assert "rates are: `C`." in text


def test_longer_peptides_are_tabled_by_length_with_the_slope_of_their_size(script):
    extrapolation = script("extrapolation")
    known = {
        f"molecule-{k}": extrapolation.Peptide(k, 10 * k, 1.5 * (10 * k) ** 0.5) for k in (1, 2, 4)
    }
    results = {name: made_up(known[name].residues, kind="peptides") for name in known}
    for name, result in results.items():
        result.figures["nested.valid_share"] = Figure(1 - 0.01 * known[name].residues)
        result.figures["nested.gyration_ratio"] = Figure(known[name].residues ** 0.1)
    rows = extrapolation.rows({"a": results}, known)
    assert [row[1] for row in rows] == ["1 (1)", "2 (1)", "4 (1)"]
    assert [row[2] for row in rows] == ["1.0 %", "2.0 %", "4.0 %"]
    assert {row[-1] for row in rows} == {"0.600"}  # MD's is 1/2, and the model's grows by n^0.1
    assert len(rows[0]) == len(extrapolation.HEADER)
    extrapolation.draw({"a": results}, known).canvas.draw()


def test_an_evaluation_that_is_there_already_may_be_put_beside(script, dataset, tmp_path):
    extrapolation = script("extrapolation")
    folder = tmp_path / "evaluation"
    results = tuple(replace(made_up(k), name=name) for k, name in enumerate(("plain", "butane")))
    for result in results:
        path = folder / "molecules" / result.name / "key" / "result-0.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(result.to_dict()))
    write_evaluation(evaluation(*results), folder)
    found = extrapolation.sampled(str(folder), dataset, ["test"], tmp_path, None)
    assert [(name, result.n_atoms) for name, result in found.items()] == [
        ("butane", 6),
        ("plain", 5),
    ]
    write_evaluation(evaluation(*results[1:]), folder)
    with pytest.raises(DataError, match="this evaluation has no molecule plain"):
        extrapolation.sampled(str(folder), dataset, ["test"], tmp_path, None)
