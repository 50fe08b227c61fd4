import os
import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import units
from ase.build import molecule
from ase.io import Trajectory, read, write

from ase_tito.checkpoint import operator_from_checkpoint
from ase_tito.dynamics.campaign import run_to_files
from ase_tito.dynamics.tito import TITODynamics
from ase_tito.errors import ConfigError, DomainError, OutputError, StructureError, TITOWarning
from ase_tito.lock import OutputLock
from tests.molecules import atoms_and_bonds

SETTINGS = {"lag_time_ps": 100.0, "seed": 5}


@pytest.fixture
def atoms():
    return molecule("CH3CH2OH")


@pytest.fixture
def operator(tiny_checkpoint):
    return operator_from_checkpoint(tiny_checkpoint)


@pytest.fixture
def run(operator, atoms):
    """`run_to_files` with the small model."""

    def run(output, jumps, **settings):
        return run_to_files(
            atoms, output, jumps=jumps, **{"model": operator, **SETTINGS, **settings}
        )

    return run


def frames_of(path):
    return read(path, ":")


def assert_equal_runs(first, second):
    paths = [sorted(directory.glob("*.traj")) for directory in (first, second)]
    assert [path.name for path in paths[0]] == [path.name for path in paths[1]]
    for one, other in zip(*paths, strict=True):
        assert_equal_files(one, other)


def assert_equal_files(one, other):
    ours, theirs = frames_of(one), frames_of(other)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert np.array_equal(a.positions, b.positions)
        assert np.array_equal(a.get_momenta(), b.get_momenta())
        assert a.info == b.info
    with Trajectory(one) as a, Trajectory(other) as b:
        assert a.description == b.description


class TestOneTrajectory:
    def test_frames_and_header(self, run, atoms, tmp_path):
        summary = run(tmp_path / "x.traj", 3)
        frames = frames_of(tmp_path / "x.traj")
        assert [frame.info["tito_jump"] for frame in frames] == [0, 1, 2, 3]
        assert [frame.info["tito_time_ps"] for frame in frames] == [0, 100, 200, 300]
        assert np.array_equal(frames[0].positions, atoms.positions)
        assert not np.array_equal(frames[1].positions, frames[2].positions)
        for frame in frames:
            np.testing.assert_allclose(
                frame.get_center_of_mass(), atoms.get_center_of_mass(), atol=1e-10
            )
        with Trajectory(tmp_path / "x.traj") as trajectory:
            description = trajectory.description
        assert description["model"] == "tiny"
        assert description["counters"]["jumps"] == 3
        assert summary.paths == (tmp_path / "x.traj",)
        assert (summary.jumps, summary.total_jumps) == (3, 3)
        assert summary.simulated_time_ns == pytest.approx(0.3)
        assert summary.ns_per_day == pytest.approx(0.3 / summary.wall_time_s * 86400)

    def test_it_is_what_the_dynamics_class_writes(self, run, operator, atoms, tmp_path):
        run(tmp_path / "x.traj", 3)
        dynamics = TITODynamics(
            atoms,
            100_000 * units.fs,
            model=operator,
            seed=5,
            trajectory=tmp_path / "y.traj",
        )
        with dynamics:
            dynamics.run(3)
        for ours, theirs in zip(
            frames_of(tmp_path / "x.traj"), frames_of(tmp_path / "y.traj"), strict=True
        ):
            assert np.array_equal(ours.positions, theirs.positions)
            assert np.array_equal(ours.get_momenta(), theirs.get_momenta())
            assert ours.info == theirs.info

    def test_the_dynamics_class_can_continue_it(self, run, tmp_path, tiny_checkpoint):
        run(tmp_path / "x.traj", 2, model=tiny_checkpoint)
        with TITODynamics.restart(tmp_path / "x.traj") as dynamics:
            dynamics.run(2)
        run(tmp_path / "y.traj", 4, model=tiny_checkpoint)
        assert_equal_files(tmp_path / "x.traj", tmp_path / "y.traj")

    def test_the_input_is_not_changed(self, run, atoms, tmp_path):
        before = atoms.copy()
        run(tmp_path / "x.traj", 2)
        assert atoms == before
        assert atoms.info == {}

    def test_interval(self, run, tmp_path):
        run(tmp_path / "x.traj", 4, interval=2)
        frames = frames_of(tmp_path / "x.traj")
        assert [frame.info["tito_jump"] for frame in frames] == [0, 2, 4]
        run(tmp_path / "x.traj", 8, interval=2, existing="restart")
        run(tmp_path / "y.traj", 8, interval=2)
        assert_equal_files(tmp_path / "x.traj", tmp_path / "y.traj")

    def test_settings_of_the_solver_may_be_changed_one_by_one(self, run, tmp_path):
        run(tmp_path / "x.traj", 1, ode={"steps": 7})
        with Trajectory(tmp_path / "x.traj") as trajectory:
            ode = trajectory.description["ode"]
        assert (ode["steps"], ode["method"], ode["spacing"]) == (7, "euler", "sine")

    def test_no_jumps(self, run, tmp_path):
        summary = run(tmp_path / "x.traj", 0)
        assert len(frames_of(tmp_path / "x.traj")) == 1
        assert summary.simulated_time_ns == 0

    def test_progress_sees_every_jump(self, run, tmp_path):
        seen = []
        run(tmp_path / "x.traj", 3, progress=lambda done, last: seen.append((done.jump, last)))
        run(
            tmp_path / "x.traj",
            2,
            existing="append",
            progress=lambda done, last: seen.append((done.jump, last)),
        )
        assert seen == [(1, 3), (2, 3), (3, 3), (4, 5), (5, 5)]


class TestReplicas:
    def test_each_has_its_own_file_and_noise(self, run, tmp_path):
        summary = run(tmp_path / "r", 2, replicas=3)
        assert [path.name for path in summary.paths] == [f"replica-{k:04d}.traj" for k in range(3)]
        assert summary.simulated_time_ns == pytest.approx(0.6)
        last = [frames_of(path)[-1] for path in summary.paths]
        assert [frame.info["tito_replica"] for frame in last] == [0, 1, 2]
        assert not np.array_equal(last[0].positions, last[1].positions)
        assert sorted(path.name for path in (tmp_path / "r").iterdir()) == [
            path.name for path in summary.paths
        ]

    def test_batching_changes_nothing_but_the_last_bits(self, run, tmp_path):
        run(tmp_path / "a", 2, replicas=3)
        run(tmp_path / "b", 2, replicas=3, batch_size=1)
        for k in range(3):
            ours, theirs = (
                frames_of(tmp_path / name / f"replica-{k:04d}.traj")[-1] for name in "ab"
            )
            np.testing.assert_allclose(ours.positions, theirs.positions, atol=1e-4)

    def test_starts_spread_over_the_frames(self, operator, atoms, tmp_path):
        frames = [atoms.copy() for _ in range(10)]
        for k, frame in enumerate(frames):
            frame.positions += k
        expected = {"turn": [0, 1], "first": [0, 0], "last": [9, 9], "spread": [0, 5]}
        for start, offsets in expected.items():
            summary = run_to_files(
                frames,
                tmp_path / start,
                jumps=0,
                replicas=2,
                start=start,
                model=operator,
                **SETTINGS,
            )
            found = [frames_of(path)[0].positions[0, 0] for path in summary.paths]
            np.testing.assert_allclose(found - atoms.positions[0, 0], offsets)

    def test_frames_are_taken_in_turn(self, operator, atoms, tmp_path):
        other = atoms.copy()
        other.positions += 1
        settings = {"jumps": 0, "replicas": 3, "model": operator, **SETTINGS}
        summary = run_to_files([atoms, other], tmp_path / "r", **settings)
        found = [frames_of(path)[0].positions[0, 0] for path in summary.paths]
        np.testing.assert_allclose(found - atoms.positions[0, 0], [0, 1, 0])

    def test_starts_of_another_stereoisomer_are_told_once(self, operator, tmp_path):
        butanol, bonds = atoms_and_bonds("2-butanol")
        mirrored = butanol.copy()
        mirrored.positions[:, 2] *= -1
        large = replace(operator, domain=replace(operator.domain, n_atoms_range=(9, 15)))
        given = {"jumps": 0, "replicas": 4, "model": large, "bonds": bonds, **SETTINGS}
        with pytest.warns(TITOWarning) as caught:
            run_to_files([butanol, mirrored], tmp_path / "r", **given)
        (text,) = (str(warning.message) for warning in caught)
        assert re.match(r"replica 1 \(and 1 more\) starts .*: stereocentre C\d+ is inverted;", text)
        run_to_files([butanol, mirrored], tmp_path / "r", existing="restart", **given)
        run_to_files([mirrored], tmp_path / "s", **given)

    def test_the_limit_of_open_files_is_raised(self, run, tmp_path):
        resource = pytest.importorskip("resource")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (60, hard))
        try:
            summary = run(tmp_path / "r", 1, replicas=40)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert all(len(frames_of(path)) == 2 for path in summary.paths)

    def test_more_files_than_the_system_allows(self, run, tmp_path, monkeypatch):
        resource = pytest.importorskip("resource")
        monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 128))
        with pytest.raises(OutputError, match="the system allows 128 open files"):
            run(tmp_path / "r", 1, replicas=40)
        assert not (tmp_path / "r").exists()

    def test_a_restart_has_the_batches_and_threads_of_the_start(self, run, tmp_path):
        """Both decide the last bits."""
        threads = torch.get_num_threads()
        torch.set_num_threads(threads + 1)
        try:
            run(tmp_path / "r", 2, replicas=3, batch_size=2)
        finally:
            torch.set_num_threads(threads)
        seen = []
        run(
            tmp_path / "r",
            4,
            replicas=3,
            existing="restart",
            progress=lambda *_: seen.append(torch.get_num_threads()),
        )
        assert seen == [threads + 1] * 2
        assert torch.get_num_threads() == threads
        with Trajectory(tmp_path / "r" / "replica-0000.traj") as trajectory:
            assert trajectory.description["batch_size"] == 2
        first = tmp_path / "r" / "replica-0000.traj"
        first.write_bytes(first.read_bytes()[:-10])  # a torn file still has its header
        with pytest.warns(TITOWarning, match="batches of 3 instead of 2"):
            run(tmp_path / "r", 4, replicas=3, existing="restart", batch_size=3)

    @pytest.mark.parametrize("name", ["x.traj", "file"])
    def test_the_output_is_a_directory(self, run, tmp_path, name):
        (tmp_path / "file").write_text("text")
        with pytest.raises(OutputError, match="replicas are written to a directory"):
            run(tmp_path / name, 1, replicas=2)

    def test_its_parent_must_be_there(self, run, tmp_path):
        with pytest.raises(OutputError, match="there is no directory"):
            run(tmp_path / "nowhere" / "r", 1, replicas=2)


class TestExistingOutputs:
    def test_refused_by_default(self, run, tmp_path):
        run(tmp_path / "x.traj", 1)
        content = (tmp_path / "x.traj").read_bytes()
        with pytest.raises(OutputError, match=r"x\.traj exists: restart it, append"):
            run(tmp_path / "x.traj", 1)
        assert (tmp_path / "x.traj").read_bytes() == content
        run(tmp_path / "r", 1, replicas=3)
        with pytest.raises(OutputError, match="exists"):
            run(tmp_path / "r", 1, replicas=2)

    def test_replaced_with_no_replica_left_over(self, run, tmp_path):
        run(tmp_path / "r", 3, replicas=4)
        (tmp_path / "r" / "notes.txt").write_text("mine")
        run(tmp_path / "r", 1, replicas=2, existing="replace", seed=6)
        run(tmp_path / "s", 1, replicas=2, seed=6)
        assert_equal_runs(tmp_path / "r", tmp_path / "s")
        assert (tmp_path / "r" / "notes.txt").exists()

    def test_append(self, run, tmp_path):
        run(tmp_path / "r", 2, replicas=2)
        summary = run(tmp_path / "r", 3, replicas=2, existing="append")
        assert (summary.jumps, summary.total_jumps) == (3, 5)
        run(tmp_path / "s", 5, replicas=2)
        assert_equal_runs(tmp_path / "r", tmp_path / "s")

    @pytest.mark.parametrize("existing", ["replace", "restart", "append"])
    def test_nothing_there_is_a_new_start(self, run, tmp_path, existing):
        run(tmp_path / "r", 2, replicas=2, existing=existing)
        run(tmp_path / "s", 2, replicas=2)
        assert_equal_runs(tmp_path / "r", tmp_path / "s")

    def test_restart_of_a_complete_run_does_nothing(self, run, tmp_path):
        run(tmp_path / "r", 3, replicas=2)
        summary = run(tmp_path / "r", 2, replicas=2, existing="restart")
        assert (summary.jumps, summary.total_jumps) == (0, 3)
        assert len(frames_of(tmp_path / "r" / "replica-0001.traj")) == 4

    @pytest.mark.parametrize("jumps", [1, 3])
    def test_restart_after_a_death_in_the_middle_of_a_frame(self, run, tmp_path, jumps):
        run(tmp_path / "r", jumps, replicas=3)
        half = tmp_path / "r" / "replica-0001.traj"
        end = half.stat().st_size
        run(tmp_path / "r", 1, replicas=3, existing="append")
        content = half.read_bytes()
        half.write_bytes(content[: (end + len(content)) // 2])
        run(tmp_path / "r", 5, replicas=3, existing="restart")
        run(tmp_path / "whole", 5, replicas=3)
        assert_equal_runs(tmp_path / "r", tmp_path / "whole")

    def test_restart_after_a_death_before_all_first_frames(self, run, tmp_path):
        run(tmp_path / "r", 0, replicas=3)
        (tmp_path / "r" / "replica-0002.traj").write_bytes(b"")
        run(tmp_path / "r", 2, replicas=3, existing="restart")
        run(tmp_path / "whole", 2, replicas=3)
        assert_equal_runs(tmp_path / "r", tmp_path / "whole")

    def test_a_lost_file_is_not_made_up(self, run, tmp_path):
        run(tmp_path / "r", 2, replicas=3)
        (tmp_path / "r" / "replica-0002.traj").write_bytes(b"")
        with pytest.raises(OutputError, match=r"replica-0002\.traj holds no whole frame"):
            run(tmp_path / "r", 4, replicas=3, existing="restart")
        assert len(frames_of(tmp_path / "r" / "replica-0000.traj")) == 3

    def test_a_replica_that_lags_behind_sets_the_pace(self, run, tmp_path):
        run(tmp_path / "r", 4, replicas=3)
        run(tmp_path / "short", 2, replicas=3)
        (tmp_path / "r" / "replica-0001.traj").write_bytes(
            (tmp_path / "short" / "replica-0001.traj").read_bytes()
        )
        summary = run(tmp_path / "r", 6, replicas=3, existing="restart")
        assert summary.jumps == 4
        run(tmp_path / "whole", 6, replicas=3)
        assert_equal_runs(tmp_path / "r", tmp_path / "whole")

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"seed": 6}, "made with seed 5, not seed 6"),
            ({"lag_time_ps": 50.0}, r"made with lag_time_ps 100\.0, not lag_time_ps 50\.0"),
            ({"on_invalid": "raise"}, "made with on_invalid retry, not on_invalid raise"),
            ({"ode": {"steps": 20}}, "made with another ode|made with ode"),
            ({"interval": 2}, "made with interval 1, not interval 2"),
        ],
    )
    def test_a_run_continues_with_its_own_settings_only(self, run, tmp_path, changed, reason):
        run(tmp_path / "x.traj", 1)
        content = (tmp_path / "x.traj").read_bytes()
        with pytest.raises(OutputError, match=reason):
            run(tmp_path / "x.traj", 2, existing="restart", **changed)
        assert (tmp_path / "x.traj").read_bytes() == content

    @pytest.mark.parametrize("replicas", [2, 4])
    def test_and_with_as_many_replicas(self, run, tmp_path, replicas):
        run(tmp_path / "r", 1, replicas=3)
        with pytest.raises(OutputError, match=f"holds 3 replicas, not {replicas}"):
            run(tmp_path / "r", 2, replicas=replicas, existing="restart")

    def test_someone_elses_trajectory_is_not_touched(self, run, atoms, tmp_path):
        write(tmp_path / "x.traj", atoms)
        content = (tmp_path / "x.traj").read_bytes()
        for existing in ("refuse", "restart", "append"):
            with pytest.raises(OutputError, match=r"exists|cannot be continued"):
                run(tmp_path / "x.traj", 2, existing=existing)
        assert (tmp_path / "x.traj").read_bytes() == content

    def test_nor_another_kind_of_file(self, run, tmp_path):
        (tmp_path / "x.traj").write_text("a diary")
        with pytest.raises(OutputError, match="not an ASE trajectory"):
            run(tmp_path / "x.traj", 2, existing="replace")
        assert (tmp_path / "x.traj").read_text() == "a diary"

    def test_nothing_is_lost_if_one_file_is_in_use(self, run, tmp_path):
        run(tmp_path / "r", 2, replicas=3)
        before = {path: path.read_bytes() for path in (tmp_path / "r").iterdir()}
        with (
            OutputLock(tmp_path / "r" / "replica-0002.traj"),
            pytest.raises(OutputError, match="is being written"),
        ):
            run(tmp_path / "r", 1, replicas=3, existing="replace")
        assert {path: path.read_bytes() for path in (tmp_path / "r").iterdir()} == before


class TestRefusals:
    """All before any output is made."""

    @pytest.fixture(autouse=True)
    def _nothing_is_written(self, tmp_path):
        yield
        assert not (tmp_path / "x.traj").exists()
        assert not (tmp_path / "r").exists()

    @pytest.mark.parametrize(
        "settings",
        [
            {"jumps": -1},
            {"jumps": 1.5},
            {"interval": 0},
            {"existing": "whatever"},
            {"start": "middle"},
            {"on_invalid": "ignore"},
            {"momenta": "huge"},
            {"seed": -1},
            {"ode": {"steps": 0}},
            {"ode": {"speed": 9}},
        ],
    )
    def test_options(self, run, tmp_path, settings):
        with pytest.raises(ConfigError):
            run(tmp_path / "x.traj", **{"jumps": 1, **settings})

    @pytest.mark.parametrize("existing", ["refuse", "restart", "append"])
    @pytest.mark.parametrize(
        ("jumps", "interval", "instead"), [(7, 3, "6 or 9 jumps"), (2, 5, "make it 5 jumps")]
    )
    def test_last_jumps_that_would_not_be_written(
        self, run, tmp_path, existing, jumps, interval, instead
    ):
        match = f"interval {interval} does not divide jumps {jumps}: .* {instead}$"
        with pytest.raises(ConfigError, match=match):
            run(tmp_path / "x.traj", jumps, interval=interval, existing=existing)

    @pytest.mark.parametrize("replicas", [0, -2, 20_000])
    def test_number_of_replicas(self, run, tmp_path, replicas):
        with pytest.raises(ConfigError, match="replicas"):
            run(tmp_path / "r", 1, replicas=replicas)

    def test_the_domain(self, run, tmp_path):
        with pytest.raises(DomainError, match="5000 ps"):
            run(tmp_path / "x.traj", 1, lag_time_ps=5000.0)
        with pytest.raises(DomainError, match="450 K"):
            run(tmp_path / "r", 1, replicas=2, temperature_K=450.0)

    def test_periodic_cells(self, run, atoms, tmp_path):
        atoms.set_cell([20, 20, 20])
        atoms.pbc = True
        with pytest.raises(StructureError, match="periodic"):
            run(tmp_path / "x.traj", 1)


SCRIPT = """
import sys
from ase.build import molecule
from ase_tito.dynamics.campaign import run_to_files
run_to_files(molecule("CH3CH2OH"), sys.argv[1], jumps=100_000, replicas=3, seed=5,
             lag_time_ps=100.0, model=sys.argv[2])
"""


def test_a_killed_run_continues_bit_by_bit(run, tmp_path, tiny_checkpoint):
    torch.set_num_threads(1)  # with more, bits depend on what a process did before
    threads = {
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
        "MKL_DYNAMIC": "FALSE",
    }  # a restart warns of others
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, tmp_path / "killed", tiny_checkpoint],
        env=os.environ | threads,
    )
    try:
        wait_for_frames(tmp_path / "killed" / "replica-0002.traj", process)
    finally:
        process.kill()
        process.wait()
    done = run(tmp_path / "killed", 1, replicas=3, existing="append", model=tiny_checkpoint)
    run(tmp_path / "whole", done.total_jumps, replicas=3, model=tiny_checkpoint)
    assert_equal_runs(tmp_path / "killed", tmp_path / "whole")


def wait_for_frames(path, process, size=6000, seconds=300):
    """Until a trajectory holds a few frames."""
    end = time.monotonic() + seconds
    while not path.exists() or path.stat().st_size < size:
        assert process.poll() is None, "the run ended early"
        assert time.monotonic() < end, "the run wrote nothing"
        time.sleep(0.02)
