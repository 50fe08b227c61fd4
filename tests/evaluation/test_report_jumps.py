"""Jumps for a report on trajectories of an operator that is known exactly."""

import numpy as np
import pytest

from ase_tito.analysis.files import open_trajectory, spread_frames
from ase_tito.analysis.report import ReportSettings
from ase_tito.errors import DataError
from ase_tito.evaluation.report_jumps import jumps_for_report


@pytest.fixture
def trajectories(reference, tmp_path):
    """The reference's runs as files: a frame each 2 ps."""
    paths = []
    for run in reference.runs:
        paths.append(tmp_path / f"{run.name}.npz")
        np.savez(
            paths[-1],
            positions=run.positions,
            atomic_numbers=run.graph.atomic_numbers,
            bonds=run.graph.bonds,
            frame_spacing_ps=2.0,
            temperature_K=300.0,
        )
    return [open_trajectory(path) for path in paths]


def test_jumps_are_made_from_frames_of_the_trajectories(operator, trajectories):
    done = []
    doubled, single = jumps_for_report(
        operator, trajectories, starts=20, start_frame=7, progress=done.append
    )
    assert doubled.lag_time_ps == 2
    np.testing.assert_array_equal(doubled.starts, spread_frames(trajectories, 20))
    assert doubled.finite.all()
    # kinetics are compared at 10 ps, five frames
    assert single.lag_times_ps == (10.0, 20.0, 50.0, 100.0)
    np.testing.assert_array_equal(single.start, trajectories[0].frames()[7])
    assert [len(part) for part in single.positions] == [10] * 4
    assert sum(done) == 3 * 20 + 4 * 10
    again, _ = jumps_for_report(operator, trajectories, starts=20, start_frame=7)
    np.testing.assert_array_equal(again.two_jumps, doubled.two_jumps)


def test_single_jumps_start_where_the_reference_is(operator, trajectories):
    settings = ReportSettings(lag_time_ps=40.0)
    _, single = jumps_for_report(
        operator, trajectories[:1], trajectories[1:], settings=settings, starts=4, start_frame=1
    )
    np.testing.assert_array_equal(single.start, trajectories[1].frames()[1])
    assert single.lag_times_ps[0] == 40


def test_what_cannot_be_done_is_said(operator, trajectories):
    with pytest.raises(DataError, match="from 2 to 4000 frames, not 1"):
        jumps_for_report(operator, trajectories, starts=1)
    with pytest.raises(DataError, match="has no frame 600"):
        jumps_for_report(operator, trajectories, starts=2, start_frame=600)
    trajectories[0].description["model_sha256"] = "other"
    with pytest.raises(DataError, match="other weights"):
        jumps_for_report(operator, trajectories, starts=2)
