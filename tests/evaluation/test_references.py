import numpy as np
import pytest

from ase_tito.analysis.files import Topology
from ase_tito.data import DatasetWriter, MoleculeRecord, Run
from ase_tito.errors import DataError
from ase_tito.evaluation import open_references
from ase_tito.prostereo import prostereogenic_elements
from tests.analysis.butane import ATOMS, GRAPH, save, trajectory


def frames(count, seed=0):
    positions = trajectory(count, seed)
    return (positions - positions.mean(1, keepdims=True)).astype(np.float32)


@pytest.fixture
def dataset(tmp_path):
    runs = (
        Run("run-0", frames(50), 10.0, 300.0, energies=np.arange(50.0)),
        Run("exchange", frames(80, 1), 5.0, 300.0, time_ordered=False),
    )
    hot = Run("hot", frames(30, 2), 10.0, 400.0)
    with DatasetWriter(tmp_path / "x.h5") as writer:
        writer.add(MoleculeRecord("a", GRAPH, runs, "CCCC", "GAFF2"))
        writer.add(MoleculeRecord("b", GRAPH, (*runs, hot)))
        writer.add(MoleculeRecord("c", GRAPH, runs[:1]))
        writer.set_split("train", ["c"])
        writer.set_split("test", ["a", "b"])
    return tmp_path / "x.h5"


def test_molecules_of_a_split(dataset):
    references = open_references([dataset])
    assert references.names == ("a", "b")
    assert references.description == "split test of x.h5"
    molecule = references.load("a")
    assert (molecule.smiles, molecule.force_field, molecule.ordered) == ("CCCC", "GAFF2", False)
    assert molecule.equilibrium.lengths == [80]
    assert molecule.dynamics.lengths == [50]
    assert molecule.dynamics.runs[0].energies[3] == 3.0
    (other,) = open_references([dataset], split="train").names
    assert open_references([dataset], split="train").load(other).ordered
    assert open_references([dataset], split="all").names == ("a", "b", "c")
    assert references.only(["b"]).names == ("b",)


def test_what_is_not_there_is_named(dataset):
    with pytest.raises(DataError, match=r"no split tset; it has .*test.*train|train.*test"):
        open_references([dataset], split="tset")
    with pytest.raises(DataError, match="there is no molecule z"):
        open_references([dataset]).only(["a", "z"])
    with pytest.raises(DataError, match="no such dataset"):
        open_references([dataset.with_name("y.h5")])


def test_one_temperature_at_a_time(dataset):
    with pytest.raises(DataError, match="b has runs at 300, 400 K"):
        open_references([dataset]).load("b")
    hot = open_references([dataset], temperature_K=400.0)
    assert hot.load("b").equilibrium.temperature_K == 400.0
    with pytest.raises(DataError, match="a has no run at 400 K"):
        hot.load("a")


def test_files_of_one_molecule(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("one.npz", trajectory(40, 0))
    save("two.npz", trajectory(30, 1))
    references = open_references(["one.npz", "two.npz"])
    assert references.names == (tmp_path.name,)
    assert references.load(references.names[0]).dynamics.lengths == [40, 30]
    assert open_references(["one.npz"]).names == ("one",)
    ATOMS.write("one.xyz")
    with pytest.raises(DataError, match="does not say its temperature"):
        open_references(["one.xyz"], frame_spacing_ps=1.0)
    read = open_references(["one.xyz"], frame_spacing_ps=1.0, temperature_K=300.0)
    assert read.load("one").equilibrium.frames.shape == (1, 14, 3)


def test_files_and_options_must_agree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save("one.npz", trajectory(40, 0))
    found = open_references(["one.npz"]).load("one").dynamics
    agreed = {"temperature_K": found.temperature_K, "frame_spacing_ps": found.frame_spacing_ps}
    assert open_references(["one.npz"], **agreed).names == ("one",)
    for name, said in (("temperature_K", "K, not 77 K"), ("frame_spacing_ps", "ps apart, not 77")):
        with pytest.raises(DataError, match=said):
            open_references(["one.npz"], **{**agreed, name: 77.0})


def test_options_that_would_be_ignored_are_refused(dataset):
    topology = Topology(ATOMS.numbers, GRAPH.bonds)
    runs = save(dataset.with_name("run.npz"), trajectory(40, 0))
    for path in (dataset, runs):
        with pytest.raises(DataError, match="says its atoms and bonds itself: leave out the topo"):
            open_references([path], topology=topology)
    with pytest.raises(DataError, match="says its times itself: leave out the frame spacing"):
        open_references([dataset], frame_spacing_ps=10.0)


def test_files_of_two_stereoisomers_are_no_reference(tmp_path):
    numbers = [6, 1, 7, 8, 9]  # four different neighbours
    frame = np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 0.8
    for name, positions in (("left", frame), ("also-left", frame), ("right", -frame)):
        np.savez(
            tmp_path / f"{name}.npz",
            positions=np.repeat(positions[None], 3, 0),
            atomic_numbers=numbers,
            bonds=[[0, k] for k in range(1, 5)],
            frame_spacing_ps=1.0,
            temperature_K=300.0,
        )
    same = open_references([tmp_path / "left.npz", tmp_path / "also-left.npz"])
    assert same.load(*same.names).dynamics.lengths == [3, 3]
    with pytest.raises(DataError, match="right differs from left in its stereochemistry"):
        open_references([tmp_path / "left.npz", tmp_path / "right.npz"])


def test_weighted_frames_are_no_reference(tmp_path):
    weighted = Run(
        "umbrella", frames(30, 2), 5.0, 300.0, time_ordered=False, weights=np.arange(30.0)
    )
    with DatasetWriter(tmp_path / "x.h5") as writer:
        writer.add(MoleculeRecord("a", GRAPH, (weighted,)))
        writer.add(MoleculeRecord("b", GRAPH, (weighted, Run("md", frames(50), 10.0, 300.0))))
    references = open_references([tmp_path / "x.h5"], split="all")
    with pytest.raises(DataError, match="a/umbrella: frames of unequal weight are no reference"):
        references.load("a")
    assert references.load("b").equilibrium.lengths == [50]
    save(tmp_path / "w.npz", trajectory(30, 0), weights=np.arange(30.0))
    with pytest.raises(DataError, match="w: frames of unequal weight"):
        open_references([tmp_path / "w.npz"])


def test_runs_name_equal_atoms_alike(dataset, tmp_path):
    exchange = prostereogenic_elements(GRAPH).exchanges[1]
    mixed = np.concatenate([frames(40), frames(40)[:, exchange]])
    runs = (
        Run("run-0", frames(50), 10.0, 300.0),
        Run("run-1", frames(50)[:, exchange], 10.0, 300.0),
        Run("exchange", mixed, 5.0, 300.0, time_ordered=False),
    )
    with DatasetWriter(tmp_path / "y.h5") as writer:
        writer.add(MoleculeRecord("a", GRAPH, runs))
    molecule = open_references([tmp_path / "y.h5"], split="all").load("a")
    first, second = molecule.dynamics.runs
    assert np.array_equal(first.positions, second.positions)
    (exchanged,) = molecule.equilibrium.runs
    assert np.array_equal(exchanged.positions[:40], exchanged.positions[40:])
