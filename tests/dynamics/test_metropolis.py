"""A corrected run samples the calculator's distribution, in whatever way it is run."""

import numpy as np
import pytest
import torch
from ase import Atoms, units
from ase.build import molecule
from ase.calculators.lj import LennardJones
from ase.io import Trajectory, read

from ase_tito.analysis.files import open_trajectory
from ase_tito.dynamics import MetropolisHastings, Minimize, TITODynamics, TITOEnsemble
from ase_tito.dynamics.metropolis import block_of
from ase_tito.errors import ConfigError, DataError, OutputError, StructureError, TITOWarning
from ase_tito.flow.density import Quadrature
from ase_tito.perception import build_graph
from ase_tito.testing import ou_operator
from ase_tito.transfer import metropolis
from tests.dynamics.double_well import DoubleWell
from tests.dynamics.springs import Pairwise, springs

LAG = 100_000 * units.fs
QUICK = Quadrature(10, 2)


@pytest.fixture(scope="module")
def water():
    atoms = molecule("H2O")
    return build_graph(atoms.numbers, atoms.positions), atoms.positions


@pytest.fixture(scope="module")
def bad(water):
    """Proposals that are wider than what the springs allow: some two in three are rejected."""
    return ou_operator(*water, bond_spread=0.11, name="bad")


def correction(water, **options):
    return MetropolisHastings(springs(water[1]), quadrature=QUICK, **options)


@pytest.fixture
def start(bad, water, tmp_path):
    def start(trajectory=tmp_path / "x.traj", **options):
        options = {"model": bad, "seed": 3, "correction": correction(water), **options}
        return TITODynamics(molecule("H2O"), LAG, trajectory=trajectory, **options)

    return start


class TestDoubleWell(DoubleWell):
    """Proposals know one broad well."""

    def p_value(self):
        reference = [[0, 0, 0], [0, 0, self.middle + self.width]]
        operator = ou_operator(self.graph, reference, frame="free", bond_spread=0.15)
        correction = MetropolisHastings(Pairwise(self.potential), quadrature=QUICK)
        return self.p_value_of(operator, correction, jumps=4)

    def test_the_law_stays(self):
        assert self.p_value() > 0.01

    def test_without_the_densities_it_does_not(self, monkeypatch):
        monkeypatch.setattr(
            metropolis.ProposalRatio, "log", property(lambda ratio: 0 * ratio.forward)
        )
        assert self.p_value() < 1e-6


def test_states_are_kept_where_proposals_are_rejected(start, tmp_path):
    with start() as dyn:
        dyn.run(30)
    frames = read(tmp_path / "x.traj", ":")
    accepted = [frame.info["tito_metropolis_accepted"] for frame in frames]
    assert 3 < sum(accepted) < 27
    for before, after, moved in zip(frames, frames[1:], accepted[1:], strict=False):
        assert np.array_equal(before.positions, after.positions) != moved
    energies = springs(molecule("H2O").positions)
    for frame in frames:
        assert "tito_time_ps" not in frame.info
        frame.calc = energies
        assert frame.info["tito_metropolis_energy_eV"] == pytest.approx(
            frame.get_potential_energy(), abs=1e-12
        )
    record = dyn.frame_record.metropolis
    assert record.acceptances == sum(accepted)
    ratios = [frame.info.get("tito_metropolis_log_ratio") for frame in frames]
    ratios = [ratio for ratio in ratios if ratio is not None]
    assert record.spread == pytest.approx(np.std(ratios, ddof=1))
    assert record.ode_error < 0.05
    assert dyn.counters["energies"] == record.energies


def test_look_ahead_changes_the_cost_alone(bad, water):
    ends = []
    for proposals in (1, 3, 16):
        atoms = molecule("H2O")
        calculator = correction(water, proposals=proposals)
        dyn = TITODynamics(atoms, LAG, model=bad, seed=3, correction=calculator)
        dyn.run(20)
        ends.append(atoms.positions)
    np.testing.assert_allclose(ends, ends[:1] * 3, atol=1e-9)


def test_blocks_double_and_cover_all_jumps():
    blocks = [block_of(offset, 6) for offset in range(1, 30)]
    assert list(dict.fromkeys(blocks))[:5] == [(1, 1), (2, 3), (4, 7), (8, 13), (14, 19)]
    assert all(first <= offset <= last for offset, (first, last) in enumerate(blocks, 1))


@pytest.mark.parametrize("parts", [(1, 14), (5, 10), (9, 1, 5)])
def test_a_continued_run_is_the_uninterrupted_one(start, bad, water, tmp_path, parts):
    with start() as dyn:
        dyn.run(parts[0])
    for jumps in parts[1:]:
        again = TITODynamics.restart(tmp_path / "x.traj", model=bad, correction=correction(water))
        with again as dyn:
            dyn.run(jumps)
    with start(tmp_path / "whole.traj") as dyn:
        dyn.run(sum(parts))
    for one, other in zip(
        read(tmp_path / "x.traj", ":"), read(tmp_path / "whole.traj", ":"), strict=True
    ):
        assert np.array_equal(one.positions, other.positions)
        assert one.info == other.info
    with Trajectory(tmp_path / "x.traj") as one, Trajectory(tmp_path / "whole.traj") as other:
        assert one.description == other.description


def test_a_calculator_of_other_parameters_does_not_continue(start, bad, water, tmp_path):
    with start() as dyn:
        dyn.run(10)
        assert dyn.frame_record.metropolis.energy_eV > 0.01
    path = tmp_path / "x.traj"
    before = path.read_bytes()
    stiffer = MetropolisHastings(springs(water[1], 9.0), quadrature=QUICK)
    with pytest.raises(OutputError, match=r"last state of replica 0 had the energy 0\.\d+ eV"):
        TITODynamics.restart(path, model=bad, correction=stiffer)
    assert path.read_bytes() == before
    rounded = MetropolisHastings(springs(water[1], 8.0 * (1 + 1e-9)), quadrature=QUICK)
    with TITODynamics.restart(path, model=bad, correction=rounded) as dyn:
        assert dyn.frame_record.jump == 10


@pytest.mark.parametrize("corrected", [True, False])
def test_calculators_are_shown_the_atoms_given_at_a_restart(start, bad, water, tmp_path, corrected):
    calculator = springs(water[1])
    steps = {"correction": None, "after_jump": [Minimize(calculator, 1)]}
    if corrected:
        steps = {"correction": MetropolisHastings(calculator, quadrature=QUICK)}
    with start(**steps) as dyn:
        dyn.run(1)
    atoms = molecule("H2O")
    atoms.set_array("types", np.array([7, 8, 9]))  # which trajectories do not hold
    with TITODynamics.restart(tmp_path / "x.traj", atoms, model=bad, **steps) as dyn:
        dyn.run(1)
    assert dyn.atoms is atoms
    assert calculator.atoms.arrays["types"].tolist() == [7, 8, 9]


def test_what_a_trajectory_says(start, bad, water, tmp_path):
    path = tmp_path / "x.traj"
    with start(logfile=tmp_path / "x.log") as dyn:
        dyn.run(2)
    with Trajectory(path) as trajectory:
        said = trajectory.description["correction"]
    assert said["kind"] == "Metropolis-Hastings"
    assert said["simulated_time"].startswith("undefined")
    log = (tmp_path / "x.log").read_text().splitlines()
    assert log[0].endswith("simulated time is undefined")
    assert log[1].split()[:3] == ["Jump", "Accepted", "Rate"]
    assert "Time[ps]" not in log[1]
    with pytest.raises(DataError, match="give the frame spacing"):
        open_trajectory(path)
    with pytest.raises(OutputError, match=r"pass correction= as at the start"):
        TITODynamics.restart(path, model=bad)
    with pytest.raises(OutputError, match=r"proposals=4"):
        TITODynamics.restart(path, model=bad, correction=correction(water, proposals=4))


def test_invalid_proposals_are_rejections(water):
    wild = ou_operator(*water, bond_spread=0.3)
    ensemble = TITOEnsemble(
        wild, water[0], np.array([water[1]] * 20), 100.0, seed=1, correction=correction(water)
    )
    jumps = list(ensemble.irun(3))
    for jump in jumps:
        assert jump.valid.all()
        assert not (jump.accepted & ~jump.first_valid).any()
        assert (jump.retries == 0).all()
    assert sum((~jump.first_valid).sum() for jump in jumps) > 5
    records = [ensemble.metropolis_record(k) for k in range(20)]
    assert sum(record.ratios for record in records) <= sum(j.first_valid.sum() for j in jumps)


def test_atoms_that_are_moved_by_hand_start_anew(start):
    dyn = start()
    dyn.run(3)
    dyn.atoms.positions[1, 0] += 0.02
    state = dyn.atoms.positions.copy()
    dyn.run(1)
    record = dyn.frame_record.metropolis
    if not record.accepted:
        assert np.array_equal(dyn.atoms.positions, state)
        assert record.last_accepted == 3
    dyn.atoms.positions[1] += 3.0
    with pytest.raises(StructureError, match="no valid geometry"):
        dyn.run(1)


def test_an_integration_that_is_too_coarse_is_told(bad, water):
    coarse = MetropolisHastings(springs(water[1]), quadrature=Quadrature(2, 1))
    dyn = TITODynamics(molecule("H2O"), LAG, model=bad, seed=3, correction=coarse)
    with pytest.warns(TITOWarning, match="off by .* nodes and steps"):
        dyn.run(3)


class Field(Pairwise):
    """An energy that depends on the orientation, and on the place."""

    def __init__(self):
        super().__init__(lambda i, j, r: (0.0, 0.0))

    def calculate(self, *arguments, **options):
        super().calculate(*arguments, **options)
        self.results["energy"] = float(self.atoms.positions[0, 0])


def test_refusals(start, water, bad):
    calculator = springs(water[1])
    for options, message in (
        ({"on_invalid": "keep"}, "an invalid proposal is a rejection"),
        ({"ode": bad.ode}, "pass MetropolisHastings a quadrature"),
        ({"after_jump": [Minimize(calculator, 2)]}, "nothing may move it"),
        ({"correction": calculator}, "must be a MetropolisHastings"),
        ({"correction": MetropolisHastings(Field(), quadrature=QUICK)}, "moved as a whole"),
    ):
        with pytest.raises(ConfigError, match=message):
            start(**options)
    for options, message in (
        ({"calculator": LennardJones}, "needs an ASE calculator"),
        ({"calculator": calculator, "proposals": 0}, "proposals must be a positive integer"),
        ({"calculator": calculator, "check_every": 0}, "check_every must be"),
        ({"calculator": calculator, "quadrature": 8}, "must be a Quadrature"),
    ):
        with pytest.raises(ConfigError, match=message):
            MetropolisHastings(**options)
    stretched = Atoms("OHH", 2 * water[1])
    with pytest.raises(StructureError, match="no valid geometry"):
        TITODynamics(stretched, LAG, model=bad, graph=water[0], correction=correction(water))


def test_calculators_see_the_atoms_that_were_given(bad, water):
    seen = []

    class Looking(Pairwise):
        def calculate(self, atoms=None, *arguments, **options):
            seen.append((atoms.info.get("charge"), atoms.get_initial_charges().sum()))
            super().calculate(atoms, *arguments, **options)

    atoms = molecule("H2O")
    atoms.info["charge"] = 1
    atoms.set_initial_charges([0.5, 0.25, 0.25])
    calculator = MetropolisHastings(Looking(springs(water[1]).potential), quadrature=QUICK)
    TITODynamics(atoms, LAG, model=bad, seed=3, correction=calculator).run(1)
    assert set(seen) == {(1, 1.0)}


def test_replicas_of_one_batch_do_not_depend_on_each_other(bad, water):
    def end(replicas):
        start = np.array([water[1]] * len(replicas))
        ensemble = TITOEnsemble(
            bad, water[0], start, 100.0, seed=3, replicas=replicas, correction=correction(water)
        )
        ensemble.run(4)
        return ensemble.positions(0)

    torch.testing.assert_close(end([7]), end([7, 8, 9]), atol=1e-9, rtol=0)
