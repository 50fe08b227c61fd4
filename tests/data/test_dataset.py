"""Dataset files: what is written comes back, bit by bit and lazily; what is wrong is refused."""

import h5py
import numpy as np
import pytest

from ase_tito.data import Dataset, DatasetWriter, MoleculeRecord, Run
from ase_tito.errors import DataError, OutputError


def frames(graph, count, seed=0):
    x = np.random.default_rng(seed).normal(size=(count, graph.n_atoms, 3))
    return (x - x.mean(1, keepdims=True)).astype(np.float32)


@pytest.fixture
def record(ethanol):
    graph, _ = ethanol
    return MoleculeRecord(
        "CCO",
        graph,
        (
            Run("md-0", frames(graph, 30), 2.0, 300.0, np.linspace(-1, 1, 30), True, {"seed": 5}),
            Run("exchange", frames(graph, 7, 1), 1.0, 300.0, time_ordered=False),
        ),
        smiles="CCO",
        force_field="GAFF2",
        attributes={"charges": [0.5, -0.5], "mixed": True, "note": "json:not", "nothing": None},
    )


@pytest.fixture
def path(tmp_path, record, ethanol):
    path = tmp_path / "small.h5"
    other = MoleculeRecord("other", ethanol[0].mirrored(), (Run("a", frames(ethanol[0], 5), 1, 1),))
    with DatasetWriter(path, {"description": "two molecules"}) as writer:
        writer.add(record)
        writer.add(other)
        writer.set_split("train", ["CCO"])
        writer.set_split("test", ["other"])
    return path


def test_what_is_written_comes_back(path, record):
    with Dataset(path) as dataset:
        assert dataset.names == ("CCO", "other")
        assert dataset.splits == {"train": ("CCO",), "test": ("other",)}
        assert dataset.attributes == {"description": "two molecules"}
        read = dataset.molecule("CCO")
    for key in ("name", "smiles", "force_field", "attributes"):
        assert getattr(read, key) == getattr(record, key)
    for key in ("atomic_numbers", "bonds", "tetrahedral", "double_bonds"):
        np.testing.assert_array_equal(getattr(read.graph, key), getattr(record.graph, key))
    by_name = {run.name: run for run in read.runs}
    for run in record.runs:
        found = by_name[run.name]
        np.testing.assert_array_equal(found.positions, run.positions)  # after the file was closed
        assert (found.frame_spacing_ps, found.temperature_K) == (run.frame_spacing_ps, 300.0)
        assert (found.time_ordered, found.attributes) == (run.time_ordered, run.attributes)
    np.testing.assert_array_equal(by_name["md-0"].energies, record.runs[0].energies)
    assert by_name["exchange"].energies is None


def test_positions_are_views_of_one_memory_map(path):
    with Dataset(path) as dataset:
        runs = [run for name in dataset.names for run in dataset.molecule(name).runs]
    bases = set()
    for run in runs:
        assert run.positions.flags.aligned
        assert not run.positions.flags.writeable
        base = run.positions
        while not isinstance(base, np.memmap):
            base = base.base
        bases.add(id(base.base if isinstance(base.base, np.memmap) else base))
    assert len(bases) == 1


def test_trajectories_are_the_time_ordered_runs_of_a_split(path):
    with Dataset(path) as dataset:
        assert [t.name for t in dataset.trajectories("train")] == ["CCO/md-0"]
        assert [t.name for t in dataset.trajectories()] == ["CCO/md-0", "other/a"]
        trajectory = dataset.trajectories("train")[0]
        first, last = trajectory.split(0.2)
        assert (len(first.energies), len(last.energies)) == (24, 6)
        with pytest.raises(DataError, match="no split validation; it has test, train"):
            dataset.trajectories("validation")
        with pytest.raises(DataError, match="no molecule water"):
            dataset.molecule("water")


def test_frames_are_centred_on_the_way_and_centred_ones_kept(tmp_path, ethanol):
    graph, _ = ethanol
    x = frames(graph, 4)
    moved = x.copy()
    moved[2] += 3.0
    with DatasetWriter(tmp_path / "a.h5") as writer:
        writer.add(MoleculeRecord("m", graph, (Run("r", moved, 1.0, 300.0),)))
    with Dataset(tmp_path / "a.h5") as dataset:
        written = dataset.molecule("m").runs[0].positions
    np.testing.assert_array_equal(written[[0, 1, 3]], x[[0, 1, 3]])
    np.testing.assert_allclose(written[2], x[2], atol=1e-6)
    assert moved[2].mean() > 2.0


def test_chunked_positions_of_a_growing_run_are_read(path):
    with h5py.File(path, "r+") as file:
        run = file["molecules/other/runs/a"]
        x = run["positions"][:]
        del run["positions"]
        run.create_dataset("positions", data=x, maxshape=(None, *x.shape[1:]), chunks=x.shape)
    with Dataset(path) as dataset:
        np.testing.assert_array_equal(dataset.molecule("other").runs[0].positions, x)


def test_nothing_is_left_of_a_dataset_that_failed(tmp_path, record):
    path = tmp_path / "failed.h5"

    def write(split, then=None):
        with DatasetWriter(path) as writer:
            writer.add(record)
            writer.set_split("a", ["CCO"])
            writer.set_split("b", split)
            if then is not None:
                raise then

    with pytest.raises(KeyboardInterrupt):
        write([], KeyboardInterrupt())
    with pytest.raises(DataError, match="unknown molecule, CO"):
        write(["CO"])
    with pytest.raises(DataError, match="both splits a and b"):
        write(["CCO"])
    assert list(tmp_path.iterdir()) == []


def test_a_relative_path_is_where_it_was_at_the_start(tmp_path, record, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with DatasetWriter("x.h5") as writer:
        writer.add(record)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir("elsewhere")
    with Dataset(tmp_path / "x.h5") as dataset:
        assert dataset.names == (record.name,)


def test_an_existing_file_is_not_overwritten(path, record):
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"small\.h5 exists"):
        DatasetWriter(path)
    with pytest.raises(OutputError, match="no such directory"):
        DatasetWriter(path / "in" / "file.h5")
    assert path.read_bytes() == before


def test_bad_frames_leave_a_molecule_out_and_the_rest_in(tmp_path, record, ethanol):
    graph, _ = ethanol
    x = frames(graph, 30)
    x[17, 3, 1] = np.nan
    with DatasetWriter(tmp_path / "a.h5") as writer:
        with pytest.raises(DataError, match=r"bad, run r: frame 17 .* not finite"):
            writer.add(MoleculeRecord("bad", graph, (Run("r", x, 1.0, 300.0),)))
        lost = Run("r", frames(graph, 4), 1.0, 300.0, np.full(4, np.nan))
        with pytest.raises(DataError, match="energy of frame 0 is not finite"):
            writer.add(MoleculeRecord("bad", graph, (lost,)))
        with pytest.raises(DataError, match="attribute odd is no JSON value"):
            writer.add(MoleculeRecord("bad", graph, record.runs, attributes={"odd": {1, 2}}))
        writer.add(record)
        with pytest.raises(DataError, match="a molecule CCO already"):
            writer.add(record)
    with Dataset(tmp_path / "a.h5") as dataset:
        assert dataset.names == ("CCO",)


def test_records_that_contradict_themselves_are_refused(ethanol):
    graph, _ = ethanol
    x = frames(graph, 4)
    with pytest.raises(DataError, match="float32 of shape"):
        Run("r", x.astype(np.float64), 1.0, 300.0)
    with pytest.raises(DataError, match="must be positive"):
        Run("r", x, 0.0, 300.0)
    with pytest.raises(DataError, match=r"energies of shape \(3,\) for 4 frames"):
        Run("r", x, 1.0, 300.0, np.zeros(3))
    with pytest.raises(DataError, match="cannot be the name of a run"):
        Run("a/b", x, 1.0, 300.0)
    run = Run("r", x, 1.0, 300.0)
    with pytest.raises(DataError, match="several runs named r"):
        MoleculeRecord("m", graph, (run, run))
    with pytest.raises(DataError, match="has no runs"):
        MoleculeRecord("m", graph, ())
    with pytest.raises(DataError, match="frames of 5 atoms, where the molecule has 9"):
        MoleculeRecord("m", graph, (Run("r", x[:, :5].copy(), 1.0, 300.0),))


def change_version(file):
    file.attrs["format_version"] = 2


def lose_bonds(file):
    del file["molecules/CCO/bonds"]


def lose_atoms(file):
    numbers = file["molecules/CCO/atomic_numbers"][:-1]
    del file["molecules/CCO/atomic_numbers"]
    file["molecules/CCO/atomic_numbers"] = numbers


def lose_spacing(file):
    del file["molecules/CCO/runs/md-0"].attrs["frame_spacing_ps"]


def lose_molecules(file):
    del file["molecules"]


def forget_format(file):
    del file.attrs["format"]


def spoil_split(file):
    file["splits/train"][...] = ["other"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (change_version, "format version 2.* update the package"),
        (lose_bonds, "molecule CCO: .* lacks bonds"),
        (lose_atoms, "outside"),
        (lose_spacing, "run md-0 lacks frame_spacing_ps"),
        (lose_molecules, "damaged"),
        (forget_format, "no dataset of this package"),
        (spoil_split, "both splits"),
    ],
)
def test_damaged_files_are_refused_by_name(path, change, text):
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(DataError, match=text) as caught, Dataset(path) as dataset:
        dataset.molecule("CCO")
    assert "small.h5" in str(caught.value)


@pytest.mark.parametrize("keep", [0, 100, 3000, -1000])
def test_truncated_files_are_refused(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"small\.h5"), Dataset(path) as dataset:
        list(dataset.records())


def test_foreign_and_absent_files_are_refused(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(DataError, match="not a readable HDF5 file"):
        Dataset(tmp_path / "text.h5")
    with pytest.raises(DataError, match="no such dataset"):
        Dataset(tmp_path / "absent.h5")


def test_frames_that_went_bad_are_found_on_request(path):
    with h5py.File(path, "r+") as file:
        file["molecules/CCO/runs/md-0/positions"][4, 2, 0] = np.inf
    with Dataset(path) as dataset:
        dataset.check("other")
        with pytest.raises(DataError, match="CCO, run md-0: frame 4"):
            dataset.check("CCO")
