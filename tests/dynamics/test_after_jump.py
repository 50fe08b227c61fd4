"""Steps after a jump: useful, reproducible, and labelled for what they are."""

import numpy as np
import pytest
from ase import units
from ase.build import molecule
from ase.calculators.lj import LennardJones
from ase.io import Trajectory, read

from ase_tito.dynamics import Minimize, ShortMD, TITODynamics
from ase_tito.errors import ConfigError, OutputError
from tests.dynamics.springs import springs

LAG = 100_000 * units.fs


@pytest.fixture
def calculator(atoms):
    return springs(atoms.positions)


@pytest.fixture
def run(operator, tmp_path):
    def run(steps, jumps=4, name="x.traj", **options):
        settings = {"model": operator, "seed": 2, "trajectory": tmp_path / name, **options}
        with TITODynamics(molecule("CH3CH2OH"), LAG, after_jump=steps, **settings) as dyn:
            dyn.run(jumps)
        return read(tmp_path / name, ":")

    return run


def energies(frames, calculator):
    values = []
    for frame in frames:
        frame.calc = calculator
        values.append(frame.get_potential_energy())
    return np.array(values)


def test_a_minimization_lowers_the_energy_and_keeps_the_centre_of_mass(run, calculator):
    plain, minimized = run([]), run([Minimize(calculator, 5)])
    assert energies(minimized, calculator)[1:].max() < energies(plain, calculator)[1:].min()
    for frame in minimized:
        np.testing.assert_allclose(
            frame.get_center_of_mass(), plain[0].get_center_of_mass(), atol=1e-9
        )


def test_short_md_thermalizes(run, calculator):
    """From cold starts: 24 internal degrees of freedom take up heat."""
    cold = [Minimize(calculator, 30), ShortMD(calculator, 0.2, friction_per_ps=50)]
    found = energies(run(cold, jumps=8), calculator)[1:] / (units.kB * 300)
    assert found.mean() == pytest.approx((3 * 9 - 6) / 2, rel=0.35)


def test_a_continued_run_is_the_uninterrupted_one(run, operator, calculator, tmp_path):
    steps = [ShortMD(calculator, 0.005), Minimize(calculator, 2)]
    whole = run(steps, 4, "whole.traj")
    run(steps, 2)
    path = tmp_path / "x.traj"
    with pytest.raises(OutputError, match="pass after_jump= as at the start"):
        TITODynamics.restart(path, model=operator)
    with TITODynamics.restart(path, model=operator, after_jump=steps) as dyn:
        dyn.run(2)
    for one, other in zip(read(path, ":"), whole, strict=True):
        assert np.array_equal(one.positions, other.positions)
        assert one.info == other.info


def test_header_and_log_say_that_it_is_not_exact(run, calculator, tmp_path):
    run([ShortMD(calculator, 0.002), Minimize(calculator, 2)], logfile=tmp_path / "x.log")
    with Trajectory(tmp_path / "x.traj") as trajectory:
        said = trajectory.description["after_jump"]
    assert [step["kind"] for step in said] == ["ShortMD", "Minimize"]
    assert said[0]["time_ps"] == 0.002
    assert (tmp_path / "x.log").read_text().startswith("# not exact: after each jump ShortMD, Min")


def test_a_sample_that_a_step_breaks_is_invalid(run, atoms):
    far = springs(3 * atoms.positions, constant=50.0)
    frames = run([Minimize(far, 50)], jumps=1, on_invalid="keep")
    assert not frames[1].info["tito_first_valid"]


def test_refusals(calculator, run):
    for step, message in (
        (lambda: ShortMD(LennardJones, 1.0), "ShortMD needs an ASE calculator"),
        (lambda: ShortMD(calculator, -1.0), "time_ps of ShortMD must be a positive"),
        (lambda: ShortMD(calculator, 1e-4), "less than a step of 1 fs"),
        (lambda: Minimize(calculator, 0), "steps of Minimize must be a positive"),
        (lambda: run(Minimize(calculator, 1)), "must be a list of steps"),
        (lambda: run([calculator]), "takes steps such as"),
    ):
        with pytest.raises(ConfigError, match=message):
            step()
