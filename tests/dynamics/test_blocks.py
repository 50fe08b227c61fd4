"""Campaigns in blocks: the same bits whoever runs them, and whoever is killed."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from ase.build import molecule

from ase_tito.cli.main import main
from ase_tito.dynamics.blocks import plan_blocks, run_block
from ase_tito.dynamics.campaign import run_to_files
from ase_tito.dynamics.packed_run import read_packed
from ase_tito.dynamics.scheduler import run_blocks
from ase_tito.dynamics.trajectory import read_ends
from ase_tito.errors import ConfigError, DomainError, OutputError, TITOWarning

SETTINGS = {"lag_time_ps": 100.0, "jumps": 4, "seed": 5}


@pytest.fixture
def plan(tiny_checkpoint):
    """Blocks of ethanol and of the same in another geometry."""

    def plan(output, names=("one", "two"), **settings):
        other = molecule("CH3CH2OH")
        other.positions += 1
        frames = {name: ([molecule("CH3CH2OH"), other], None) for name in names}
        defaults = {"model": str(tiny_checkpoint), "replicas": 5, "block_size": 2, **SETTINGS}
        return plan_blocks(frames, output, **{**defaults, **settings})

    return plan


def positions(path):
    return np.stack([frame for _, frame in read_packed(path)[1]])


def assert_same(first, second):
    assert len(first) == len(second)
    for ours, theirs in zip(first, second, strict=True):
        assert ours.path.relative_to(ours.path.parents[1]) == theirs.path.relative_to(
            theirs.path.parents[1]
        )
        assert np.array_equal(positions(ours.path), positions(theirs.path))


def test_blocks_are_parts_of_one_run(plan, tiny_checkpoint, tmp_path):
    blocks = plan(tmp_path / "c")
    outcomes = run_blocks(blocks)
    assert [len(block.frames) for block in blocks] == [2, 2, 1] * 2
    assert [outcome.path for outcome in outcomes] == [block.path for block in blocks]
    assert sorted(path.name for path in (tmp_path / "c" / "one").iterdir()) == [
        f"block-000{k}.traj" for k in range(3)
    ]
    start = [molecule("CH3CH2OH"), molecule("CH3CH2OH")]
    start[1].positions += 1
    seeds = {block.molecule: block.seed for block in blocks}
    assert len(set(seeds.values())) == 2  # not the same noise for two files of one molecule
    given = {**SETTINGS, "seed": seeds["one"]}
    run_to_files(
        start, tmp_path / "x.traj", model=tiny_checkpoint, replicas=5, one_file=True, **given
    )
    together = np.concatenate([positions(block.path) for block in blocks[:3]], axis=1)
    np.testing.assert_allclose(together, positions(tmp_path / "x.traj"), rtol=0, atol=1e-4)


def test_a_block_goes_on_where_its_worker_died(plan, tmp_path):
    whole, cut = plan(tmp_path / "whole")[1], plan(tmp_path / "cut")[1]
    run_block(whole)
    half = replace(cut, settings={**cut.settings, "jumps": 2})
    run_block(half)
    os.rename(cut.path, cut.path.with_name("block-0001.partial.traj"))
    assert run_block(cut).jumps == 2
    assert_same([cut], [whole])
    assert run_block(cut).jumps == 0  # it is there


def test_resume_is_asked_for_and_of_the_same_campaign(plan, tmp_path):
    run_blocks(plan(tmp_path / "c")[:2])
    with pytest.raises(OutputError, match="resume it"):
        plan(tmp_path / "c")
    with pytest.raises(OutputError, match="made with seed 5, not 6"):
        plan(tmp_path / "c", seed=6, resume=True)
    outcomes = run_blocks(plan(tmp_path / "c", resume=True))
    assert [outcome.jumps for outcome in outcomes] == [0, 0, 4, 4, 4, 4]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("mine")
    with pytest.raises(OutputError, match="something else"):
        plan(tmp_path / "mine", resume=True)


def test_a_name_stands_for_the_same_frames_when_resumed(plan, tiny_checkpoint, tmp_path):
    run_blocks(plan(tmp_path / "c", names=("one",)))
    assert [o.jumps for o in run_blocks(plan(tmp_path / "c", resume=True))] == [0] * 3 + [4] * 3
    other = molecule("CH3CH2OH")
    other.rattle(0.01, seed=1)
    given = {"model": str(tiny_checkpoint), "replicas": 5, "block_size": 2, **SETTINGS}
    for name in ("one", "two"):
        with pytest.raises(OutputError, match=f"its {name} started from other frames"):
            plan_blocks({name: ([other], None)}, tmp_path / "c", resume=True, **given)


def test_refusals_come_before_anything_is_written(plan, tiny_checkpoint, tmp_path):
    for settings, error in (
        ({"replicas": 0}, ConfigError),
        ({"block_size": 1.5}, ConfigError),
        ({"jumps": -1}, ConfigError),
        ({"interval": 0}, ConfigError),
        ({"jumps": 4, "interval": 3}, ConfigError),
        ({"seed": -1}, ConfigError),
        ({"on_invalid": "ignore"}, ConfigError),
        ({"lag_time_ps": 5000.0}, DomainError),
        ({"temperature_K": 450.0}, DomainError),
        ({"names": ("../one",)}, ConfigError),
        ({"names": ()}, ConfigError),
    ):
        with pytest.raises(error):
            plan(tmp_path / "c", **settings)
    assert not (tmp_path / "c").exists()


def test_an_error_names_the_molecule(plan, tmp_path):
    with pytest.raises(DomainError, match=r"^two: .*5000"):
        plan(tmp_path / "c", names=("two",), lag_time_ps=5000.0)


def test_a_molecule_that_fails_does_not_stop_the_others(plan, tmp_path):
    blocks = plan(tmp_path / "c", on_invalid="raise")
    broken = [atoms.copy() for atoms in blocks[0].frames]
    for atoms in broken:
        atoms.positions *= 3  # no bond is one, and the small model stays where it is
    blocks[0] = replace(blocks[0], frames=tuple(broken))
    outcomes = run_blocks(blocks)
    assert outcomes[0].failure
    assert not blocks[0].path.exists()
    assert not any(outcome.failure for outcome in outcomes[1:])


def test_all_blocks_have_the_graph_of_the_first_frame(tiny_checkpoint, tmp_path):
    permuted = molecule("CH3CH2OH")
    permuted.positions[[0, 1]] = permuted.positions[[1, 0]]
    molecules = {"one": ([molecule("CH3CH2OH"), permuted], None)}
    given = {"model": str(tiny_checkpoint), "replicas": 2, "block_size": 1, **SETTINGS, "jumps": 0}
    with pytest.warns(TITOWarning, match="frame 1 of one starts from no valid geometry") as caught:
        blocks = plan_blocks(molecules, tmp_path / "c", **given)
    assert len(caught) == 1
    assert not any(outcome.failure for outcome in run_blocks(blocks))  # without another warning
    first, second = (read_ends(block.path)[0] for block in blocks)
    assert first["bonds"] == second["bonds"]
    plan_blocks(molecules, tmp_path / "c", resume=True, **given)


def test_the_command(tiny_checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    molecule("CH3CH2OH").write("ethanol.xyz")
    words = ["campaign", "ethanol.xyz", "--model", str(tiny_checkpoint), "--replicas", "3"]
    words += ["--block-size", "2", "--jumps", "2", "--output", "c", "--quiet"]
    assert main(words) == 0
    assert "blocks                   2 of 2" in capsys.readouterr().out
    assert main(words) == 2
    assert "resume" in capsys.readouterr().err
    assert main([*words, "--resume"]) == 0
    assert main([*words, "--resume", "--workers", "1", "--scheduler", "tcp://a:1"]) == 2
    assert "not both" in capsys.readouterr().err


# what the cluster itself leaves behind when a worker is killed is no matter of ours
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_killed_worker_of_a_cluster_changes_nothing(plan, tmp_path):
    distributed = pytest.importorskip("distributed")
    blocks = plan(tmp_path / "cluster", jumps=30)
    killed = []

    def kill_one(outcome):
        if not killed:
            with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
                worker, pid = next(iter(client.run(os.getpid).items()))
            os.kill(pid, signal.SIGKILL)
            killed.append(worker)

    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:
        outcomes = run_blocks(blocks, scheduler=cluster.scheduler_address, report=kill_one)
    assert killed
    assert len(outcomes) == len(blocks)
    assert not any(outcome.failure for outcome in outcomes)
    local = plan(tmp_path / "local", jumps=30)
    run_blocks(local)
    assert_same(blocks, local)


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_workers_do_not_warn_again_of_what_the_plan_warned(plan, tmp_path, capfd):
    pytest.importorskip("distributed")
    with pytest.warns(TITOWarning, match="not Markovian"):
        blocks = plan(tmp_path / "c", names=("one",), lag_time_ps=5.0, jumps=1)
    assert len(run_blocks(blocks, workers=1)) == len(blocks)
    assert "Markovian" not in capfd.readouterr().err


def test_nobody_answers(plan, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("ase_tito.dynamics.scheduler._PATIENCE_S", 0.2)
    with pytest.raises(ConfigError, match="no scheduler of Dask answers"):
        run_blocks(plan(tmp_path / "c"), scheduler="tcp://127.0.0.1:9")
