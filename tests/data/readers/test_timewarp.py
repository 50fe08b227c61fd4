"""Timewarp's peptides: uneven times, and PDB files whose coordinates mean nothing."""

import numpy as np
import pytest

from ase_tito.data import Dataset
from ase_tito.data.convert import convert
from ase_tito.data.readers import ReadOptions, detect_format, open_source
from ase_tito.errors import DataError, TITOError
from tests.data.formats import peptide, uneven_times, write_timewarp


def load(path, **options):
    (candidate,) = open_source(path, "auto", ReadOptions(**options)).candidates
    return candidate.load()


def test_peptides_are_read_in_their_splits(tmp_path):
    folder = tmp_path / "4AA"
    x = write_timewarp(folder / "train", "AAAA")
    write_timewarp(folder / "val", "CCCC", seed=1)
    assert detect_format(folder) == "timewarp"
    source = open_source(folder, "auto", ReadOptions())
    assert source.splits == {"train": ("AAAA",), "validation": ("CCCC",)}
    record = source.candidates[0].load()
    (run,) = record.runs
    assert (record.name, record.force_field) == ("AAAA", "amber14, OBC1")
    assert (run.frame_spacing_ps, run.temperature_K, len(run)) == (5.0, 310.0, 30)
    kept = np.isin(uneven_times(30), 5.0 * np.arange(30))
    np.testing.assert_allclose(run.positions, x[kept], atol=1e-5)
    np.testing.assert_array_equal(np.unique(record.graph.bonds, axis=0), record.graph.bonds)
    expected = np.unique(np.sort(peptide()[2], axis=1), axis=0)
    np.testing.assert_array_equal(record.graph.bonds, expected)


def test_the_same_molecule_in_two_splits_is_left_out_of_one(tmp_path):
    write_timewarp(tmp_path / "train", "AAAA")
    write_timewarp(tmp_path / "train", "BBBB", seed=2)
    write_timewarp(tmp_path / "test", "CCCC", seed=1)
    report = convert([tmp_path], tmp_path / "out.h5")
    assert report.kept == ("CCCC",)  # better one less to train on
    assert "same molecule as CCCC, which is in split test" in report.left_out["AAAA"]
    with Dataset(tmp_path / "out.h5") as dataset:
        assert dataset.splits == {"test": ("CCCC",), "train": ()}


def test_frames_are_kept_as_asked(tmp_path):
    write_timewarp(tmp_path, "AAAA")
    run = load(tmp_path / "AAAA-traj-arrays.npz", keep_ps=15.0, temperature_K=300.0).runs[0]
    assert (len(run), run.frame_spacing_ps, run.temperature_K) == (10, 15.0, 300.0)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"topology": "x.pdb"}, "says its atoms and bonds itself: leave out the topology"),
        ({"frame_spacing_ps": 1.0}, "says its times itself: leave out the frame spacing"),
        ({"energy_unit": "kJ/mol"}, "energies are read of .npz archives alone"),
    ],
)
def test_what_would_be_ignored_is_refused(tmp_path, given, text):
    write_timewarp(tmp_path, "AAAA")
    with pytest.raises(DataError, match=text):
        load(tmp_path, **given)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"times": np.cumsum(np.random.default_rng(0).uniform(1, 4, 50))},
            "no frames are evenly 5 ps",
        ),
        (
            {"times": np.r_[5.0 * np.arange(20), 5.0 * np.arange(17, 30)]},
            "time does not rise: frame 20",
        ),
        ({"times": np.delete(5.0 * np.arange(30), 12)}, "there is none at 60 ps"),
        ({"time": None}, "lacks time"),
        ({"positions": np.zeros((40, 7, 3), np.float32)}, r"the 12 atoms of AAAA-traj-state0\.pdb"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, changes, text):
    write_timewarp(tmp_path, "AAAA", **changes)
    with pytest.raises(TITOError, match=text):
        load(tmp_path)


def test_peptides_without_their_files_are_left_out(tmp_path):
    write_timewarp(tmp_path / "train", "AAAA")
    write_timewarp(tmp_path / "train", "CCCC")
    (tmp_path / "train" / "AAAA-traj-state0.pdb").unlink()
    archive = tmp_path / "train" / "DDDD-traj-arrays.npz"
    archive.write_bytes(b"PK")
    write_timewarp(tmp_path / "more", "EEEE")
    (tmp_path / "more" / "EEEE-traj-arrays.npz").unlink()
    report = convert([tmp_path], tmp_path / "out.h5")
    assert report.kept == ("CCCC",)
    assert "EEEE-traj-arrays.npz: no such file" in report.left_out["EEEE"]
    assert "no such file" in report.left_out["AAAA"]
    assert "no such file" in report.left_out["DDDD"]
