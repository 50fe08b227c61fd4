"""`ase-tito evaluate` with a tiny model on ethanol that rattles."""

import json
import shutil
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ase_tito.checkpoint import save_checkpoint
from ase_tito.cli.evaluate import energies_of
from ase_tito.cli.main import main
from ase_tito.data import Dataset, DatasetWriter, MoleculeRecord, Run
from ase_tito.errors import ConfigError
from ase_tito.evaluation.references import reference_of_record
from ase_tito.md.smiles import molecule_from_smiles

PRMTOP = Path(__file__).parents[1] / "md" / "ethanol.prmtop"
FEW = ("--replicas", 4, "--jumps", 6, "--single-jumps", 20, "--quiet")


@pytest.fixture
def workplace(tmp_path, monkeypatch, ethanol, tiny_header, tiny_weights):
    monkeypatch.chdir(tmp_path)
    save_checkpoint(tmp_path / "tiny.safetensors", tiny_header, tiny_weights)
    graph, positions = ethanol
    noise = np.random.default_rng(0).normal(0, 0.02, (600, 9, 3))
    frames = positions - positions.mean(0) + noise
    runs = (Run("run-0", frames.astype(np.float32), 10.0, 300.0),)
    with DatasetWriter("x.h5") as writer:
        writer.add(MoleculeRecord("CCO", graph, runs, "CCO"))
        writer.add(MoleculeRecord("again", graph, runs))
        writer.set_split("test", ["CCO", "again"])
    (tmp_path / "energy.py").write_text("def zero(x):\n    return x[:, 0, 0]\n")
    return tmp_path


def evaluate(*words):
    return main(["evaluate", "tiny.safetensors", *map(str, words)])


def test_a_data_set(workplace, capsys):
    words = ("x.h5", "-o", "out", "--energy", "energy.py:zero", *FEW)
    assert evaluate(*words, "--require", "nested.valid_share.min >= 0.5") == 0
    out = capsys.readouterr().out
    assert "paper, small molecules" in out
    assert "met: nested.valid_share.min >= 0.5 (reached 1)" in out
    assert out.splitlines()[-1] == "out/evaluation.md"
    data = json.loads((workplace / "out" / "evaluation.json").read_text())
    assert [molecule["name"] for molecule in data["molecules"]] == ["CCO", "again"]
    assert data["molecules"][0]["sampling"]["lag_time_ps"] == 60.0
    assert "nested.energy_shift_kJ_mol" in data["molecules"][0]["figures"]
    samples = sorted((workplace / "out").glob("molecules/*/*/*.npz"))
    times = [path.stat().st_mtime_ns for path in samples]
    assert evaluate(*words, "--molecules", "again", "--again") == 0
    assert [path.stat().st_mtime_ns for path in samples] == times
    data = json.loads((workplace / "out" / "evaluation.json").read_text())
    assert [molecule["name"] for molecule in data["molecules"]] == ["again"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["x.h5", "--split", "validation"], "there is no split validation; it has test"),
        (["y.h5"], "no such dataset"),
        (["x.h5", "--molecules", "CC"], "there is no molecule CC"),
        (["x.h5", "--require", "jsd < 1"], "cannot read the bound"),
        (["x.h5", "--ode", "midpoint"], "like midpoint-40"),
        (["x.h5", "--lag-ps", "5000"], "outside the trained range"),
        (["x.h5", "--prmtop-dir", "nowhere"], "no directory nowhere"),
        (["x.h5", "--prmtop-dir", ".", "--energy", "x.py:f"], "both say where energies are from"),
        (["x.h5", "--solvent", "OBC2", "--energy", "x.py:f"], "--solvent is for topologies"),
        (["x.h5", "--solvent", "OBC2"], "holds no CCO.prmtop"),
        (["run.npz", "--split", "test"], "only a dataset has splits"),
        (["x.h5", "--jumps", "1"], "jumps must be at least 4"),
        (["x.h5", "--lag-ps", "57"], "not one of 2 molecules could be evaluated; CCO"),
    ],
)
def test_errors_are_one_line(workplace, capsys, words, reason):
    few = () if "--jumps" in words else FEW[:-1]
    assert evaluate(*words, "-o", "out", *few, "--quiet") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line


def test_energies_of_a_topology_are_in_the_solvent_of_the_md(workplace, ethanol):
    pytest.importorskip("openmm")
    shutil.copy(PRMTOP, workplace / "CCO.prmtop")
    with Dataset("x.h5") as dataset:
        record = dataset.molecule("CCO")

    def found(force_field, solvent=None):
        asked = Namespace(energy=None, prmtop_dir=".", solvent=solvent, dataset=["x.h5"])
        reference = reference_of_record(replace(record, force_field=force_field))
        return energies_of(asked)(reference)

    vacuum, solvated = found("GAFF2, vacuum"), found("GAFF2, OBC2")
    frames = molecule_from_smiles("CCO", starts=1).starts
    assert solvated.compute(frames) < vacuum.compute(frames) - 0.05
    assert (vacuum.note, solvated.note) == ("", "")
    for text, reason in (("", "force field is not said"), ("GAFF2", "names no solvent")):
        silent = found(text)
        assert silent.compute(frames) == vacuum.compute(frames)
        assert reason in silent.note
    for text in ("", "GAFF2, OBC1"):
        chosen = found(text, "OBC2")
        assert chosen.compute(frames) == solvated.compute(frames)
        assert (chosen.note, chosen.label) == ("", f"{solvated.label} in OBC2")
    with pytest.raises(ConfigError, match=r"'GAFF2, OBC1', .*, with --solvent"):
        found("GAFF2, OBC1")


def test_a_note_says_that_energies_were_taken_in_vacuum(workplace, capsys):
    pytest.importorskip("openmm")
    shutil.copy(PRMTOP, workplace / "CCO.prmtop")
    words = ("x.h5", "-o", "out", "--prmtop-dir", ".", "--molecules", "CCO")
    assert evaluate(*words, *FEW) == 0
    assert "note: CCO: Energies were computed in vacuum" in capsys.readouterr().out
