"""Trajectories of ASE and mdtraj, and npz archives."""

import mdtraj
import numpy as np
import pytest
from ase import Atoms
from ase.io import write

from ase_tito.data import Dataset
from ase_tito.data.convert import convert
from ase_tito.data.readers import ReadOptions, open_source
from ase_tito.errors import DataError, TITOError
from tests.data.formats import jitter, peptide


@pytest.fixture
def frames(ethanol):
    graph, positions = ethanol
    return [Atoms(graph.atomic_numbers, x) for x in jitter(positions, 12)]


def options(**changes):
    return ReadOptions(**{"frame_spacing_ps": 2.0, "temperature_K": 300.0, **changes})


@pytest.mark.parametrize("name", ["ethanol.traj", "ethanol.xyz", "ethanol.extxyz"])
def test_ase_trajectories(tmp_path, frames, ethanol, name):
    write(tmp_path / name, frames)
    report = convert([tmp_path / name], tmp_path / "out.h5", options=options(keep_ps=4.0))
    assert (report.kept, report.left_out) == (("ethanol",), {})
    with Dataset(tmp_path / "out.h5") as dataset:
        record = dataset.molecule("ethanol")
    np.testing.assert_array_equal(record.graph.bonds, ethanol[0].bonds)
    assert record.runs[0].frame_spacing_ps == 4.0
    x = np.stack([atoms.positions for atoms in frames[::2]])
    np.testing.assert_allclose(record.runs[0].positions, x - x.mean(1, keepdims=True), atol=1e-5)


@pytest.mark.parametrize(
    ("key", "text"), [("frame_spacing_ps", "spacing"), ("temperature_K", "temperature")]
)
def test_what_no_file_says_must_be_said(tmp_path, frames, key, text):
    write(tmp_path / "ethanol.xyz", frames)
    with pytest.raises(DataError, match=f"no molecule could be kept: .* nothing .*{text}"):
        convert([tmp_path / "ethanol.xyz"], tmp_path / "out.h5", options=options(**{key: None}))
    assert not (tmp_path / "out.h5").exists()


@pytest.fixture
def peptide_files(tmp_path):
    topology, positions, bonds = peptide()
    mdtraj.Trajectory(positions[None] / 10, topology).save_pdb(str(tmp_path / "nma.pdb"))
    x = jitter(positions, 2500)
    run = mdtraj.Trajectory(x / 10, topology, time=2.0 * np.arange(2500))
    run[:1500].save_xtc(str(tmp_path / "a.xtc"))
    run[1500:].save_dcd(str(tmp_path / "b.dcd"))
    return tmp_path, bonds, run


def test_runs_of_mdtraj_with_one_topology_are_of_one_molecule(peptide_files):
    folder, bonds, _ = peptide_files
    inputs = [folder / "a.xtc", folder / "b.dcd"]
    report = convert(inputs, folder / "out.h5", options=options(topology=folder / "nma.pdb"))
    assert report.left_out == {}
    with Dataset(folder / "out.h5") as dataset:
        record = dataset.molecule("nma")
    assert [(run.name, len(run)) for run in record.runs] == [("a", 1500), ("b", 1000)]
    expected = np.unique(np.sort(bonds, axis=1), axis=0)
    np.testing.assert_array_equal(record.graph.bonds, expected)


def test_time_that_goes_back_late_in_a_file_is_noticed(peptide_files):
    folder, _, run = peptide_files
    run.time[2000:] -= 100.0
    run.save_xtc(str(folder / "restarted.xtc"))
    inputs = [folder / "restarted.xtc", folder / "a.xtc"]
    report = convert(inputs, folder / "out.h5", options=options(topology=folder / "nma.pdb"))
    assert report.kept == ("nma",)
    ((where, reason),) = report.left_out.items()
    assert where == f"nma ({folder / 'restarted.xtc'})"
    assert "-98 ps after frame 1999" in reason


def test_archives_of_one_smiles_are_runs_of_one_molecule(tmp_path, ethanol):
    graph, positions = ethanol
    for name, spacing in (("first", 1.0), ("second", 2.0)):
        np.savez(
            tmp_path / f"{name}.npz",
            positions=jitter(positions, 10),
            energies=np.full(10, 96.485),
            atomic_numbers=graph.atomic_numbers,
            bonds=graph.bonds,
            smiles="CC[OH]",
            frame_spacing_ps=spacing,
            temperature_K=300.0,
        )
    inputs = [tmp_path / "first.npz", tmp_path / "second.npz"]
    convert(inputs, tmp_path / "out.h5", options=ReadOptions(energy_unit="kJ/mol"))
    with Dataset(tmp_path / "out.h5") as dataset:
        record = dataset.molecule("CCiOHj")
    assert record.smiles == "CC[OH]"
    assert [(run.name, run.frame_spacing_ps) for run in record.runs] == [
        ("first", 1.0),
        ("second", 2.0),
    ]
    np.testing.assert_allclose(record.runs[0].energies, 1.0, rtol=1e-4)
    for wrong, text in (
        ({"frame_spacing_ps": 5.0}, "the file says that its frames are 1 ps apart, not 5 ps"),
        ({"temperature_K": 310.0}, "the file says 300 K, not 310 K"),
        ({"energy_unit": "Hartree"}, "not in 'Hartree'"),
    ):
        (candidate,) = open_source(inputs[0], "auto", ReadOptions(**wrong)).candidates
        with pytest.raises(DataError, match=text):
            candidate.load()


def test_unknown_inputs_are_refused(tmp_path):
    with pytest.raises(TITOError, match="no such file or folder"):
        open_source(tmp_path / "absent.xtc", "auto", ReadOptions())
    with pytest.raises(TITOError, match="no format of trajectories; there are dataset, npz"):
        open_source(tmp_path, "lammps", ReadOptions())
    with pytest.raises(TITOError, match="a folder of no known format"):
        open_source(tmp_path, "auto", ReadOptions())
