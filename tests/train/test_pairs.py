"""The pairs a run draws: each molecule at the lags that its own trajectories hold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ase_tito.data import MolecularTrajectory
from ase_tito.errors import ConfigError, DataError, TITOWarning
from ase_tito.graph import MolecularGraph
from ase_tito.train import DataConfig, OptimizerConfig, TrainConfig
from ase_tito.train.export import domain_of, header_of
from ase_tito.train.material import Material
from ase_tito.train.model import plan_model
from ase_tito.train.pairs import training_pairs, validation_pairs
from ase_tito.train.progress import Progress


def run(n, frames, name="run"):
    """A chain of n atoms, 1 ps between its frames."""
    graph = MolecularGraph(np.full(n, 6), np.column_stack([np.arange(n - 1), np.arange(1, n)]))
    return MolecularTrajectory(name, graph, np.zeros((frames, n, 3), np.float32), 1.0, 300.0)


def material(training, validation, held_out=True):
    return Material((), tuple(training), tuple(training), tuple(validation), held_out, "none")


def settings(**changes):
    return DataConfig(trajectories=("a.npz",), force_field="none", **changes)


def longest(pairs, n):
    """The longest lag at which a molecule of n atoms is drawn, of many."""
    batch = pairs.sample(4000, np.random.default_rng(0))
    return float(batch.lag_time[batch.graphs.n_atoms == n].max())


@pytest.mark.parametrize("distribution", ["log-uniform", "uniform"])
def test_a_short_validation_run_limits_its_own_molecule_alone(distribution):
    data = settings(lag_range_ps=(1.0, 100.0), lag_distribution=distribution, largest_padding=1.0)
    here = material([run(5, 1000)], [run(3, 41), run(4, 161)])
    pairs = validation_pairs(data, here)
    assert longest(pairs, 3) == pytest.approx(20, abs=1)
    assert longest(pairs, 4) == pytest.approx(80, abs=2)


def test_validation_takes_the_fixed_lags_that_fit():
    data = settings(lags_ps=(10.0, 50.0, 200.0), largest_padding=1.0)
    here = material([run(5, 1000)], [run(3, 41), run(4, 161)])
    for draw, lags in (
        (training_pairs, [10.0, 50.0, 200.0]),
        (validation_pairs, [10.0, 50.0]),
    ):
        drawn = draw(data, here).sample(500, np.random.default_rng(1)).lag_time
        assert drawn.unique().tolist() == lags
    assert longest(validation_pairs(data, here), 3) == 10.0


def test_what_cannot_validate_is_named():
    data = settings(lag_range_ps=(10.0, 100.0))
    with pytest.warns(TITOWarning, match="left out: scrap"):
        pairs = validation_pairs(data, material([run(5, 1000)], [run(3, 15, "scrap"), run(4, 90)]))
    assert pairs.lag_range_ps == (10.0, 44.5)
    for held_out, way_out in ((True, "other validation molecules"), (False, "validation_fraction")):
        with pytest.raises(ConfigError, match=f"longest ends after 14 ps: .*{way_out}"):
            validation_pairs(data, material([run(5, 1000)], [run(3, 15)], held_out))


def test_training_needs_the_longest_lag():
    with pytest.raises(DataError, match="lags up to 100 ps need a trajectory of twice that"):
        training_pairs(settings(lags_ps=(10.0, 100.0)), material([run(5, 101)], [run(4, 90)]))


@pytest.mark.parametrize("largest_padding", [0.0, 0.3, 1.0])
def test_padding_stays_within_what_was_asked(largest_padding):
    data = settings(lag_range_ps=(1.0, 5.0), largest_padding=largest_padding)
    pairs = training_pairs(data, material([run(n, 50) for n in range(3, 20)], []))
    atoms = places = 0
    for k in range(300):
        graphs = pairs.sample(8, np.random.default_rng(k)).graphs
        atoms, places = atoms + int(graphs.n_atoms.sum()), places + graphs.mask.numel()
    padding = 1 - atoms / places
    assert padding <= largest_padding
    assert padding >= 0.3 * largest_padding


def test_a_checkpoint_claims_nothing_that_no_pair_was_drawn_of():
    long, short = run(5, 400, "pentane/long"), run(5, 15, "pentane/short")
    scrap = replace(run(3, 15, "hydride/run"), temperature_K=500.0)
    silicon = MolecularGraph(np.array([14, 6, 6]), scrap.graph.bonds)
    scrap = replace(scrap, graph=silicon)
    whole = (scrap, long, short)
    here = replace(material(whole, [run(4, 90)]), names=("hydride", "pentane"))
    config = TrainConfig(
        name="x",
        output=Path("x"),
        data=settings(lag_range_ps=(10.0, 100.0), transferable=True),
        optimizer=OptimizerConfig(steps=1),
    )
    with pytest.warns(TITOWarning, match="left out: hydride/run, pentane/short"):
        training_pairs(config.data, here)
    plan = plan_model(config, here.temperatures_K, None)
    header = header_of(config, plan, here, None, Progress(), "")
    assert header.training["molecules"] == ["pentane"]
    assert header.training["n_frames"] == 400
    assert header.training["temperature_K"] == 300.0
    assert header.domain["elements"] == [6]
    assert header.domain["n_atoms_range"] == [5, 5]
    assert header.domain["temperature_range_K"] == [300.0, 300.0]
    assert domain_of(config, here).elements == (6, 14)
    equilibrium = replace(config, data=replace(config.data, equilibrium=True))
    header = header_of(equilibrium, plan, here, None, Progress(), "")
    assert header.domain["elements"] == [6, 14]
