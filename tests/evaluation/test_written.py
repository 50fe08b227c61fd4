"""Tables and pictures of results that were made up."""

import csv
import json
import re

import numpy as np
import pytest

from ase_tito.analysis import histogram
from ase_tito.errors import OutputError
from ase_tito.evaluation import (
    CATALOGUE,
    Evaluation,
    EvaluationSettings,
    Figure,
    MoleculeResult,
    Timescales,
    judge,
    parse_bound,
    read_evaluation,
    write_evaluation,
)
from ase_tito.evaluation.catalogue import PAPER, all_keys
from ase_tito.evaluation.figures import histogram_figure, surface_figure


def made_up(k, dimensions=2, kind="small molecules"):
    rng = np.random.default_rng(k)
    surface = histogram(rng.normal(size=(500, dimensions)), [np.linspace(-3, 3, 31)] * dimensions)
    figures = {
        key: Figure(v, 0.9 * v, 1.1 * v, v, 0.05)
        for key, v in zip(all_keys(), rng.gamma(2, 0.1, len(all_keys())), strict=True)
    }
    figures["nested.jsd"] = Figure(0.1 + 0.1 * k, 0.05, 0.2, 0.1 + 0.1 * k, 0.05)
    return MoleculeResult(
        f"molecule-{k}",
        "C" * k,
        "CH4",
        kind,
        5 + k,
        {
            **{"replicas": 32, "jumps": 64, "single_jumps": 640, "lag_time_ps": 57.0},
            **{"temperature_K": 300.0, "ode": {"method": "euler", "steps": 40}},
        },
        {"frames": 1000, "equilibrium_mixing": {"crossings": 7 + 10 * k, "mixes": k > 1}},
        figures,
        {"nested": {"bonds": k, "clashes": 1}, "single": {"bonds": 0, "clashes": 0}},
        {"nested": Timescales((np.inf, 400.0), (900.0, 300.0 + k), (False, True))},
        {"MD": surface, "nested": surface, "single": surface},
        ("It does not mix.",) if k == 0 else (),
    )


def evaluation(*results, failures=None):
    return Evaluation("toy", "made up", EvaluationSettings(), results, failures or {})


def test_all_that_is_written_agrees(tmp_path):
    made = evaluation(*map(made_up, range(5)), failures={"broken": "no bonds"})
    verdicts = judge([parse_bound("nested.jsd.max <= 0.2")], made.results)
    written = write_evaluation(made, tmp_path, verdicts)
    text = written.page.read_text()
    assert "| `nested.jsd.max <= 0.2` | 0.500 | **not met** |" in text
    assert "- broken: no bonds" in text
    assert "- molecule-0: It does not mix." in text
    assert re.search(r"\| broken bond \| 10 \|", text)
    assert "0.097 / 0.087" in text
    rows = [line for line in text.splitlines() if line.startswith("| molecule-")]
    assert rows[0].startswith("| molecule-4 | 9 | 1,000 | 47 |")  # the worst first
    assert rows[4].startswith("| molecule-0 | 5 | 1,000 | 7 (!) |")
    for match in re.findall(r"\]\((.+?)\)", text):
        assert (tmp_path / match).stat().st_size > 10_000
    table = list(csv.DictReader(written.table.read_text().splitlines()))
    assert [row["molecule"] for row in table] == [f"molecule-{k}" for k in range(5)]
    assert float(table[2]["nested.jsd.excess"]) == pytest.approx(0.25)
    data = json.loads(written.data.read_text())
    assert data["molecules"][2]["figures"]["nested.jsd"]["equal"] == pytest.approx(0.3)
    assert data["summary"][0]["median"]["excess"] == pytest.approx(0.25)
    assert data["not_evaluated"] == {"broken": "no bonds"}


def test_tables_of_mixed_kinds_have_no_column_of_the_paper(tmp_path):
    written = write_evaluation(evaluation(made_up(1), made_up(2, kind="peptides")), tmp_path)
    assert "paper" not in written.page.read_text().replace("the paper", "")


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_surfaces_of_the_worst_the_median_and_the_best(count):
    figure = surface_figure([made_up(k) for k in range(count)])
    labels = [axis.get_ylabel() for axis in figure.axes if "excess" in axis.get_ylabel()]
    assert len(labels) == min(count, 3)
    assert f"molecule-{count - 1}" in labels[0]
    if count > 1:
        assert labels[0].startswith("worst")
        assert labels[-1].startswith("best: molecule-0")


def test_pictures_of_what_there_is():
    """One slow coordinate, no kinetics, and timescales that are infinite."""
    results = [made_up(k, dimensions=1) for k in range(3)]
    for result in results:
        del result.figures["nested.vamp_gap"]
        del result.surfaces["single"]
        result.figures["nested.timescale_error"] = Figure(np.inf, equal=np.inf, floor=0.1)
    for figure in (histogram_figure(results), surface_figure(results)):
        figure.canvas.draw()


@pytest.mark.parametrize("outlier", [50.0, np.inf])
def test_an_outlier_leaves_the_others_apart_and_is_counted(outlier):
    results = [made_up(k) for k in range(15)]
    for k, result in enumerate(results):
        for key in ("jsd_release", "vamp_gap", "timescale_error"):
            result.figures[f"nested.{key}"] = Figure(0.02 * k, equal=0.02 * k, floor=0.1)
    results[3].figures["nested.timescale_error"] = Figure(outlier, equal=outlier, floor=0.1)
    results[4].figures["nested.vamp_gap"] = Figure(-50.0, equal=-50.0, floor=0.1)
    axes = histogram_figure(results).axes
    assert [[text.get_text() for text in axis.texts] for axis in axes] == [
        [],
        ["1 beyond"],
        ["1 beyond"],
    ]
    for axis in axes[1:]:
        assert axis.get_xlim()[1] - axis.get_xlim()[0] < 2
        assert axis.patches[0].get_data().values.sum() == 15


def test_an_evaluation_is_read_as_it_was_written(tmp_path):
    made = evaluation(made_up(1), made_up(2), failures={"broken": "no bonds"})
    write_evaluation(made, tmp_path)
    for k, result in enumerate((made_up(5), *made.results)):
        folder = tmp_path / "molecules" / made.results[max(0, k - 1)].name / f"key{k}"
        folder.mkdir(parents=True)
        (folder / "result-0.json").write_text(json.dumps(result.to_dict()))
    found = read_evaluation(tmp_path)
    assert [r.to_dict() for r in found.results] == [r.to_dict() for r in made.results]
    assert found.results[0].timescales["nested"].reference_ps[0] == np.inf
    assert (found.settings, found.failures) == (made.settings, made.failures)
    (tmp_path / "molecules/molecule-2/key2/result-0.json").unlink()
    with pytest.raises(OutputError, match="lacks the result of molecule-2: run ase-tito evaluate"):
        read_evaluation(tmp_path)


def test_what_is_no_evaluation_of_this_version_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be read"):
        read_evaluation(tmp_path)
    written = write_evaluation(evaluation(made_up(1)), tmp_path)
    written.data.write_text(written.data.read_text().replace('"timescales"', '"scales"'))
    with pytest.raises(OutputError, match=r"of this version .*keeps the samples"):
        read_evaluation(tmp_path)


def test_the_catalogue_is_whole():
    assert len({info.key for info in CATALOGUE}) == len(CATALOGUE)
    for figures in PAPER.values():
        assert set(figures) <= set(all_keys())
    for info in CATALOGUE:
        assert info.format(float("nan")) == ""
        assert "-" not in info.format(-1e-9)
