import mdtraj
import numpy as np
import pytest
from ase import Atoms, units
from ase.build import molecule
from ase.calculators.lj import LennardJones
from ase.io import write
from ase.io.trajectory import Trajectory
from ase.md.verlet import VelocityVerlet

from ase_tito.analysis.files import (
    Topology,
    named_alike,
    open_trajectory,
    read_topology,
    spread_frames,
)
from ase_tito.errors import DataError
from ase_tito.prostereo import prostereogenic_elements
from ase_tito.structure import graph_from_atoms

FRAMES = 23

HEADER = {
    "lag_time_ps": 50.0,
    "interval": 2,
    "bonds": [[0, 1], [0, 2], [0, 6], [0, 7], [1, 4], [1, 5], [1, 8], [2, 3]],
    "tetrahedral": [0] * 9,
    "double_bonds": [],
}


@pytest.fixture(scope="module")
def ethanol():
    return molecule("CH3CH2OH")


@pytest.fixture(scope="module")
def positions(ethanol):
    noise = np.random.default_rng(0).normal(0, 0.02, (FRAMES, len(ethanol), 3))
    return ethanol.positions + noise


@pytest.fixture
def topology(ethanol):
    return Topology(ethanol.numbers.astype(np.int64), None)


@pytest.fixture
def mdtraj_frames(ethanol, positions):
    top = mdtraj.Topology()
    residue = top.add_residue("MOL", top.add_chain())
    for symbol in ethanol.symbols:
        top.add_atom(symbol, mdtraj.element.Element.getBySymbol(symbol), residue)
    return mdtraj.Trajectory(0.1 * positions, top)


def write_traj(path, ethanol, positions, description=None, times=None):
    with Trajectory(path, "w") as file:
        if description:
            file.set_description(description)
        for k, frame in enumerate(positions):
            atoms = Atoms(ethanol.numbers, frame)
            if times is not None:
                atoms.info["tito_time_ps"] = times[k]
            file.write(atoms)


def same(source, positions, atol=1e-5):
    np.testing.assert_allclose(source.frames(), positions, atol=atol)
    chunks = list(source.chunks(5))
    assert max(map(len, chunks)) <= 5
    np.testing.assert_array_equal(np.concatenate(chunks), source.frames())
    np.testing.assert_array_equal(
        np.concatenate(list(source.chunks(5, stride=3))), source.frames()[::3]
    )
    np.testing.assert_allclose(source.first_frame(), positions[0], atol=atol)
    assert source.frames().dtype == np.float32


class TestTraj:
    def test_our_headers_say_spacing_and_molecule(self, tmp_path, ethanol, positions):
        write_traj(tmp_path / "x.traj", ethanol, positions, HEADER)
        source = open_trajectory(tmp_path / "x.traj")
        assert source.frame_spacing_ps == 100
        assert source.n_frames == FRAMES
        assert source.graph().n_atoms == 9
        same(source, positions)
        with pytest.raises(DataError, match="says that its frames are 100 ps apart, not 10 ps"):
            open_trajectory(tmp_path / "x.traj", frame_spacing_ps=10)

    def test_ase_headers_say_the_spacing_in_ase_s_units(self, tmp_path):
        atoms = Atoms("Ar2", [[0, 0, 0], [0, 0, 1.2]], calculator=LennardJones())
        path = tmp_path / "md.traj"
        VelocityVerlet(atoms, 2 * units.fs, trajectory=str(path), loginterval=5).run(10)
        source = open_trajectory(path)
        assert source.frame_spacing_ps == pytest.approx(0.01)
        assert source.n_frames == 3

    def test_a_missing_spacing_is_asked_for(self, tmp_path, ethanol, positions):
        write_traj(tmp_path / "x.traj", ethanol, positions)
        with pytest.raises(DataError, match="how far apart its frames are"):
            open_trajectory(tmp_path / "x.traj")
        source = open_trajectory(tmp_path / "x.traj", frame_spacing_ps=2.5)
        assert source.frame_spacing_ps == 2.5
        for wrong in (0, -1, np.inf):
            with pytest.raises(DataError, match="positive time"):
                open_trajectory(tmp_path / "x.traj", frame_spacing_ps=wrong)

    def test_replicas_in_one_file_are_no_trajectory(self, tmp_path, ethanol, positions):
        write_traj(tmp_path / "x.traj", ethanol, positions, HEADER | {"replicas": [0, 1, 2]})
        with pytest.raises(DataError, match=r"each frame holds 3 replicas .*read_packed"):
            open_trajectory(tmp_path / "x.traj")

    def test_times_of_frames_serve_as_well(self, tmp_path, ethanol, positions):
        write_traj(tmp_path / "x.traj", ethanol, positions, times=20.0 * np.arange(FRAMES))
        assert open_trajectory(tmp_path / "x.traj").frame_spacing_ps == 20

    def test_periodic_empty_and_damaged_files(self, tmp_path, ethanol, positions):
        write(tmp_path / "p.traj", Atoms(ethanol.numbers, positions[0], cell=[9] * 3, pbc=True))
        with pytest.raises(DataError, match="periodic"):
            open_trajectory(tmp_path / "p.traj", frame_spacing_ps=1)
        write(tmp_path / "p.extxyz", Atoms(ethanol.numbers, positions[0], cell=[9] * 3, pbc=True))
        with pytest.raises(DataError, match="periodic"):
            open_trajectory(tmp_path / "p.extxyz", frame_spacing_ps=1)
        (tmp_path / "d.traj").write_bytes(b"- of UlmASE-Traj")
        with pytest.raises(DataError, match="not a readable ASE trajectory"):
            open_trajectory(tmp_path / "d.traj", frame_spacing_ps=1)
        (tmp_path / "e.traj").write_bytes(b"")
        with pytest.raises(DataError, match=r"e.traj"):
            open_trajectory(tmp_path / "e.traj", frame_spacing_ps=1)


class TestXyz:
    def test_frames_and_times(self, tmp_path, ethanol, positions):
        images = [Atoms(ethanol.numbers, frame) for frame in positions]
        write(tmp_path / "x.xyz", images)
        with pytest.raises(DataError, match="how far apart"):
            open_trajectory(tmp_path / "x.xyz")
        source = open_trajectory(tmp_path / "x.xyz", frame_spacing_ps=1)
        same(source, positions)
        assert source.graph().n_atoms == 9
        for k, image in enumerate(images):
            image.info["tito_time_ps"] = 100.0 * k
        write(tmp_path / "y.extxyz", images)
        assert open_trajectory(tmp_path / "y.extxyz").frame_spacing_ps == 100


class TestNpz:
    def test_arrays(self, tmp_path, ethanol, positions):
        arrays = {"positions": positions, "atomic_numbers": ethanol.numbers}
        np.savez(tmp_path / "x.npz", frame_spacing_ps=5.0, **arrays)
        source = open_trajectory(tmp_path / "x.npz")
        assert (source.frame_spacing_ps, source.n_frames) == (5, FRAMES)
        same(source, positions)
        np.savez(tmp_path / "y.npz", **arrays)
        with pytest.raises(DataError, match="how far apart"):
            open_trajectory(tmp_path / "y.npz")
        np.savez(tmp_path / "z.npz", positions=positions)
        with pytest.raises(DataError, match="lacks atomic_numbers"):
            open_trajectory(tmp_path / "z.npz", frame_spacing_ps=1)
        np.savez(tmp_path / "w.npz", frame_spacing_ps=5.0, weights=np.ones(12), **arrays)
        with pytest.raises(DataError, match="frames of unequal weight are no trajectory"):
            open_trajectory(tmp_path / "w.npz")
        (tmp_path / "w.npz").write_bytes((tmp_path / "x.npz").read_bytes()[:-50])
        with pytest.raises(DataError, match=r"not a readable \.npz trajectory"):
            open_trajectory(tmp_path / "w.npz")


class TestMdtraj:
    def test_xtc_says_its_times(self, tmp_path, topology, mdtraj_frames, positions):
        mdtraj_frames.time = 4.0 * np.arange(FRAMES)
        mdtraj_frames.save_xtc(str(tmp_path / "x.xtc"))
        source = open_trajectory(tmp_path / "x.xtc", topology=topology)
        assert source.frame_spacing_ps == 4
        assert source.n_frames == FRAMES
        same(source, positions, atol=0.006)  # XTC rounds to 0.01 Å

    def test_frames_that_are_only_numbered_have_no_spacing(self, tmp_path, topology, mdtraj_frames):
        mdtraj_frames.save_xtc(str(tmp_path / "x.xtc"))
        with pytest.raises(DataError, match="how far apart"):
            open_trajectory(tmp_path / "x.xtc", topology=topology)
        source = open_trajectory(tmp_path / "x.xtc", topology=topology, frame_spacing_ps=1)
        assert source.frame_spacing_ps == 1

    def test_dcd_keeps_no_times(self, tmp_path, topology, mdtraj_frames, positions):
        mdtraj_frames.time = 4.0 * np.arange(FRAMES)
        mdtraj_frames.save_dcd(str(tmp_path / "x.dcd"))
        with pytest.raises(DataError, match="how far apart"):
            open_trajectory(tmp_path / "x.dcd", topology=topology)
        source = open_trajectory(tmp_path / "x.dcd", topology=topology, frame_spacing_ps=4)
        same(source, positions)

    def test_uneven_times_are_refused(self, tmp_path, topology, mdtraj_frames):
        times = 4.0 * np.arange(FRAMES)
        times[9:] += 1
        mdtraj_frames.time = times
        mdtraj_frames.save_xtc(str(tmp_path / "x.xtc"))
        with pytest.raises(DataError, match="5 ps after frame 8"):
            open_trajectory(tmp_path / "x.xtc", topology=topology)

    def test_what_is_wrong_is_said(self, tmp_path, topology, mdtraj_frames):
        mdtraj_frames.save_xtc(str(tmp_path / "x.xtc"))
        with pytest.raises(DataError, match="holds no elements; give a topology"):
            open_trajectory(tmp_path / "x.xtc", frame_spacing_ps=1)
        short = Topology(topology.atomic_numbers[:5], None)
        with pytest.raises(DataError, match="5 atoms"):
            open_trajectory(tmp_path / "x.xtc", topology=short, frame_spacing_ps=1)
        (tmp_path / "x.foo").write_text("")
        with pytest.raises(DataError, match="no trajectory format"):
            open_trajectory(tmp_path / "x.foo", topology=topology, frame_spacing_ps=1)
        with pytest.raises(DataError, match="no such trajectory"):
            open_trajectory(tmp_path / "nothing.xtc", topology=topology)


def test_the_topology_gives_bonds_and_must_fit(tmp_path, ethanol, positions):
    np.savez(
        tmp_path / "x.npz",
        positions=positions,
        atomic_numbers=ethanol.numbers,
        frame_spacing_ps=1.0,
    )
    write(tmp_path / "top.xyz", ethanol)
    topology = read_topology(tmp_path / "top.xyz")
    assert topology.bonds is None
    bonds = open_trajectory(tmp_path / "x.npz", topology=topology).graph().bonds
    given = Topology(topology.atomic_numbers, bonds)
    assert open_trajectory(tmp_path / "x.npz", topology=given).bonds is bonds
    other = Topology(topology.atomic_numbers[::-1].copy(), None)
    with pytest.raises(DataError, match="differ from those of the topology"):
        open_trajectory(tmp_path / "x.npz", topology=other)


def test_a_few_frames_are_spread_evenly_over_all_files(tmp_path):
    """Of those that are finite, and after those that are skipped."""
    numbers = np.array([8, 1, 1])
    sources = []
    for name, length in (("a", 30), ("b", 20)):
        positions = np.zeros((length, 3, 3), np.float32)
        positions[:, 0, 0] = np.arange(length)
        positions[5] = np.nan
        np.savez(
            tmp_path / f"{name}.npz",
            positions=positions,
            atomic_numbers=numbers,
            frame_spacing_ps=2.0,
        )
        sources.append(open_trajectory(tmp_path / f"{name}.npz"))
    assert spread_frames(sources, 100)[:, 0, 0].tolist() == [
        k for length in (30, 20) for k in range(length) if k != 5
    ]
    few = spread_frames(sources, 4, skip_ps=20.0)[:, 0, 0]
    assert few.tolist() == [10, 18, 26, 10, 18]
    chunks = list(sources[0].chunks(size=7, stride=4, skip=9))
    assert np.concatenate(chunks)[:, 0, 0].tolist() == [9, 13, 17, 21, 25, 29]
    with pytest.raises(DataError, match="no finite frame is left"):
        spread_frames(sources, 4, skip_ps=100.0)


def test_equal_atoms_are_read_under_the_names_of_the_first(tmp_path, ethanol, positions):
    paths = [tmp_path / "a.traj", tmp_path / "b.traj"]
    exchange = prostereogenic_elements(graph_from_atoms(ethanol)).exchanges[0]
    for path, frames in zip(paths, (positions, positions[:, exchange]), strict=True):
        write(path, [Atoms(ethanol.numbers, frame) for frame in frames])
    sources = [open_trajectory(path, frame_spacing_ps=1.0) for path in paths]
    first, second = named_alike(sources)
    assert np.array_equal(first.frames(), sources[0].frames())
    assert np.array_equal(second.frames(), first.frames())
    assert not np.array_equal(sources[1].frames(), first.frames())
