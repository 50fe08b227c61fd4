"""`data info` and `data convert`."""

import numpy as np
import pytest
from ase.build import molecule

from ase_tito.cli.main import main
from ase_tito.data import Dataset
from ase_tito.perception import infer_bonds
from tests.data.formats import jitter, write_mdqm9

NAMES = ("CH3CH2OH", "CH3CHO", "CH3OCH3", "CH3SH", "CH3CN")


def data(*words):
    return main(["data", *map(str, words)])


@pytest.fixture
def archives(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in NAMES:
        atoms = molecule(name)
        np.savez(
            tmp_path / f"{name}.npz",
            positions=jitter(atoms.positions, 40),
            atomic_numbers=atoms.numbers,
            bonds=infer_bonds(atoms.numbers, atoms.positions),
            frame_spacing_ps=2.0,
            temperature_K=300.0,
        )
    return [f"{name}.npz" for name in NAMES]


def test_converts_and_says_what_was_left_out(archives, capsys):
    command = ("convert", *archives, "--elements", "H", "C", "N", "O", "-o", "x.h5", "--quiet")
    assert data(*command, "--split", "train=.5", "test=.5", "--keep-ps", 4) == 0
    out = capsys.readouterr().out
    assert out.startswith("x.h5: 4 molecules, 2 in train, 2 in test\n")
    assert "CH3SH     has S, and only C, H, N, O are wanted" in out
    with Dataset("x.h5") as dataset:
        assert dataset.molecule("CH3CN").runs[0].frame_spacing_ps == 4.0
    assert data(*command) == 2
    assert "x.h5 exists" in capsys.readouterr().err


def test_info_shows_figures_and_similarity(archives, capsys):
    with open("test.txt", "w") as file:
        file.write("CH3OCH3\n\n")
    with open("train.txt", "w") as file:
        file.write("CH3CH2OH\nCH3CHO\n")
    lists = ("--split-list", "test=test.txt", "train=train.txt")
    labels = ("--force-field", "none", "--description", "five molecules")
    assert data("convert", *archives, *lists, *labels, "-o", "x.h5", "--quiet") == 0
    capsys.readouterr()
    assert data("info", "x.h5", "--check") == 0
    out = capsys.readouterr().out
    for line in (
        "molecules:    5 of 6 to 9 atoms (median 7)",
        "elements:     H C N O S",
        "runs:         5, 0.4 ns",
        "frames:       200",
        "spacing:      2 ps",
        "temperature:  300 K",
        "force field:  none",
        "description:  five molecules",
        "all positions and energies are finite, and all frames those of their molecules",
    ):
        assert line in out.splitlines()
    table = [line.split() for line in out.splitlines()]
    assert ["train", "2", "2", "80", "0.16"] in table
    assert ["(none)", "2", "2", "80", "0.16"] in table
    assert any(row[1:3] == ["CH3OCH3", "CH3CH2OH"] for row in table)
    assert "not new" not in out


def test_info_says_which_test_molecules_are_not_new(tmp_path, capsys, ethanol):
    from ase_tito.data import DatasetWriter, MoleculeRecord, Run

    graph, positions = ethanol
    runs = (Run("md", jitter(positions, 3).astype(np.float32), 1.0, 300.0),)
    with DatasetWriter(tmp_path / "x.h5") as writer:
        for name in ("a", "b"):
            writer.add(MoleculeRecord(name, graph, runs))
        writer.set_split("train", ["a"])
        writer.set_split("test", ["b"])
    assert data("info", tmp_path / "x.h5") == 0
    out = capsys.readouterr().out
    assert "b in test is the same molecule as a in train: not new to a model" in out
    assert "1.00  b  a" in out


def test_folders_of_others_are_recognized(tmp_path, capsys):
    folder = write_mdqm9(tmp_path / "mdqm9")
    assert data("convert", folder, "-o", tmp_path / "x.h5", "--quiet") == 0
    assert "4 molecules, 2 in train, 1 in validation, 1 in test" in capsys.readouterr().out
    assert data("info", tmp_path / "x.h5") == 0
    assert "frames:       260, 20 no dynamics" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--split", "train:1"], "--split takes NAME=SHARE, not 'train:1'"),
        (["--split-list", "train"], "--split-list takes NAME=FILE, not 'train'"),
        (["--split-list", "train=absent.txt"], "absent.txt: cannot be read"),
        (["--split", "train=.5"], "add up to 1"),
        (["--format", "mdqm9"], "CH3CH2OH.npz: not a readable HDF5 file"),
    ],
)
def test_mistakes_are_one_line(archives, capsys, words, text):
    assert data("convert", *archives, "-o", "x.h5", "--quiet", *words) == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1


def test_missing_datasets_are_one_line(capsys):
    assert data("info", "absent.h5") == 2
    assert capsys.readouterr().err == "ase-tito data: error: absent.h5: no such dataset\n"
