"""Blocks on disk: a run that was cut anywhere is the run that was not."""

import numpy as np
import pytest

pytest.importorskip("openmm")

from ase_tito.errors import DataError
from ase_tito.md.engine import Block
from ase_tito.md.langevin import LangevinEngine
from ase_tito.md.molecule import load_molecule, save_molecule
from ase_tito.md.run import continue_run, frames_done, read_run
from ase_tito.md.settings import LangevinSettings

SETTINGS = LangevinSettings(frame_spacing_ps=0.1, equilibration_ps=0.5)


@pytest.fixture
def go(ethanol_system, ethanol_molecule):
    def run(folder, frames, engine=None, block_frames=10, progress=lambda _: None):
        continue_run(
            folder,
            engine or LangevinEngine(ethanol_system, SETTINGS),
            ethanol_molecule.graph,
            ethanol_molecule.starts[0],
            seed=3,
            frames=frames,
            block_frames=block_frames,
            progress=progress,
        )
        return read_run(folder)

    return run


class Killed(BaseException):
    pass


def test_a_run_that_was_cut_is_the_run_that_was_not(go, tmp_path):
    whole = go(tmp_path / "whole", 40)
    seen = 0.0

    def kill(picoseconds):
        nonlocal seen
        seen += picoseconds
        if seen > 2.5:
            raise Killed

    with pytest.raises(Killed):
        go(tmp_path / "cut", 40, progress=kill)
    assert frames_done(tmp_path / "cut") == 20
    assert [path.name for path in sorted((tmp_path / "cut").iterdir())] == [
        "block-00000.npz",
        "block-00001.npz",
    ]
    cut = go(tmp_path / "cut", 40)
    assert np.array_equal(cut.positions, whole.positions)
    assert np.array_equal(cut.energies, whole.energies)
    assert cut.positions.shape == (40, 9, 3)
    assert (cut.counts["outside_limits"] == 0).all()


def test_a_half_written_block_is_no_block(go, tmp_path):
    whole = go(tmp_path / "a", 20)
    go(tmp_path / "b", 10)
    (tmp_path / "b" / "block-00001.npz.partial").write_bytes(b"PK half")
    assert np.array_equal(go(tmp_path / "b", 20).positions, whole.positions)


def test_a_finished_run_is_left_alone_and_can_be_lengthened(go, tmp_path):
    first = go(tmp_path, 15)
    assert len(first.positions) == 15
    again = go(tmp_path, 15)
    longer = go(tmp_path, 30)
    assert np.array_equal(again.positions, first.positions)
    assert np.array_equal(longer.positions[:15], first.positions)
    assert len(longer.positions) == 30


def test_nothing_yet(tmp_path):
    assert read_run(tmp_path) is None
    assert frames_done(tmp_path) == 0


def test_missing_and_damaged_blocks_are_named(go, tmp_path):
    go(tmp_path, 30)
    whole = (tmp_path / "block-00002.npz").read_bytes()
    flipped = whole.replace(whole[200:300], bytes(100))
    for damaged in (b"nonsense", whole[: len(whole) // 2], flipped):
        (tmp_path / "block-00002.npz").write_bytes(damaged)
        with pytest.raises(DataError, match=r"block-00002\.npz: damaged"):
            go(tmp_path, 40)
    (tmp_path / "block-00001.npz").unlink()
    with pytest.raises(DataError, match="block 1 is missing"):
        read_run(tmp_path)


def test_a_damaged_molecule_is_named(ethanol_molecule, tmp_path):
    path = tmp_path / "molecule.npz"
    save_molecule(path, ethanol_molecule)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"molecule\.npz: damaged .*build it anew"):
        load_molecule(path)


class Torn:
    """An engine that pulls a bond apart."""

    def start(self, positions, seed):
        return {"positions": positions}

    def block(self, state, seed, frames, progress):
        positions = np.repeat(state["positions"][None], frames, axis=0).astype(np.float32)
        positions[5:, -1] += 3.0
        return Block(positions, np.zeros(frames), state)


def test_a_molecule_that_breaks_is_not_stored(go, tmp_path):
    with pytest.raises(DataError, match="bonds have changed: 5 of 10 frames"):
        go(tmp_path, 10, engine=Torn())
    assert read_run(tmp_path) is None
