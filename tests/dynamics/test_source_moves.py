"""A run by moves in the prior's source space: one argument, the same guarantees."""

import numpy as np
import pytest
from ase import units
from ase.build import molecule
from ase.io import Trajectory, read

from ase_tito.canonical import graph_key
from ase_tito.dynamics import MetropolisHastings, TITODynamics
from ase_tito.errors import ConfigError, OutputError
from ase_tito.flow.density import Quadrature
from ase_tito.flow.frame import FreeFrame
from ase_tito.flow.prior import BoltzmannPriorVelocity
from ase_tito.flow.source import HarmonicSource
from ase_tito.perception import build_graph
from ase_tito.testing import OrnsteinUhlenbeckField, ou_operator
from ase_tito.transfer import source_moves
from ase_tito.transfer.domain import Domain
from ase_tito.transfer.implicit import ImplicitTransferOperator
from tests.dynamics.double_well import DoubleWell
from tests.dynamics.springs import Pairwise, springs

LAG = 100_000 * units.fs
QUICK = Quadrature(10, 2)


def operator_with_prior(graph, spread):
    """Of springs along the bonds: the equilibrium is N(0, spread² C), whatever the lag."""
    fields = [OrnsteinUhlenbeckField(relaxation_time_ps=t, spread=spread) for t in (1e-6, 100.0)]
    n = graph.n_atoms
    elements = tuple(graph.atomic_numbers.tolist())
    domain = Domain((1.0, 1000.0), (300.0, 300.0), elements, (n, n), (graph_key(graph),))
    return ImplicitTransferOperator(
        BoltzmannPriorVelocity(*fields, 100.0),
        HarmonicSource(),
        FreeFrame(),
        domain,
        name="springs",
    )


@pytest.fixture(scope="module")
def water():
    atoms = molecule("H2O")
    return build_graph(atoms.numbers, atoms.positions), atoms.positions


@pytest.fixture(scope="module")
def model(water):
    return operator_with_prior(water[0], 0.7)


def correction(water, step=0.1, **options):
    options = {"source_step": step, "quadrature": QUICK, **options}
    return MetropolisHastings(springs(water[1], constant=1.0), **options)


@pytest.fixture
def start(model, water, tmp_path):
    def start(trajectory=tmp_path / "x.traj", **options):
        options = {"model": model, "seed": 3, "correction": correction(water), **options}
        return TITODynamics(molecule("H2O"), LAG, trajectory=trajectory, **options)

    return start


class TestDoubleWell(DoubleWell):
    """The prior knows one broad Gaussian."""

    def p_value(self):
        correction = MetropolisHastings(Pairwise(self.potential), source_step=0.4, quadrature=QUICK)
        return self.p_value_of(operator_with_prior(self.graph, 0.5), correction, jumps=6)

    def test_the_law_stays(self):
        assert self.p_value() > 0.01

    def test_without_the_density_it_does_not(self, monkeypatch):
        monkeypatch.setattr(
            source_moves.ProposalRatio, "log", property(lambda ratio: 0 * ratio.forward)
        )
        assert self.p_value() < 1e-3


@pytest.mark.parametrize("parts", [(1, 14), (5, 10), (9, 1, 5)])
def test_a_continued_run_is_the_uninterrupted_one(start, model, water, tmp_path, parts):
    with start() as dyn:
        dyn.run(parts[0])
    for jumps in parts[1:]:
        again = TITODynamics.restart(tmp_path / "x.traj", model=model, correction=correction(water))
        with again as dyn:
            dyn.run(jumps)
    with start(tmp_path / "whole.traj") as dyn:
        dyn.run(sum(parts))
    assert 2 < dyn.frame_record.metropolis.acceptances < 14
    for one, other in zip(
        read(tmp_path / "x.traj", ":"), read(tmp_path / "whole.traj", ":"), strict=True
    ):
        assert np.array_equal(one.positions, other.positions)
        assert one.info == other.info
    with Trajectory(tmp_path / "x.traj") as one, Trajectory(tmp_path / "whole.traj") as other:
        assert one.description == other.description


def test_look_ahead_changes_the_cost_alone(model, water):
    ends = []
    for proposals in (1, 3, 16):
        atoms = molecule("H2O")
        calculator = correction(water, proposals=proposals)
        TITODynamics(atoms, LAG, model=model, seed=3, correction=calculator).run(20)
        ends.append(atoms.positions)
    np.testing.assert_allclose(ends, ends[:1] * 3, atol=1e-9)


def test_smaller_steps_are_accepted_more_often_and_the_log_names_them(start, water, tmp_path):
    accepted = {}
    for step in (0.05, 0.6):
        path = tmp_path / f"{step}.traj"
        log = tmp_path / f"{step}.log"
        with start(path, correction=correction(water, step), logfile=log) as dyn:
            dyn.run(40)
        accepted[step] = dyn.frame_record.metropolis.acceptances
        assert f"by moves of {step:g} in the prior's source space" in log.read_text()
        assert dyn.frame_record.metropolis.ode_error < 0.05
    assert accepted[0.05] > accepted[0.6] + 5


def test_each_move_costs_one_density(start, water):
    with start(correction=correction(water, 0.02, proposals=1, check_every=1000)) as dyn:
        dyn.run(1)
        before = dyn.frame_record.metropolis
        dyn.run(4)
        after = dyn.frame_record.metropolis
    assert after.ratios == before.ratios + 4
    assert after.divergences == before.divergences + 4 * QUICK.nodes
    assert after.evaluations == before.evaluations + 4 * 2 * QUICK.evaluations


def test_the_step_belongs_to_the_run(start, model, water, tmp_path):
    with start() as dyn:
        dyn.run(1)
    with pytest.raises(OutputError, match=r"source_step=0\.1"):
        TITODynamics.restart(
            tmp_path / "x.traj", model=model, correction=correction(water, step=0.2)
        )


def test_a_model_without_a_prior_is_refused(start, water, tmp_path):
    with pytest.raises(ConfigError, match="springy has no Boltzmann prior"):
        start(model=ou_operator(*water, name="springy"))
    assert not (tmp_path / "x.traj").exists()


def test_atoms_that_are_moved_by_hand_start_anew(start):
    dyn = start()
    dyn.run(3)
    before = dyn.frame_record.metropolis.log_density
    dyn.atoms.positions[1, 0] += 0.02
    dyn.run(1)
    record = dyn.frame_record.metropolis
    assert record.log_density != before
    assert record.accepted or record.last_accepted == 3
