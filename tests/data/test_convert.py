"""Conversion: what is sound is kept, what is not is left out by name, splits stay apart."""

from pathlib import Path

import numpy as np
import pytest
from ase.build import molecule

from ase_tito.data import Dataset, DatasetWriter, MoleculeRecord, Run
from ase_tito.data.convert import SplitRequest, convert
from ase_tito.data.readers import ReadOptions
from ase_tito.errors import DataError, OutputError
from ase_tito.perception import build_graph, infer_bonds
from tests.data.formats import jitter
from tests.molecules import molecule as stored

NAMES = ("CH3CH2OH", "CH3CHO", "CH3OCH3", "CH3SH", "C2H6", "CH3CN", "HCOOH", "CH3NO2")


def save(path, numbers, positions, bonds):
    np.savez(
        path,
        positions=positions,
        atomic_numbers=numbers,
        bonds=bonds,
        frame_spacing_ps=1.0,
        temperature_K=300.0,
    )
    return path


def archive(folder, name, change=lambda x: x, frames=30):
    atoms = molecule(name)
    bonds = infer_bonds(atoms.numbers, atoms.positions)
    return save(
        folder / f"{name}.npz", atoms.numbers, change(jitter(atoms.positions, frames)), bonds
    )


def dataset(path, names, splits=(), seed=0, run="md"):
    with DatasetWriter(path, {"description": "d", "force_field": "ff"}) as writer:
        for name in names:
            atoms = molecule(name)
            x = jitter(atoms.positions, 20, seed).astype(np.float32)
            graph = build_graph(atoms.numbers, atoms.positions)
            writer.add(MoleculeRecord(name, graph, (Run(run, x, 1.0, 300.0),)))
        for split, members in dict(splits).items():
            writer.set_split(split, members)
    return path


def test_unsound_molecules_are_left_out_with_the_reason(tmp_path):
    def spoil(x):
        x[11, 2, 0] = np.inf
        return x

    def break_bond(x):
        x[15:, -1] += [0.0, 0.0, 4.0]
        return x

    damaged = archive(tmp_path, "CH3CN")
    damaged.write_bytes(damaged.read_bytes()[:2000])
    inputs = [
        damaged,
        archive(tmp_path, "CH3CH2OH"),
        archive(tmp_path, "CH3SH"),
        archive(tmp_path, "CH3CHO", spoil),
        archive(tmp_path, "C2H6", break_bond),
    ]
    report = convert(inputs, tmp_path / "out.h5", elements=("H", "C", "N", "O"))
    assert report.kept == ("CH3CH2OH",)
    assert report.left_out.keys() == {"CH3SH", "CH3CHO", "C2H6", "CH3CN"}
    assert "CH3CN.npz: not a readable .npz archive" in report.left_out["CH3CN"]
    assert "has S, and only C, H, N, O are wanted" in report.left_out["CH3SH"]
    assert "frame 11 holds positions that are not finite" in report.left_out["CH3CHO"]
    assert (
        report.left_out["C2H6"]
        == "run C2H6: a bond is too long or too short in 15 of 30 frames, first in frame 15"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [("2-butanol", "a stereocentre is inverted"), ("e-2-butene", "between cis and trans")],
)
def test_stereochemistry_that_flips_is_noticed(tmp_path, name, text):
    graph, positions = stored(name)
    other = positions * [1, 1, -1]
    if name == "e-2-butene":
        _, other = stored("z-2-butene")  # the atoms in the same order
    x = jitter(positions, 30)
    x[25:] = jitter(other, 5)
    inputs = [save(tmp_path / f"{name}.npz", graph.atomic_numbers, x, graph.bonds)]
    with pytest.raises(DataError, match=text):
        convert(inputs, tmp_path / "out.h5")
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.npz"]


def test_a_warped_first_frame_leaves_no_molecule_without_its_labels(tmp_path):
    graph, positions = stored("2-butanol")
    (centre,) = np.flatnonzero(graph.tetrahedral)
    x = jitter(positions, 5)
    hydrogen = next(
        k
        for k in graph.bonds[(graph.bonds == centre).any(1)].ravel()
        if graph.atomic_numbers[k] == 1
    )
    around = [
        k
        for k in graph.bonds[(graph.bonds == centre).any(1)].ravel()
        if k not in (centre, hydrogen)
    ]
    x[0, centre] = x[0, around].mean(0)
    x[0, hydrogen] = x[0, centre] + 0.3 * (x[0, around[0]] - x[0, centre]) + [0, 0, 0.5]
    inputs = [save(tmp_path / "odd.npz", graph.atomic_numbers, x, graph.bonds)]
    with pytest.raises(DataError, match=r"odd: .*(planar|short|close|overlap|inverted)"):
        convert(inputs, tmp_path / "out.h5")


def test_datasets_are_merged_bit_by_bit(tmp_path):
    first = dataset(tmp_path / "a.h5", NAMES[:2], {"train": NAMES[:1], "test": NAMES[1:2]})
    second = dataset(tmp_path / "b.h5", NAMES[1:4], {"train": NAMES[2:4]}, seed=1)
    report = convert([first, second], tmp_path / "out.h5", attributes={"more": 1})
    assert report.kept == tuple(sorted(NAMES[:4]))
    with Dataset(tmp_path / "out.h5") as merged, Dataset(first) as one, Dataset(second) as two:
        assert merged.attributes == {"description": "d", "force_field": "ff", "more": 1}
        assert merged.splits == {"train": (NAMES[0], *NAMES[2:4]), "test": (NAMES[1],)}
        runs = merged.molecule(NAMES[1]).runs
        assert [run.name for run in runs] == ["md", "md-2"]
        for run, source in zip(runs, (one, two), strict=True):
            np.testing.assert_array_equal(
                run.positions, source.molecule(NAMES[1]).runs[0].positions
            )


def test_runs_of_another_molecule_under_one_name_are_left_out(tmp_path, ethanol):
    atoms = molecule("CH3CH2OH")
    bonds = infer_bonds(atoms.numbers, atoms.positions)
    order = np.arange(len(atoms))[::-1]
    inputs = [
        save(tmp_path / "a.npz", atoms.numbers, jitter(atoms.positions, 9), bonds),
        save(
            tmp_path / "b.npz",
            atoms.numbers[order],
            jitter(atoms.positions[order], 9),
            order[bonds],
        ),
    ]
    report = convert(inputs, tmp_path / "out.h5", options=ReadOptions(name="ethanol"))
    assert report.kept == ("ethanol",)
    ((where, reason),) = report.left_out.items()
    assert where == f"ethanol ({inputs[1]})"
    assert "atoms must have one order" in reason


def test_what_two_datasets_say_of_one_molecule_is_kept_or_refused(tmp_path):
    atoms = molecule("CH3CH2OH")
    graph = build_graph(atoms.numbers, atoms.positions)

    def write(name, force_field, attributes):
        runs = (Run("md", jitter(atoms.positions, 5).astype(np.float32), 1.0, 300.0),)
        with DatasetWriter(tmp_path / name) as writer:
            writer.add(MoleculeRecord("CCO", graph, runs, "", force_field, attributes))
        return tmp_path / name

    first = write("a.h5", "GAFF2", {"seed": 1, "same": True})
    second = write("b.h5", "", {"seed": 2, "same": True, "more": "x"})
    other = write("c.h5", "MMFF", {})
    report = convert([first, second, other], tmp_path / "out.h5")
    assert list(report.left_out) == [f"CCO ({other})"]
    assert "its force field is MMFF" in report.left_out[f"CCO ({other})"]
    with Dataset(tmp_path / "out.h5") as merged:
        record = merged.molecule("CCO")
    assert record.attributes == {"seed": 1, "same": True, "more": "x"}
    assert [run.attributes for run in record.runs] == [{}, {"seed": 2}]


def test_every_input_that_is_left_out_is_named(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    inputs = []
    for folder in folders:
        folder.mkdir()
        inputs.append(folder / "run.npz")
        inputs[-1].write_bytes(b"PK")
    inputs.append(archive(tmp_path, "CH3CH2OH"))
    report = convert(inputs, tmp_path / "out.h5")
    assert report.kept == ("CH3CH2OH",)
    assert list(report.left_out) == [f"run ({path})" for path in inputs[:2]]
    with pytest.raises(DataError, match=r"run\.npz: is given twice"):
        convert([inputs[0], folders[1] / ".." / "a" / "run.npz"], tmp_path / "again.h5")


def test_molecules_are_split_by_shares(tmp_path):
    source = dataset(tmp_path / "a.h5", NAMES)
    shares = {"train": 0.5, "validation": 0.25, "test": 0.25}
    drawn = []
    for k, seed in enumerate((0, 0, 1)):
        report = convert(
            [source], tmp_path / f"{k}.h5", splits=SplitRequest(fractions=shares, seed=seed)
        )
        assert {split: len(names) for split, names in report.splits.items()} == {
            "train": 4,
            "validation": 2,
            "test": 2,
        }
        assert sorted(sum(report.splits.values(), ())) == sorted(NAMES)
        drawn.append(report.splits)
    assert drawn[0] == drawn[1] != drawn[2]


def test_molecules_are_split_by_lists(tmp_path):
    source = dataset(tmp_path / "a.h5", NAMES[:4], {"train": NAMES[:4]})
    wanted = SplitRequest(lists={"test": [NAMES[2]], "train": [NAMES[0]]})
    report = convert([source], tmp_path / "b.h5", splits=wanted)
    assert report.splits == {"test": (NAMES[2],), "train": (NAMES[0],)}
    assert len(report.kept) == 4
    for lists, text in (
        ({"test": ["ethanol"]}, "unknown molecule, ethanol"),
        ({"test": [NAMES[0]], "train": [NAMES[0]]}, "both splits test and train"),
    ):
        with pytest.raises(DataError, match=text):
            convert([source], tmp_path / "c.h5", splits=SplitRequest(lists=lists))
    with pytest.raises(DataError, match="not both"):
        SplitRequest({"train": 1.0}, {"train": []})
    assert not (tmp_path / "c.h5").exists()


def test_nothing_is_overwritten_and_nothing_read_in_vain(tmp_path):
    source = dataset(tmp_path / "a.h5", NAMES[:1])
    with pytest.raises(OutputError, match=r"a\.h5 exists"):
        convert([source], source)
    with pytest.raises(DataError, match="leave them out"):
        convert([source], tmp_path / "b.h5", options=ReadOptions(temperature_K=300.0))
    with pytest.raises(DataError, match="molecules of their own names"):
        convert([source], tmp_path / "b.h5", options=ReadOptions(name="x"))
    assert list(tmp_path.iterdir()) == [source]
    source.write_bytes(source.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"a\.h5: not a readable HDF5 file"):
        convert([source], tmp_path / "b.h5")


def test_progress_is_told(tmp_path):
    seen = []
    source = dataset(tmp_path / "a.h5", NAMES[:3])
    convert([Path(source)], tmp_path / "b.h5", step=lambda *numbers: seen.append(numbers))
    assert seen == [(1, 3), (2, 3), (3, 3)]
