import pytest

from ase_tito.errors import ConfigError
from ase_tito.evaluation.settings import EvaluationSettings, kind_of, parse_ode
from ase_tito.flow.ode import OdeSettings
from tests.analysis.butane import GRAPH


@pytest.fixture(scope="module")
def dialanine():
    """N-acetyl-dialanine-N-methylamide without its hydrogens: two residues."""
    from ase_tito.graph import MolecularGraph

    numbers = [6, 6, 8, 7, 6, 6, 6, 8, 7, 6, 6, 6, 8, 7, 6, 1, 1]
    bonds = [(0, 1), (1, 2), (1, 3), (3, 4), (4, 5), (4, 6), (6, 7), (6, 8), (8, 9), (9, 10)]
    bonds += [(9, 11), (11, 12), (11, 13), (13, 14), (4, 15), (9, 16)]
    return MolecularGraph(numbers, bonds)


def test_presets_are_the_papers_or_a_tenth(dialanine):
    assert [kind_of(graph) for graph in (GRAPH, dialanine)] == ["small molecules", "peptides"]
    paper, quick = EvaluationSettings(preset="paper"), EvaluationSettings()
    small, peptide = (paper.plan(graph, [1.0]) for graph in (GRAPH, dialanine))
    assert (small.replicas, small.jumps, small.lag_time_ps) == (32, 640, 57.0)
    assert (peptide.replicas, peptide.jumps, peptide.lag_time_ps) == (32, 500, 250.0)
    assert quick.plan(GRAPH, [1.0]).jumps == 64


def test_every_number_can_be_chosen():
    settings = EvaluationSettings(replicas=5, jumps=6, single_jumps=0, lag_time_ps=7.0)
    plan = settings.plan(GRAPH, [2.0])
    assert (plan.replicas, plan.jumps, plan.single_jumps, plan.lag_time_ps) == (5, 6, 0, 7.0)


@pytest.mark.parametrize(("spacings", "lag"), [([5.0], 55.0), ([5.0, 2.0], 60.0), ([100.0], 100.0)])
def test_the_preset_s_lag_is_rounded_to_frames(spacings, lag):
    assert EvaluationSettings().plan(GRAPH, spacings).lag_time_ps == lag


def test_integration_is_written_in_one_word():
    assert parse_ode("midpoint-40") == OdeSettings("midpoint", 20)
    assert parse_ode("euler-8-even") == OdeSettings("euler", 8, "even")
    assert parse_ode("dopri5") == OdeSettings("dopri5")
    for text in ("midpoint", "euler-x", "leap-3", "midpoint-7", "euler-8-odd", "dopri5-3", ""):
        with pytest.raises(ConfigError):
            parse_ode(text)
