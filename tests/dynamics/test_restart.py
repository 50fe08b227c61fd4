"""A run that is continued, however it ended, is the run that was never interrupted."""

import gc
import os
import random
import signal
import subprocess
import sys
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from ase import units
from ase.build import molecule
from ase.calculators.lj import LennardJones
from ase.constraints import FixAtoms
from ase.io import read
from ase.io.trajectory import Trajectory, TrajectoryWriter

from ase_tito.dynamics.campaign import run_to_files
from ase_tito.dynamics.tito import TITODynamics
from ase_tito.dynamics.trajectory import TrajectoryFile
from ase_tito.dynamics.ulm import read_frames
from ase_tito.errors import CheckpointError, ConfigError, OutputError, StructureError, TITOWarning
from ase_tito.testing import ou_operator

LAG = 100_000 * units.fs

ENDLESS = """
import sys
from ase import units
from ase.build import molecule
from ase_tito.dynamics.tito import TITODynamics
from ase_tito.structure import graph_from_atoms
from ase_tito.testing import ou_operator

atoms = molecule("CH3CH2OH")
operator = ou_operator(graph_from_atoms(atoms), atoms.positions, bond_spread=0.1)
dyn = TITODynamics(atoms, 100_000 * units.fs, model=operator, seed=8, trajectory=sys.argv[1])
dyn.attach(lambda: print(dyn.nsteps, flush=True))
dyn.run(1_000_000)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.traj"


@pytest.fixture
def start(sloppy, path):
    def start(trajectory=path, **options):
        atoms = molecule("CH3CH2OH")
        options = {"model": sloppy, "seed": 8, **options}
        return TITODynamics(atoms, LAG, trajectory=trajectory, **options)

    return start


@pytest.fixture
def uninterrupted(start, tmp_path):
    def run(jumps, **options):
        whole = tmp_path / "whole.traj"
        with start(whole, **options) as dyn:
            dyn.run(jumps)
        return whole

    return run


def assert_same(path, whole):
    ours, theirs = read(path, ":"), read(whole, ":")
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(one.positions, other.positions)
        assert np.array_equal(one.get_momenta(), other.get_momenta())
        assert one.info == other.info
    with Trajectory(path) as one, Trajectory(whole) as other:
        assert one.description == other.description


@pytest.mark.parametrize("parts", [(0, 6), (1, 5), (5, 1), (2, 0, 4), (1, 1, 1, 1, 1, 1)])
def test_continued_equals_uninterrupted(start, uninterrupted, sloppy, path, parts):
    with start() as dyn:
        dyn.run(parts[0])
    for jumps in parts[1:]:
        with TITODynamics.restart(path, model=sloppy) as dyn:
            dyn.run(jumps)
    whole = uninterrupted(6)
    assert_same(path, whole)
    assert dyn.counters["invalid_first_proposals"] > 0  # and they were counted through
    assert dyn.nsteps == 6
    assert dyn.get_time() == pytest.approx(6 * LAG)


@pytest.mark.parametrize(
    "options",
    [
        {"on_invalid": "keep", "momenta": "zero", "replica": 3},
        {"max_retries": 20, "loginterval": 2},
    ],
)
def test_settings_come_from_the_header(start, uninterrupted, sloppy, path, options):
    with start(**options) as dyn:
        dyn.run(5)
    with TITODynamics.restart(path, model=sloppy) as dyn:
        dyn.run(8 - dyn.nsteps)
    assert_same(path, uninterrupted(8, **options))


def test_in_one_process_while_the_first_still_exists(start, uninterrupted, sloppy, path):
    first = start()
    first.run(2)
    second = TITODynamics.restart(path, model=sloppy)
    with pytest.raises(OutputError, match="opened again by a later run"):
        first.run(1)
    second.run(3)
    second.close()
    assert_same(path, uninterrupted(5))


def test_forgotten_dynamics_release_their_trajectory(start, path, tmp_path):
    start().run(1)
    gc.collect()
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.traj"]


@pytest.mark.parametrize("jumps", [1, 3])
def test_torn_at_any_byte_of_the_last_frame(start, uninterrupted, sloppy, path, jumps):
    with start() as dyn:
        dyn.run(jumps - 1)
    shorter = path.stat().st_size
    with TITODynamics.restart(path, model=sloppy) as dyn:
        dyn.run(1)
    content = path.read_bytes()
    whole = uninterrupted(5)
    for size in random.Random(0).sample(range(shorter, len(content)), 8):
        path.write_bytes(content[:size])
        with TITODynamics.restart(path, model=sloppy) as dyn:
            dyn.run(5 - dyn.nsteps)
        assert_same(path, whole)


def test_sigkill(uninterrupted, path, graph):
    """Killed while it runs, and continued from whatever is there."""
    operator = ou_operator(graph, molecule("CH3CH2OH").positions, bond_spread=0.1)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ENDLESS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        for _ in range(5):
            assert process.stdout.readline()
        with pytest.raises(OutputError, match=f"process {process.pid}"):
            TITODynamics.restart(path, model=operator)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert path.with_name("x.traj.lock").exists()
    done = len(read_frames(path).offsets)
    assert done >= 5
    with TITODynamics.restart(path, model=operator) as dyn:
        dyn.run(3)
    frames = read(path, ":")
    assert [frame.info["tito_jump"] for frame in frames] == list(range(done + 3))
    whole = read(uninterrupted(done + 2, model=operator), ":")
    for frame, expected in zip(frames, whole, strict=True):
        assert np.array_equal(frame.positions, expected.positions)
        assert np.array_equal(frame.get_momenta(), expected.get_momenta())
        assert frame.info == expected.info


def test_own_atoms_keep_calculator_and_arrays(start, sloppy, path):
    with start() as dyn:
        dyn.run(2)
    atoms = molecule("CH3CH2OH")
    atoms.calc = calculator = LennardJones()
    atoms.set_array("residuenames", np.array(["LIG"] * 9))
    with TITODynamics.restart(path, atoms, model=sloppy, logfile=path.with_suffix(".log")) as dyn:
        assert np.array_equal(atoms.positions, read(path).positions)
        dyn.run(1)
    assert dyn.atoms is atoms
    assert atoms.calc is calculator
    assert read(path).get_potential_energy() == pytest.approx(atoms.get_potential_energy())
    assert "Epot" in path.with_suffix(".log").read_text()


def test_invalid_frames_can_be_continued_from(start, hopeless, path):
    with start(model=hopeless, on_invalid="keep") as dyn:
        dyn.run(2)
    with TITODynamics.restart(path, model=hopeless) as dyn:
        dyn.run(1)
    assert dyn.counters == {"jumps": 3, "invalid_first_proposals": 3, "retries": 0}


def test_model_by_path(tiny_checkpoint, path):
    atoms = molecule("CH3CH2OH")
    with TITODynamics(atoms, LAG, model=tiny_checkpoint, seed=1, trajectory=path) as dyn:
        dyn.run(1)
    with TITODynamics.restart(path) as dyn:
        dyn.run(1)
    other = molecule("CH3CH2OH")
    TITODynamics(other, LAG, model=tiny_checkpoint, seed=1).run(2)
    assert np.array_equal(read(path).positions, other.positions)
    moved = tiny_checkpoint.rename(tiny_checkpoint.with_name("moved.safetensors"))
    with pytest.raises(CheckpointError, match=r"cannot be loaded .* pass model="):
        TITODynamics.restart(path)
    TITODynamics.restart(path, model=moved).close()


def test_a_folder_of_the_models_name_is_no_model(tiny_checkpoint, path, monkeypatch):
    monkeypatch.setenv("ASE_TITO_MODELS", str(tiny_checkpoint.parent))
    monkeypatch.chdir(path.parent)
    (path.parent / "tiny").mkdir()
    with TITODynamics(molecule("CH3CH2OH"), LAG, model="tiny", seed=1, trajectory=path) as dyn:
        dyn.run(1)
    with TITODynamics.restart(path) as dyn:
        assert dyn.run_record.model_source == "tiny"


def test_other_weights_are_refused(tiny_checkpoint, tiny_header, tiny_weights, path):
    from ase_tito.checkpoint import save_checkpoint

    atoms = molecule("CH3CH2OH")
    with TITODynamics(atoms, LAG, model=tiny_checkpoint, seed=1, trajectory=path) as dyn:
        dyn.run(1)
    weights = dict(tiny_weights)
    name = next(iter(weights))
    weights[name] = weights[name] + 1
    save_checkpoint(tiny_checkpoint, tiny_header, weights)
    with pytest.raises(OutputError, match="not those that made this trajectory"):
        TITODynamics.restart(path)


def test_threads_are_those_of_the_start(start, uninterrupted, sloppy, path):
    whole = uninterrupted(3)
    with start() as dyn:
        dyn.run(1)
    threads = torch.get_num_threads()
    seen = []
    torch.set_num_threads(threads + 1)
    try:
        with TITODynamics.restart(path, model=sloppy) as dyn:  # and there is no warning
            dyn.ensemble.attach(lambda _: seen.append(torch.get_num_threads()))
            dyn.run(1)
        with pytest.warns(TITOWarning, match=f"{threads + 2} threads instead of {threads}"):
            dyn = TITODynamics.restart(path, model=sloppy, threads=threads + 2)
        with dyn:
            dyn.ensemble.attach(lambda _: seen.append(torch.get_num_threads()))
            dyn.run(1)
        assert seen == [threads, threads + 2]
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)
    assert_same(path, whole)
    with pytest.raises(ConfigError, match="threads must be a positive integer, not 0"):
        TITODynamics.restart(path, model=sloppy, threads=0)


def test_what_cannot_be_continued(start, sloppy, path):
    with pytest.raises(OutputError, match="no trajectory"):
        TITODynamics.restart(path, model=sloppy)
    path.write_bytes(b"- of Ulm")
    with pytest.raises(OutputError, match="no whole frame"):
        TITODynamics.restart(path, model=sloppy)
    with TrajectoryWriter(path, "w") as writer:
        writer.write(molecule("CH3CH2OH"))
    with pytest.raises(OutputError, match="not written by ase_tito"):
        TITODynamics.restart(path, model=sloppy)
    with start() as dyn:
        dyn.run(1)
    with pytest.raises(OutputError, match="passed as an object"):
        TITODynamics.restart(path)
    with pytest.raises(StructureError, match="another order of atoms"):
        TITODynamics.restart(path, molecule("CH3OCH3"), model=sloppy)
    fixed = molecule("CH3CH2OH")
    fixed.set_constraint(FixAtoms([0]))
    with pytest.raises(StructureError, match="FixAtoms"):
        TITODynamics.restart(path, fixed, model=sloppy)
    assert len(read(path, ":")) == 2  # none of this wrote or locked anything
    TITODynamics.restart(path, model=sloppy).close()


def test_appending_another_run(start, sloppy, path):
    """ASE's `append_trajectory`: a new run after the old one, which only the header knows."""
    with start() as dyn:
        dyn.run(2)
    with start(seed=9, append_trajectory=True) as dyn:
        dyn.run(1)
    frames = read(path, ":")
    assert [(f.info["tito_seed"], f.info["tito_jump"]) for f in frames] == [
        *((8, 0), (8, 1), (8, 2)),
        *((9, 0), (9, 1)),
    ]
    with Trajectory(path) as trajectory:
        assert trajectory.description["counters"]["jumps"] == 2
    with pytest.raises(OutputError, match="another run"):
        TITODynamics.restart(path, model=sloppy)
    with TrajectoryWriter(path, "w") as writer:
        writer.write(molecule("H2O"))
    with pytest.raises(OutputError, match="other atoms"):
        start(append_trajectory=True)


@pytest.mark.parametrize(
    ("options", "jumps"), [({}, 0), ({}, 2), ({}, 4), ({"loginterval": 5}, 20)]
)
def test_two_runs_of_one_seed_are_no_run(start, sloppy, path, options, jumps):
    with start() as dyn:
        dyn.run(2)
    with start(append_trajectory=True, **options) as dyn:
        dyn.run(jumps)
    before = path.read_bytes()
    match = rf"frames is of jump {jumps}, and one run .* frames of another were appended"
    with pytest.raises(OutputError, match=match):
        TITODynamics.restart(path, model=sloppy)
    with pytest.raises(OutputError, match=match):
        run_to_files(
            molecule("CH3CH2OH"),
            path,
            jumps=50,
            lag_time_ps=100.0,
            seed=8,
            model=sloppy,
            existing="restart",
        )
    assert path.read_bytes() == before


def test_a_run_that_lost_a_frame_goes_on(start, sloppy, path, monkeypatch):
    with start() as dyn:
        dyn.run(1)
        with monkeypatch.context() as full:
            full.setattr(TrajectoryFile, "write", Mock(side_effect=OutputError("No space left")))
            with pytest.raises(OutputError, match="No space left"):
                dyn.run(1)
        dyn.run(2)
    with TITODynamics.restart(path, model=sloppy) as dyn:
        dyn.run(1)
    assert [frame.info["tito_jump"] for frame in read(path, ":")] == [0, 1, 3, 4, 5]


def test_validation_comes_before_anything_is_deleted(start, hopeless, path):
    with start() as dyn:
        dyn.run(3)
    before = path.read_bytes()
    for options in ({"logfile": path.parent / "no" / "x.log"}, {"momenta": "?"}, {"model": "?"}):
        with pytest.raises((OutputError, ValueError)):
            start(**options)
    assert path.read_bytes() == before
    start().close()  # and only then the old one goes, as ASE does
    assert len(read_frames(path).offsets) == 0
