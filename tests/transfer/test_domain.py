import json
from dataclasses import replace

import numpy as np
import pytest

from ase_tito.canonical import graph_key
from ase_tito.errors import ConfigError, DomainError
from ase_tito.graph import MolecularGraph
from ase_tito.transfer.domain import NO_LAGS, Domain

ENTRIES = {
    "lag_range_ps": (1.0, 1000.0),
    "temperature_range_K": (300.0, 300.0),
    "elements": (8, 6, 1, 1),
    "n_atoms_range": (9, 22),
}


@pytest.fixture
def domain():
    return Domain(**ENTRIES)


def test_domain_survives_json(domain):
    assert domain.elements == (1, 6, 8)
    assert Domain.from_dict(json.loads(json.dumps(domain.to_dict()))) == domain


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lag_range_ps", (0.0, 10.0)),
        ("lag_range_ps", (10.0, 1.0)),
        ("lag_range_ps", (1.0, float("inf"))),
        ("lag_range_ps", (1.0,)),
        ("lag_range_ps", 1.0),
        ("lag_range_ps", ("a", "b")),
        ("temperature_range_K", (float("nan"), 300.0)),
        ("n_atoms_range", (1.5, 3)),
        ("elements", ()),
        ("elements", (0, 6)),
        ("elements", ("C",)),
        ("molecules", ("ethanol",)),
        ("acyclic_only", "yes"),
        ("colour", 3),
    ],
)
def test_impossible_entries_are_refused(name, value):
    with pytest.raises(ConfigError, match=name):
        Domain.from_dict({**ENTRIES, name: value})


def test_missing_entries_are_named():
    with pytest.raises(ConfigError, match="missing entries of the domain: lag_range_ps"):
        Domain.from_dict({k: v for k, v in ENTRIES.items() if k != "lag_range_ps"})


def test_lags(domain):
    domain.check_lag(1.0)
    domain.check_lag(1000.0000001)  # went through ASE's units
    with pytest.raises(DomainError, match=r"2000 ps .* 1 to 1000 ps; .* nested jumps"):
        domain.check_lag(2000.0)
    with pytest.raises(DomainError, match=r"0\.5 ps .* 1 to 1000 ps; .* molecular dynamics"):
        domain.check_lag(0.5)
    with pytest.raises(DomainError, match="nan"):
        domain.check_lag(float("nan"))


def test_a_model_of_equilibrium_alone_has_no_lags():
    alone = Domain(**{**ENTRIES, "lag_range_ps": NO_LAGS})
    assert Domain.from_dict(json.loads(json.dumps(alone.to_dict()))) == alone
    assert not alone.makes_jumps
    with pytest.raises(DomainError, match="equilibrium alone and makes no jumps"):
        alone.check_lag(0.0)


def test_temperatures(domain):
    assert domain.resolve_temperature(None) == 300.0
    assert domain.resolve_temperature(300.0) == 300.0
    with pytest.raises(DomainError, match=r"310 K is outside the trained range, 300 K"):
        domain.check_temperature(310.0)
    wide = Domain(**{**ENTRIES, "temperature_range_K": (280.0, 350.0)})
    wide.check_temperature(310.0)
    with pytest.raises(DomainError, match=r"280 to 350 K: pass temperature_K"):
        wide.resolve_temperature(None)


def test_objections_name_each_reason(domain):
    assert domain.objections(MolecularGraph([8, 1, 1], [[0, 1], [0, 2]]), 300.0) == []
    ring = MolecularGraph([8, 7, 17], [[0, 1], [1, 2], [0, 2]])
    elements, rings, temperature = domain.objections(ring, 400.0)
    assert "N, Cl, only H, C, O" in elements
    assert "1 ring" in rings
    assert "400 K" in temperature


def test_a_model_of_one_molecule_refuses_others_but_not_their_order_or_mirror_image():
    graph = MolecularGraph([6, 1, 1, 8, 1], [[0, 1], [0, 2], [0, 3], [3, 4]], [1, 0, 0, 0, 0])
    domain = Domain(**ENTRIES, molecules=(graph_key(graph),))
    assert domain.objections(graph.permuted([4, 2, 0, 1, 3])) == []
    assert domain.objections(graph.mirrored()) == []
    isomer = MolecularGraph([6, 1, 1, 8, 1], [[0, 1], [0, 2], [0, 3], [0, 4]])
    (reason,) = domain.objections(isomer)
    assert graph_key(graph) in reason
    assert graph_key(isomer) in reason


def test_sizes_beyond_training_are_cautions(domain):
    chain = MolecularGraph([1, *[8] * 8, 1], [[k, k + 1] for k in range(9)])
    assert domain.cautions(chain) == []
    (caution,) = domain.cautions(MolecularGraph([8, 8], [[0, 1]]))
    assert "2 atoms" in caution
    assert "9 to 22" in caution


def test_molecules_without_their_hydrogens_are_told_apart_from_others(ethanol):
    graph, _ = ethanol
    own = Domain((1.0, 100.0), (300.0, 300.0), (1, 6, 8), (2, 20), molecules=None)
    heavy = MolecularGraph([6, 6, 8], [(0, 1), (1, 2)])
    (objection,) = own.objections(heavy)
    assert objection.startswith("this one has no hydrogens")
    kept = np.delete(np.arange(9), np.flatnonzero(graph.atomic_numbers == 1)[-1])
    bonds = [bond for bond in graph.bonds if np.isin(bond, kept).all()]
    radical = MolecularGraph(graph.atomic_numbers[kept], np.searchsorted(kept, bonds))
    assert own.objections(radical) == []
    assert own.objections(graph) == own.cautions(graph) == []
    (caution,) = own.cautions(radical)
    assert caution.startswith("carbon atoms lack hydrogens")


def test_charged_atoms_are_cautions_but_not_among_peptides(ethanol):
    graph, _ = ethanol
    own = Domain((1.0, 100.0), (300.0, 300.0), (1, 6, 7, 8), (2, 20), molecules=None)
    ethoxide = MolecularGraph(
        [6, 6, 8, *[1] * 5], [(0, 1), (1, 2), (0, 3), (0, 4), (0, 5), (1, 6), (1, 7)]
    )
    methylammonium = MolecularGraph(
        [6, 7, *[1] * 6], [(0, 1), (0, 2), (0, 3), (0, 4), (1, 5), (1, 6), (1, 7)]
    )
    for ion in (ethoxide, methylammonium):
        (caution,) = own.cautions(ion)
        assert caution.startswith("it is an ion or a radical")
        assert replace(own, peptides_only=True).cautions(ion) == []
        assert replace(own, molecules=(graph_key(ion),)).cautions(ion) == []
    assert own.cautions(graph) == []


def test_a_domain_of_peptides_refuses_what_is_none():
    methanol = MolecularGraph(
        np.array([6, 8, 1, 1, 1, 1]), [(0, 1), (0, 2), (0, 3), (0, 4), (1, 5)]
    )
    entries = ENTRIES | {"n_atoms_range": (6, 22), "peptides_only": True}
    assert "peptides only" in Domain(**entries).objections(methanol)[0]
    assert Domain.from_dict(ENTRIES).peptides_only is False
    with pytest.raises(ConfigError, match="peptides_only must be true or false"):
        Domain(**entries | {"peptides_only": 1})
