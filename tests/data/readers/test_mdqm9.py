"""mdQM9-nc: HDF5, SDF and splits, as the data set has them."""

import h5py
import numpy as np
import pytest
from ase.build import molecule

from ase_tito.data import Dataset
from ase_tito.data.convert import convert
from ase_tito.data.readers import ReadOptions, detect_format, open_source
from ase_tito.errors import TITOError
from tests.data.formats import FRAMES, MDQM9, jitter, write_mdqm9


@pytest.fixture
def folder(tmp_path):
    return write_mdqm9(tmp_path / "mdqm9")


def test_molecules_runs_and_splits_are_read(folder, tmp_path):
    assert detect_format(folder) == detect_format(folder / "mdqm9-nc.hdf5") == "mdqm9"
    report = convert([folder], tmp_path / "out.h5")
    assert report.left_out == {}
    with Dataset(tmp_path / "out.h5") as dataset:
        assert dataset.names == tuple(f"mdqm9-{k:05d}" for k in range(4))
        assert dataset.splits == {
            "train": ("mdqm9-00000", "mdqm9-00002"),
            "validation": ("mdqm9-00003",),
            "test": ("mdqm9-00001",),
        }
        record = dataset.molecule("mdqm9-00000")
        assert len(dataset.trajectories()) == 4
    atoms = molecule(MDQM9[0])
    np.testing.assert_array_equal(record.graph.atomic_numbers, atoms.numbers)
    assert record.force_field == "GAFF"
    md, exchange = record.runs
    assert (md.name, md.frame_spacing_ps, md.temperature_K, md.time_ordered) == (
        "md_0",
        2.0,
        300.0,
        True,
    )
    assert (exchange.name, exchange.time_ordered, len(exchange)) == ("re_0", False, 20)
    expected = jitter(atoms.positions, FRAMES, 0)
    expected -= expected.mean(1, keepdims=True)
    np.testing.assert_allclose(md.positions, expected, atol=1e-5)


def test_frames_are_thinned_on_request(folder):
    source = open_source(folder, "auto", ReadOptions(keep_ps=6.0, temperature_K=310.0))
    run = source.candidates[1].load().runs[0]
    assert (len(run), run.frame_spacing_ps, run.temperature_K) == (20, 6.0, 310.0)
    with pytest.raises(TITOError, match="none can be kept each 3 ps"):
        open_source(folder, "auto", ReadOptions(keep_ps=3.0)).candidates[1].load()


def spoil(group, key, change):
    value = group[key][()]
    del group[key]
    group[key] = change(value)


def test_damaged_molecules_are_left_out_by_name(folder, tmp_path):
    with h5py.File(folder / "mdqm9-nc.hdf5", "r+") as file:
        spoil(
            file["00000"],
            "trajectories/md_0",
            lambda x: np.where(np.arange(60)[:, None, None] == 7, np.nan, x),
        )
        spoil(file["00001"], "data/atoms", lambda z: z[::-1].copy())
        del file["00002/data/time_lag"]
    report = convert([folder], tmp_path / "out.h5")
    assert report.kept == ("mdqm9-00003",)
    assert "run md_0: frame 7" in report.left_out["mdqm9-00000"]
    assert "the SD file" in report.left_out["mdqm9-00001"]
    assert "time_lag" in report.left_out["mdqm9-00002"]
    assert report.splits == {"train": (), "validation": ("mdqm9-00003",), "test": ()}


def test_a_damaged_record_of_the_sd_file_costs_its_molecule_alone(folder, tmp_path):
    path = folder / "mdqm9-nc.sdf"
    records = path.read_text().split("$$$$\n")
    records[2] = records[2].replace(" O  ", " Xx ")
    path.write_text("$$$$\n".join(records))
    report = convert([folder], tmp_path / "out.h5")
    assert list(report.left_out) == ["mdqm9-00002"]
    assert "names no element: 'Xx'" in report.left_out["mdqm9-00002"]


def test_files_that_do_not_belong_together_are_refused(folder, tmp_path):
    path = folder / "mdqm9-nc.sdf"
    path.write_text("$$$$\n".join(path.read_text().split("$$$$\n")[1:]))
    with pytest.raises(TITOError, match=r"holds 4 molecules, and mdqm9-nc\.sdf 3"):
        convert([folder], tmp_path / "out.h5")
    path.unlink()
    with pytest.raises(TITOError, match="no such file"):
        convert([folder], tmp_path / "out.h5")
    write_mdqm9(tmp_path / "other")
    for index in (17, -1):
        np.save(tmp_path / "other" / "splits" / "test_indices.npy", np.array([index]))
        with pytest.raises(TITOError, match=r"test_indices\.npy: no indices of these molecules"):
            convert([tmp_path / "other"], tmp_path / "out.h5")
    assert not (tmp_path / "out.h5").exists()
