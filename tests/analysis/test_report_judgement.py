"""What a report says of trajectories that are wrong, alone, or not to be told from right ones."""

import re

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ase_tito.analysis.files import open_trajectory
from ase_tito.analysis.report import (
    DoubledJumps,
    SingleJumps,
    compute_report,
)
from ase_tito.analysis.report.sections.cards import cards
from ase_tito.errors import DataError
from tests.analysis.butane import POPULATIONS, QUICK, opened, save, trajectory


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
