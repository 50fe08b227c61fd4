import numpy as np
import pytest

from ase_tito.data.trajectory import MolecularTrajectory
from ase_tito.errors import DataError
from ase_tito.evaluation import (
    Reference,
    Samples,
    cosine_agreement,
    markdown_table,
    population,
    spread,
    torsion_agreement,
)

HYDROXYL = [[0, 1, 2, 3]]  # C-C-O-H of ase.build.molecule("CH3CH2OH")


def test_runs_must_be_of_one_kind(ethanol, reference):
    graph, _ = ethanol
    run = reference.runs[0]
    other = MolecularTrajectory("late", graph, run.positions, 5.0, 300.0)
    with pytest.raises(DataError, match="late differs from one in its frame spacing"):
        Reference([run, other])
    swapped = graph.permuted(np.roll(np.arange(9), 1))
    with pytest.raises(DataError, match="atoms or bonds"):
        Reference([run, MolecularTrajectory("x", swapped, run.positions, 2.0, 300.0)])
    with pytest.raises(DataError, match="at least one"):
        Reference([])


def test_starting_frames_are_spread_over_all_that_have_a_later_one(reference):
    every = reference.spread_frames(1000)
    np.testing.assert_array_equal(every, np.arange(1000))
    starts = reference.spread_frames(10, longest_lag_ps=700.0)
    assert starts[0] == 0
    assert (np.diff(starts) > 0).all()
    assert ((starts < 250) | ((starts >= 600) & (starts < 650))).all()
    with pytest.raises(DataError, match="has 300"):
        reference.spread_frames(301, longest_lag_ps=700.0)


def test_what_md_did_agrees_with_md_and_standing_still_does_not(reference):
    starts = reference.spread_frames(200, longest_lag_ps=20.0)
    frames = reference.frames

    def agreement(positions):
        samples = Samples(positions[None], np.zeros((1, len(positions), 5), bool), 0.0)
        (result,) = cosine_agreement(
            reference,
            starts,
            samples,
            HYDROXYL,
            20.0,
            block_length=5,
            generator=np.random.default_rng(0),
        )
        return result

    exact = agreement(frames[starts + 10])
    assert exact.difference == exact.low == exact.high == 0
    assert exact.reference < 1
    still = agreement(frames[starts])
    assert still.model == pytest.approx(1)
    assert 0 < still.low < still.difference < still.high
    lost = frames[starts + 10].copy()
    lost[:5] = np.nan
    assert agreement(lost).jumps == 195
    with pytest.raises(DataError, match="do not fit"):
        agreement(frames[:3])


def test_a_perfect_model_agrees_and_a_wrong_one_does_not():
    rng = np.random.default_rng(0)
    runs = [rng.normal(0, 0.8, size=(n, 2)) for n in (4000, 3000)]
    perfect = torsion_agreement(
        runs, rng.normal(0, 0.8, size=(9000, 2)), block_length=100, generator=rng, bins=12
    )
    assert (perfect.n_reference, perfect.n_model) == (7000, 9000)
    assert perfect.jsd == pytest.approx(perfect.independent.mean, rel=0.3)
    assert perfect.jsd < perfect.halves.mean
    assert perfect.equal_counts.model.n_model == perfect.halves.n_model == 3500
    wrong = torsion_agreement(
        runs, rng.normal(0.3, 0.8, size=(9000, 2)), block_length=100, generator=rng, bins=12
    )
    assert wrong.equal_counts.excess > 3 * perfect.halves.mean


def test_a_population_and_its_interval():
    rng = np.random.default_rng(0)
    runs = [rng.random((5000, 2)) - 0.2 for _ in range(2)]
    found = population(runs, lambda x: x[:, 0] < 0, 50, generator=rng)
    assert found.share == pytest.approx(0.2, abs=0.015)
    exact = 2 * 1.96 * np.sqrt(0.2 * 0.8 / 10000)
    assert found.high - found.low == pytest.approx(exact, rel=0.2)
    assert found.blocks == 200


def test_a_spread():
    result = spread(np.arange(101.0))
    assert (result.quartile_1, result.median, result.quartile_3) == (25, 50, 75)
    assert result.samples == 101


def test_tables_are_markdown():
    assert markdown_table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |\n"
