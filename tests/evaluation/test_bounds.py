import numpy as np
import pytest

from ase_tito.errors import ConfigError
from ase_tito.evaluation import Figure, MoleculeResult, judge, parse_bound, summarize


def result(name, **figures):
    return MoleculeResult(
        *(name, "", "H2", "small molecules", 2, {}, {}),
        {key.replace("__", "."): figure for key, figure in figures.items()},
        *({}, {}, {}, ()),
    )


@pytest.fixture
def results():
    return [
        result(
            str(k),
            nested__jsd=Figure(0.1 * k, equal=0.1 * k, floor=0.05),
            nested__memory=Figure(-k),
        )
        for k in range(5)
    ]


def met(text, results):
    (verdict,) = judge([parse_bound(text)], results)
    return verdict.met


def test_bounds_are_judged_by_statistics_over_molecules(results):
    assert met("nested.jsd.median <= 0.2", results)
    assert not met("nested.jsd.median <= .19", results)
    assert met("nested.jsd.excess.mean<=0.151", results)
    assert met("nested.jsd.mean >= 2e-1", results)
    assert met("nested.memory.max_abs >= 4", results)
    assert not met("nested.memory.max >= 0.5", results)


def test_a_bound_may_depend_on_the_floor(results):
    assert met("nested.jsd.median <= floor + 0.15", results)
    assert not met("nested.jsd.median <= floor + 0.14", results)
    assert met("nested.jsd.median <= 0.1 or floor + 0.15", results)
    assert met("nested.jsd.median >= floor - 0.1", results)
    assert met("nested.jsd.equal.min <= floor", results)


def test_without_a_figure_no_bound_is_met(results):
    for relation in ("<=", ">="):
        assert not met(f"single.jsd.median {relation} 0", results)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("jsd <= 1", "cannot read"),
        ("nested.jsd.median = 1", "cannot read"),
        ("nested.jds.median <= 1", "names no figure; there are nested.jsd,"),
        ("nested.jsd.middle <= 1", "names no statistic; there are mean, median"),
        ("nested.jsd.top.median <= 1", "names no part; there are value, equal"),
        ("nested.jsd.median <= low", "'low' in the bound"),
        ("nested.jsd.median <= 1 or ", "no limit|cannot read"),
    ],
)
def test_what_cannot_be_read_is_named(text, reason):
    with pytest.raises(ConfigError, match=reason):
        parse_bound(text)


def test_summaries_have_means_medians_and_intervals(results):
    jsd, memory = summarize(results)
    assert (jsd.key, memory.key) == ("nested.jsd", "nested.memory")
    assert jsd.mean["value"] == pytest.approx(0.2)
    assert jsd.median["excess"] == pytest.approx(0.15)
    assert jsd.median_interval[0] < 0.2 < jsd.median_interval[1]
    assert np.isnan(memory.mean["floor"])
    (single,) = summarize([result("x", nested__jsd=Figure(0.3, 0.2, 0.5))])
    assert single.mean_interval == (0.2, 0.5)


def test_infinite_figures_are_not_hidden():
    results = [result(str(k), nested__timescale_error=Figure(v)) for k, v in enumerate((1, np.inf))]
    (summary,) = summarize(results)
    assert np.isinf(summary.mean["value"])
    assert np.isnan(summary.mean_interval[0])
    values = results[1].to_dict()["figures"]["nested.timescale_error"]
    assert values["value"] == "inf"
    assert values["low"] is None
