"""Butane whose rotamers hop is a Markov process: its operator is known, and so is every figure."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ase_tito.data.trajectory import MolecularTrajectory
from ase_tito.errors import ConfigError, DataError, OutputError
from ase_tito.evaluation import (
    EnergyFunction,
    EvaluationSettings,
    MoleculeReference,
    MoleculeResult,
    Reference,
    evaluate,
    write_evaluation,
)
from ase_tito.evaluation.campaign import read_result
from ase_tito.testing import ou_operator
from tests.evaluation.hopping import Hopping, butane, md, references

SETTINGS = EvaluationSettings(
    replicas=16, jumps=60, single_jumps=600, lag_time_ps=50.0, resamples=40, splits=8
)
SMALL = replace(SETTINGS, replicas=4, jumps=40, single_jumps=40, resamples=10, splits=2)


@pytest.fixture(scope="module")
def reference():
    return butane(md("one", 4000, 0), md("two", 3000, 1))


@pytest.fixture(scope="module")
def short():
    return butane(md("one", 600, 0))


def run(operator, molecule, output, settings=SETTINGS, **options):
    return evaluate(
        operator, references(molecule), output, settings, model="m", digest="d", **options
    )


@pytest.fixture(scope="module")
def exact(reference, tmp_path_factory):
    return run(Hopping(), reference, tmp_path_factory.mktemp("exact")).results[0]


def test_the_exact_operator_is_md_within_its_floor(exact):
    for protocol in ("nested", "single"):
        figures = {
            key.partition(".")[2]: figure
            for key, figure in exact.figures.items()
            if key.startswith(protocol)
        }
        for key in ("jsd", "jsd_release", "coverage", "precision"):
            assert abs(figures[key].excess) < 0.05
            assert figures[key].low < figures[key].value < figures[key].high
        assert abs(figures["vamp_gap"].excess) < 0.15
        assert abs(figures["vamp_gap_separate"].value) < 0.4
        # three states that all relax alike: two processes
        assert figures["timescales_resolved"].value == 2
        assert figures["timescale_error"].value < 0.35
        assert figures["bond_shift_A"].value < 0.003
        assert figures["bond_width_ratio"].value == pytest.approx(1, abs=0.1)
        assert figures["angle_width_ratio"].value == pytest.approx(1, abs=0.1)
        assert figures["gyration_ratio"].value == pytest.approx(1, abs=0.02)
        assert figures["valid_share"].value == 1
        assert exact.failures[protocol] == dict.fromkeys(exact.failures[protocol], 0)
    memory = exact.figures["single.memory"]
    assert memory.value < 3 * memory.floor
    assert exact.reference["equilibrium_mixing"]["mixes"]
    assert exact.reference["equilibrium"] == exact.reference["dynamics"]
    assert exact.notes == ()
    assert set(exact.surfaces) == {"MD", "nested", "single"}
    assert exact.surfaces["MD"].counts.sum() == 7000


def test_wrong_populations_show_in_the_distribution(exact, reference, tmp_path):
    figures = run(Hopping(populations=(0.9, 0.05, 0.05)), reference, tmp_path).results[0].figures
    assert figures["nested.jsd"].excess > 0.1
    assert figures["nested.jsd"].low > exact.figures["nested.jsd"].high
    assert figures["nested.coverage"].excess < -0.1


def test_a_slow_model_shows_in_the_kinetics(exact, reference, tmp_path):
    figures = run(Hopping(keep=0.98), reference, tmp_path).results[0].figures
    for protocol in ("nested", "single"):
        assert figures[f"{protocol}.timescale_error"].value > 1.5  # 495 ps where MD has 95
        assert figures[f"{protocol}.vamp_gap"].value < -0.5
        assert figures[f"{protocol}.vamp_gap"].high < 0
    # the memory of single jumps knows, and their distribution does not
    assert figures["single.memory"].value > 3 * exact.figures["single.memory"].value
    assert abs(figures["single.jsd"].excess) < 0.03


def test_broken_proposals_are_counted_and_named(reference, tmp_path):
    result = run(Hopping(torn=0.2), reference, tmp_path).results[0]
    for protocol, proposals in (("nested", 960), ("single", 600)):
        share = result.figures[f"{protocol}.valid_share"].value
        assert share == pytest.approx(0.8, abs=0.05)
        assert result.failures[protocol]["bonds"] == round((1 - share) * proposals)
    # nested jumps are drawn again, single ones are not: both say what they are
    assert result.figures["nested.outside_share"].value == 0
    assert abs(result.figures["nested.jsd"].excess) < 0.03
    assert result.figures["single.bond_shift_A"].value > 0.2


def test_a_hopeless_model_is_measured(short, tmp_path):
    result = run(Hopping(torn=1.0), short, tmp_path, SMALL).results[0]
    assert result.figures["nested.valid_share"].value == 0
    assert "At 160 of 160 nested jumps no draw was valid" in " ".join(result.notes)
    assert result.figures["nested.jsd"].excess > 0.1  # it stayed where it was
    far = run(Hopping(torn=1.0, factor=1e9), short, tmp_path / "far", SMALL).results[0]
    assert far.figures["single.valid_share"].value == 0
    assert "single.jsd" not in far.figures
    assert "single jumps only 0 frames can be used" in " ".join(far.notes)


def test_what_was_interrupted_ends_like_what_was_not(short, tmp_path):
    whole = run(Hopping(), short, tmp_path / "whole", SMALL)
    with pytest.raises(KeyboardInterrupt):
        run(Hopping(fail_at=37), short, tmp_path / "cut", SMALL)
    operator = Hopping()
    resumed = run(operator, short, tmp_path / "cut", SMALL)
    assert 0 < operator.calls < 40  # a segment was there
    assert plain(resumed) == plain(whole)
    idle = Hopping(fail_at=1)
    assert plain(run(idle, short, tmp_path / "cut", SMALL)) == plain(whole)
    assert plain(run(idle, short, tmp_path / "cut", SMALL, again=True)) == plain(whole)
    assert idle.calls == 0


def test_so_does_what_was_killed(short, tmp_path):
    code = (
        "from tests.evaluation.hopping import *; from tests.evaluation.test_evaluate import *\n"
        "from pathlib import Path\n"
        f"run(Hopping(fail_at=36, kill=True), butane(md('one', 600, 0)), {str(tmp_path)!r}, SMALL)"
    )
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", code], cwd=root, check=False)
    assert killed.returncode == -9
    assert not list(tmp_path.glob("**/result*.json"))
    operator = Hopping()
    resumed = run(operator, short, tmp_path, SMALL)
    assert operator.calls < 40
    assert plain(resumed) == plain(run(Hopping(), short, tmp_path / "whole", SMALL))


def plain(evaluation):
    """Everything but the time it took."""
    (result,) = evaluation.results
    values = result.to_dict()
    del values["figures"]["nested.ms_per_jump"]
    return values


def test_more_jumps_go_on_from_fewer(short, tmp_path):
    run(Hopping(), short, tmp_path, replace(SMALL, jumps=32))
    operator = Hopping()
    result = run(operator, short, tmp_path, SMALL).results[0]
    assert operator.calls == 8
    assert result.figures == {
        **run(Hopping(), short, tmp_path / "new", SMALL).results[0].figures,
        "nested.ms_per_jump": result.figures["nested.ms_per_jump"],
    }


def test_other_models_and_other_md_have_samples_of_their_own(short, tmp_path):
    run(Hopping(), short, tmp_path, SMALL)
    for molecule, digest in ((short, "another"), (butane(md("one", 600, 5)), "d")):
        operator = Hopping()
        evaluate(operator, references(molecule), tmp_path, SMALL, model="m", digest=digest)
        assert operator.calls == 42


def test_a_molecule_that_fails_is_named_and_the_others_come_out(short, ethanol, tmp_path):
    graph, positions = ethanol
    frames = np.repeat(positions[None], 100, 0).astype(np.float32)
    other = Reference([MolecularTrajectory("run", graph, frames, 10.0, 300.0)])
    bad = MoleculeReference("ethanol", other, other)
    steps = []
    evaluation = evaluate(
        Hopping(),
        references(bad, short),
        tmp_path,
        SMALL,
        model="m",
        digest="d",
        progress=lambda *step: steps.append(step),
    )
    assert [result.name for result in evaluation.results] == ["butane"]
    assert list(evaluation.failures) == ["ethanol"]
    assert "it knows only 1 molecule" in evaluation.failures["ethanol"]
    assert [step[0] for step in steps if step[1] == "done"] == ["ethanol", "butane"]
    text = write_evaluation(evaluation, tmp_path).page.read_text()
    assert "ethanol: " in text
    with pytest.raises(DataError, match="not one of 1 molecules could be evaluated; ethanol"):
        run(Hopping(), bad, tmp_path, SMALL)


def test_exchange_is_for_equilibrium_and_dynamics_for_kinetics(tmp_path):
    exchanged = md("exchange", 3000, 7, populations=(0.8, 0.1, 0.1))
    molecule = butane(md("one", 3000, 0), exchanged=[exchanged])
    operator = Hopping(populations=(0.8, 0.1, 0.1))
    result = run(operator, molecule, tmp_path).results[0]
    assert result.reference["equilibrium"] == "1 not time-ordered run of 3,000 frames in all"
    assert result.reference["dynamics"] == "1 time-ordered run of 3,000 frames in all, 30 ns"
    assert abs(result.figures["nested.jsd"].excess) < 0.04
    assert "nested.timescale_error" in result.figures
    alone = run(operator, butane(exchanged=[exchanged]), tmp_path / "alone", SMALL).results[0]
    assert not any("vamp" in key or "memory" in key for key in alone.figures)
    assert "no time-ordered run" in " ".join(alone.notes)


def test_a_reference_that_does_not_mix_says_so(tmp_path):
    stuck = [md(str(k), 300, k, populations=np.eye(3)[k]) for k in range(2)]
    result = run(Hopping(), butane(*stuck), tmp_path, SMALL).results[0]
    assert not result.reference["equilibrium_mixing"]["mixes"]
    assert result.notes[0].startswith("The MD (equilibrium) does not mix")


@pytest.fixture(scope="module")
def water():
    from ase.build import molecule

    from ase_tito.perception import build_graph

    atoms = molecule("H2O")
    graph = build_graph(atoms.numbers, atoms.positions)
    noise = np.random.default_rng(0).normal(0, 0.02, (800, 3, 3))
    frames = (atoms.positions + noise).astype(np.float32)
    run = Reference([MolecularTrajectory("run", graph, frames, 10.0, 300.0)])
    return ou_operator(graph, atoms.positions), MoleculeReference("water", run, run)


def test_without_torsions_angles_are_looked_at(water, tmp_path):
    operator, molecule = water
    evaluation = run(operator, molecule, tmp_path, SMALL)
    (result,) = evaluation.results
    assert result.reference["features"] == "sine and cosine of 1 angles, for want of torsions"
    assert result.figures["nested.jsd"].value > 0
    assert "single.memory" not in result.figures
    assert write_evaluation(evaluation, tmp_path).page.exists()


def stretch(frames):
    """A toy energy in eV: springs along the first bond, 500 kJ/mol/Å²."""
    d = np.linalg.norm(frames[:, 0] - frames[:, 1], axis=-1)
    return 2.6 * (d - 1.5) ** 2


def test_energies_stored_with_the_md_are_used_if_they_are_the_function_s(tmp_path):
    bare = md("one", 2000, 0)
    energy = EnergyFunction("stretch", stretch)
    same = replace(bare, energies=stretch(bare.positions))
    off = replace(bare, energies=stretch(bare.positions) + 0.1)
    results = [
        run(Hopping(), butane(one), tmp_path / str(k), SMALL, energy=lambda _: energy).results[0]
        for k, one in enumerate((same, bare, off))
    ]
    for result in results:
        shift = result.figures["nested.energy_shift_kJ_mol"]
        assert shift.low <= shift.value <= shift.high
        per_atoms = result.figures["nested.energy_shift_per_10_atoms_kJ_mol"]
        assert per_atoms.value == pytest.approx(shift.value / 1.4)
        assert result.figures["nested.energy_width_ratio"].value == pytest.approx(1, abs=0.4)
    assert not results[0].notes
    assert "stored with the MD differ from stretch by 9.65 kJ/mol" in results[2].notes[0]
    key = "nested.energy_shift_kJ_mol"
    assert results[2].figures[key] == results[1].figures[key]


def test_a_damaged_result_is_named(short, tmp_path):
    run(Hopping(), short, tmp_path, SMALL)
    (path,) = tmp_path.glob("molecules/butane/*/result-*.json")
    kept = read_result(path)
    assert MoleculeResult.from_dict(json.loads(path.read_text())).to_dict() == kept.to_dict()
    path.write_text("{}")
    with pytest.raises(OutputError, match="is damaged"):
        read_result(path)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"preset": "slow"}, "there are quick, paper"),
        ({"replicas": 1}, "replicas must be at least 2"),
        ({"single_jumps": 5}, "0, or 20 at least"),
        ({"lag_time_ps": -1.0}, "positive time"),
    ],
)
def test_settings_out_of_range(wrong, reason):
    with pytest.raises(ConfigError, match=reason):
        EvaluationSettings(**wrong)
