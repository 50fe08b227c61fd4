"""The benchmark of priors: its choices of data, and each part at a size that says nothing."""

import json

import numpy as np
import pytest

pytest.importorskip("openmm")

SMALL = ("--minutes", "0.005", "--features", "8", "--single-jumps", "4", "--samples", "20")


@pytest.fixture
def setting(load, runs, tmp_path):
    command = ["efficiency", *map(str, runs), "--output", str(tmp_path / "report")]
    options = load("prior").arguments(command)
    return load("prior_setting").Setting(options)


def test_torsions_turn_the_short_way(load):
    turned = load("prior_setting").turned
    assert turned(np.deg2rad([[170.0]]), np.deg2rad([-170.0])) == pytest.approx(np.deg2rad(20))


def test_what_is_done_is_kept(setting):
    made = []

    def make():
        made.append(1)
        return {"value": 1.5}

    assert setting.once("part", make) == setting.once("part", make) == {"value": 1.5}
    assert len(made) == 1


def test_the_judge_trains_nothing(load, setting, runs):
    sets = load("prior_efficiency").cut(setting, setting.options)
    assert sets["all"] == runs[:1]
    lengths = {}
    for name in ("first", "short"):
        arrays = [np.load(path)["positions"] for path in sets[name]]
        lengths[name] = [len(positions) for positions in arrays]
        with np.load(runs[0]) as file:
            first = file["positions"]
        assert all((first == positions[0]).all((1, 2)).any() for positions in arrays)
    assert lengths == {"first": [120], "short": []}  # too short a run for any of 200 ps


def test_short_runs_start_anywhere_alike(load):
    angles = np.full((1000, 2), -2.0)
    angles[:10] = 2.0
    rng = np.random.default_rng(0)
    starts = load("prior_efficiency").short_starts(angles, 400, rng)
    assert 0.4 < np.mean(np.array(starts) < 10) < 0.6


def test_efficiency_takes_two_runs(load, runs, tmp_path, capsys):
    with pytest.raises(SystemExit):
        load("prior").main(["efficiency", str(runs[0]), "--output", str(tmp_path)])
    assert "the last one judges" in capsys.readouterr().err


def test_no_share_is_refused(load, runs, tmp_path, capsys):
    given = ["efficiency", *map(str, runs), "--output", str(tmp_path), "--share", "0"]
    with pytest.raises(SystemExit):
        load("prior").main(given)
    assert "--share must be above 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("part", "more", "lines", "figure"),
    [
        ("equilibrium", (), 3, True),
        ("relaxation", ("--relaxation-lags-ps", "1", "10"), 2, True),
        (
            "efficiency",
            ("--sets", "all", "--seeds", "1", "--replicas", "4", "--jumps", "6"),
            2,
            True,
        ),
        ("interpolation", ("--lags-ps", "4"), 2, False),
        ("score", ("--states", "1"), 5, False),
    ],
)
def test_parts(load, runs, tmp_path, capsys, part, more, lines, figure):
    output = tmp_path / "report"
    command = [part, *map(str, runs), "--output", str(output), *SMALL, *more]
    text = load("prior").main(command)
    assert text in capsys.readouterr().out
    assert (output / f"{part}.md").read_text() == text
    assert sum(line.startswith("|") for line in text.splitlines()) == lines + 2
    assert (output / f"{part}.png").exists() == figure
    kept = {path: path.stat().st_mtime_ns for path in (output / "parts").rglob("*.json")}
    assert kept
    assert all(json.loads(path.read_text()) for path in kept)
    assert load("prior").main(command) == text
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
