import json
import re

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ase_tito.analysis.files import open_trajectory
from ase_tito.analysis.report import (
    DoubledJumps,
    ReportSettings,
    SingleJumps,
    compute_report,
    write_report,
)
from ase_tito.analysis.report.basis import choose_lag
from ase_tito.analysis.report.observe import Coordinates, observe
from ase_tito.analysis.report.sections.cards import cards
from ase_tito.errors import DataError, OutputError
from tests.analysis.butane import ATOMS, GRAPH, POPULATIONS, save, trajectory

QUICK = ReportSettings(states=12, splits=5, resamples=30, surface_bins=20)
TIMESCALE_PS = -10.0 / np.log(0.9)


def opened(folder, name, frames, seed, *, spacing_ps=10.0, stride=1, **process):
    positions = trajectory(frames, seed, **process)[::stride]
    return open_trajectory(save(folder / f"{name}.npz", positions, spacing_ps * stride))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("trajectories")


@pytest.fixture(scope="module")
def reference(folder):
    return [opened(folder, f"md{k}", 3000, k) for k in range(2)]


@pytest.fixture(scope="module")
def model(folder):
    """Replicas of the same process, a frame each 20 ps."""
    return [opened(folder, f"model{k}", 1600, 10 + k, stride=2) for k in range(3)]


@pytest.fixture(scope="module")
def compared(model, reference):
    return compute_report(
        model, reference, settings=QUICK, energy=lambda x: x[:, 0, 0] - x[:, 1, 0]
    )


@pytest.fixture(scope="module")
def alone(model):
    return compute_report(model, settings=QUICK)


def test_the_data_are_described(compared):
    assert compared.formula == "C4H10"
    assert compared.temperature_K == 300
    assert (compared.model.frames, compared.reference.frames) == (2400, 6000)
    assert compared.model.time_ns == pytest.approx(48)
    assert compared.model.files == ("model0.npz", "model1.npz", "model2.npz")


def test_a_model_of_the_same_process_is_at_its_floor(compared):
    (tica,) = compared.surfaces
    (central,) = compared.torsions
    for found in (tica.agreement["JSD"], central.agreement):
        assert abs(found.excess) < 0.5 * found.equal_counts.floor.mean
    assert tica.agreement["coverage"].value > 0.8
    assert tica.agreement["precision"].value > 0.9
    assert compared.ranges.model.mean <= 1.2 * compared.ranges.floor.high
    assert compared.gyration.model_mean == pytest.approx(compared.gyration.reference_mean, rel=0.01)


def test_kinetics_are_those_of_the_process_at_equal_physical_lag(compared):
    kinetics = compared.kinetics
    assert kinetics.lag_time_ps == 20
    for scan in (kinetics.reference_tica, kinetics.model_tica):
        lag = np.flatnonzero(scan.lag_times_ps >= 40)[0]
        assert scan.timescales_ps[lag, 0] == pytest.approx(TIMESCALE_PS, rel=0.2)
    assert kinetics.timescale_error < 0.25
    assert kinetics.resolved >= 1
    assert abs(kinetics.floor.cross_gap.excess) < 0.3
    for test in (kinetics.reference_test, kinetics.model_test):
        assert test.largest_deviation < 0.1
    for found in (kinetics.reference_populations, kinetics.model_populations):
        estimate, low, high = found.shares.T
        assert ((low <= estimate) & (estimate <= high)).all()
        np.testing.assert_allclose(sorted(estimate), sorted(POPULATIONS), atol=0.08)
    assert kinetics.reference_mixing.mixes


def test_conditional_densities_are_those_of_the_process(compared, alone):
    """From each rotamer it goes to a fresh one with probability 1 − .9^(lag/10 ps)."""
    for report in (compared, alone):
        relaxations = report.kinetics.relaxations
        assert [relaxation.start for relaxation in relaxations] == ["set 1", "set 2", "set 3"]
        for relaxation in relaxations:
            np.testing.assert_array_equal(relaxation.lag_times_ps, [20, 40, 100, 200])
            assert set(relaxation.sides) == {"model"} | (
                {"reference"} if report is compared else set()
            )
            width = relaxation.coordinate[1] - relaxation.coordinate[0]
            near = np.abs(relaxation.coordinate - relaxation.centre[0]) < 0.6
            stays = relaxation.expected[:, near].sum(1) * width
            settled = relaxation.equilibrium[near].sum() * width
            kept = 0.9 ** (relaxation.lag_times_ps / 10)
            np.testing.assert_allclose(stays, settled + (1 - settled) * kept, atol=0.08)
            for side in relaxation.sides.values():
                assert (side.jsd < 4 * side.floor[:, 2]).all()
                assert (side.low <= side.density + 1e-9).all()
                assert (side.density <= side.high + 1e-9).all()


def jumped(seed, frames=2000):
    """One jump of 2τ and two of τ of the process itself: a fresh rotamer, or the old one."""
    rng = np.random.default_rng([seed, 1])  # not the one that drew the rotamers
    every = trajectory(frames, seed, keep=0.0)
    targets = [trajectory(frames, seed + k, keep=0.0) for k in (1, 2, 3)]
    one = np.where((rng.random(frames) < 0.5)[:, None, None], every, targets[0])
    first = np.where((rng.random(frames) < np.sqrt(0.5))[:, None, None], every, targets[1])
    two = np.where((rng.random(frames) < np.sqrt(0.5))[:, None, None], first, targets[2])
    return every, one, two


def test_given_jumps_are_judged_and_shown(model, reference, alone):
    starts, one, two = jumped(0)
    one[3] = np.nan
    single = SingleJumps(starts[0], (20.0, 40.0), (one[:300], two[:200]))
    report = compute_report(
        model,
        reference,
        settings=QUICK,
        doubled_jumps=DoubledJumps(20.0, starts, one, two),
        single_jumps=single,
    )
    finding = report.trust.findings[0]
    assert (finding.check, finding.light) == ("jumps", "green"), finding.reason
    assert finding.reason.startswith("τ = 20 ps: 2τ and τ + τ do not differ")
    assert "1999 pairs" in finding.reason
    assert (report.trust.light, report.trust.missing) == ("green", ())
    last = report.kinetics.relaxations[-1]
    assert last.start == "single jumps"
    assert set(last.sides) == {"reference", "jumps"}
    np.testing.assert_array_equal(last.sides["jumps"].frames, [299, 200])
    assert last.sides["jumps"].low is None
    # Jumps that forget their start at once are another matter.
    wrong = compute_report(
        model, settings=QUICK, doubled_jumps=DoubledJumps(20.0, starts, starts[::-1], two)
    )
    assert wrong.trust.light == "red"
    with pytest.raises(DataError, match="must all have shape"):
        DoubledJumps(20.0, starts, one[:5], two)
    with pytest.raises(DataError, match="2 sets of jumps do not fit 1 lags"):
        SingleJumps(starts[0], (20.0,), (one, two))
    with pytest.raises(DataError, match="jumps of 20 ps have shape"):
        SingleJumps(starts[0], (20.0,), (one[:, :5],))


def test_damaged_replicas_are_not_green(folder, reference):
    """One that is stuck, one whose bonds are stretched, and one with a torn frame in ten."""
    replicas = [trajectory(600, 30 + k) for k in range(4)]
    stuck = trajectory(600, 40, populations=[0, 0, 1])
    torn = np.where(np.arange(600) % 10, 1, 3)[:, None, None]
    for name, runs, check, light in (
        ("stuck", [*replicas[:3], stuck], "replicas", "red"),
        ("stretched", [*replicas[:3], 1.3 * replicas[3]], "validity", "red"),
        ("torn", [*replicas[:3], torn * replicas[3]], "validity", "yellow"),
    ):
        sources = [
            open_trajectory(save(folder / f"{name}{k}.npz", run)) for k, run in enumerate(runs)
        ]
        report = compute_report(sources, settings=QUICK)
        (finding,) = [found for found in report.trust.findings if found.check == check]
        assert finding.light == light, (name, finding)
        assert report.trust.light in ("yellow", "red")
    # A little too large shows in the range, not in the limits.
    larger = open_trajectory(save(folder / "larger.npz", 1.03 * replicas[0]))
    ranges = compute_report([larger], reference, settings=QUICK).ranges
    assert ranges.model.mean > 2 * ranges.floor.high


def test_invalid_proposals_are_those_of_the_header_and_of_the_frames(model, folder):
    torn = trajectory(800, 70)
    torn[::40] *= 3
    sources = [model[0], open_trajectory(save(folder / "counted.npz", torn, 20.0))]
    for source, invalid in zip(sources, (8, 3), strict=True):
        source.description["counters"] = {"jumps": 800, "invalid_first_proposals": invalid}
    findings = compute_report(sources, settings=QUICK).trust.findings
    del model[0].description["counters"]
    (finding,) = [found for found in findings if found.check == "validity"]
    assert "1572 of 1600 first proposals" in finding.reason  # 8 of a header, 20 torn frames


def test_shuffled_frames_are_seen_against_a_reference(folder, reference):
    """Thermodynamics cannot tell, kinetics must."""
    runs = [np.random.default_rng(k).permutation(trajectory(1500, 50 + k)) for k in range(2)]
    sources = [
        open_trajectory(save(folder / f"shuffled{k}.npz", run)) for k, run in enumerate(runs)
    ]
    report = compute_report(sources, reference, settings=QUICK)
    assert abs(report.surfaces[0].agreement["JSD"].excess) < 0.01
    floor = report.kinetics.floor
    assert floor.cross_gap.model.mean > floor.cross_gap.floor.high
    assert floor.timescale_error.model.mean > floor.timescale_error.floor.high
    found = re.findall(r'class="card (\w*)"><div class="name">(.*?)<', "".join(cards(report)))
    names = {name: colour for colour, name in found}
    assert names["VAMP-2 gap"] == names["timescale error"] == "yellow"
    assert names["TICA JSD"] == "green"


def test_neither_rotations_nor_the_order_of_replicas_matter(folder, model, alone):
    rng = np.random.default_rng(0)
    turned = []
    for k, source in enumerate(model):
        frames = source.frames()
        rotations = Rotation.random(len(frames), rng=rng).as_matrix()
        moved = frames @ rotations + rng.normal(0, 5, (len(frames), 1, 3))
        turned.append(open_trajectory(save(folder / f"turned{k}.npz", moved, 20.0)))
    report = compute_report(turned, settings=QUICK)
    for part in ("torsions", "bonds", "angles"):
        for found, expected in zip(getattr(report, part), getattr(alone, part), strict=True):
            assert found.model_mean == pytest.approx(expected.model_mean, abs=1e-3)
    for kind in ("tica", "msm"):
        found, expected = (getattr(r.kinetics, f"model_{kind}") for r in (report, alone))
        np.testing.assert_allclose(
            found.timescales_ps[:, 0], expected.timescales_ps[:, 0], rtol=0.02
        )
    again = compute_report(model[::-1], settings=QUICK)
    assert again.torsions[0].model_mean == pytest.approx(alone.torsions[0].model_mean, abs=1e-6)
    np.testing.assert_allclose(
        again.kinetics.model_tica.timescales_ps, alone.kinetics.model_tica.timescales_ps, rtol=1e-6
    )


def test_a_lag_beyond_all_memory_is_said(folder, reference):
    slow = [opened(folder, f"rare{k}", 40_000, 60 + k, stride=100) for k in range(2)]
    report = compute_report(slow, reference, settings=QUICK)
    assert report.kinetics.resolved == 0
    assert report.kinetics.slow_lag_time_ps == 10
    assert "At 1000 ps the reference has forgotten" in report.notes[0]
    alone = compute_report(slow, settings=QUICK)
    assert "No process is resolved at 1000 ps" in alone.notes[0]


def test_energies_are_in_kJ_per_mol(compared):
    energies = compared.energies
    distance = ATOMS.positions[0, 0] - ATOMS.positions[1, 0]
    assert energies.model_distribution.samples <= QUICK.energy_frames
    assert energies.reference_distribution.mean == pytest.approx(96.485 * distance, abs=0.5)
    shift, low, high = energies.median_shift
    assert low < shift < high
    assert abs(shift) < 0.5


def test_frames_are_valid_and_bad_ones_are_listed(compared, folder):
    assert compared.model_geometry.invalid == 0
    positions = trajectory(200, 5)
    positions[7] *= 3
    positions[50] = np.nan
    source = open_trajectory(save(folder / "bad.npz", positions))
    report = compute_report([source], settings=QUICK)
    geometry = report.model_geometry
    assert geometry.first_frames == {"not_finite": (50,), "broken_bonds": (7,)}
    assert (geometry.frames, geometry.invalid, report.model.frames) == (200, 2, 199)
    observed = observe("model", [source], Coordinates.of(GRAPH))
    assert [len(run) for run in observed.torsions] == [50, 149]


def test_a_wrong_model_is_above_its_floor(reference, folder):
    wrong = [opened(folder, "wrong", 3000, 20, populations=[0.05, 0.9, 0.05])]
    report = compute_report(wrong, reference, settings=QUICK)
    equal = report.surfaces[-1].agreement["JSD"].equal_counts
    assert equal.model.low > equal.floor.high
    biggest = max(report.kinetics.model_populations.shares[:, 0])
    assert biggest > 1.5 * POPULATIONS.max()


def test_one_trajectory_alone_gets_a_traffic_light(alone):
    assert alone.reference is None
    assert alone.surfaces[0].reference is None
    assert not alone.surfaces[0].agreement
    assert alone.kinetics.vamp_gap is None
    assert alone.trust.light == "yellow"
    assert {found.check for found in alone.trust.findings} == {
        "reversibility",
        "replicas",
        "validity",
    }
    assert all(found.light == "green" for found in alone.trust.findings)
    assert alone.trust.missing == ("jumps",)


def test_too_few_data_make_notes_not_errors(folder):
    sources = [opened(folder, f"short{k}", 8, k) for k in range(2)]
    report = compute_report(sources, settings=QUICK)
    assert any("not available" in note for note in report.notes)
    assert report.kinetics.model_test is None


def test_same_seed_same_report(alone, model):
    assert compute_report(model, settings=QUICK).to_dict() == alone.to_dict()


def test_what_does_not_fit_is_refused(reference, model):
    with pytest.raises(DataError, match="equal spacing"):
        compute_report([*reference, *model])
    with pytest.raises(DataError, match="no frame is left after the first 5000"):
        compute_report(reference, settings=ReportSettings(skip_ps=50_000))
    with pytest.raises(DataError, match="states must be at least 2"):
        ReportSettings(states=1)
    with pytest.raises(DataError, match="multiples of 20 ps"):
        choose_lag(ReportSettings(lag_time_ps=30.0), [20.0])
    assert choose_lag(ReportSettings(), [20.0]) == 20
    assert choose_lag(ReportSettings(), [2.0, 3.0]) == 12


@pytest.mark.parametrize("kind", ["compared", "alone"])
def test_the_page_stands_alone_and_the_json_holds_its_numbers(kind, request, tmp_path):
    report = request.getfixturevalue(kind)
    written = write_report(report, tmp_path / "report")
    page = written.page.read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(source.startswith(("data:image/svg+xml;base64,", "#")) for source in sources)
    names = {path.stem for path in written.figures}
    expected = {"surface-1", "torsions", "bonds", "angles", "gyration", "timescales", "memory"}
    assert expected <= names
    assert ("energies" in names) == (kind == "compared")
    for name in names:
        assert f'id="{name}"' in page
    assert "nan" not in re.sub(r"base64,[^\"]*", "", page).lower().split()
    numbers = json.loads(written.data.read_text())
    assert numbers["model"]["frames"] == 2400
    if kind == "compared":
        value = report.surfaces[0].agreement["JSD"].value
        assert numbers["surfaces"][0]["agreement"]["JSD"]["value"] == value
        assert f"{value:.4f}" in page
    for anchor in re.findall(r'href="#([^"]*)"', page):
        assert f'id="{anchor}"' in page


def test_a_place_that_cannot_be_written_is_said(alone, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write a report"):
        write_report(alone, tmp_path / "file")
