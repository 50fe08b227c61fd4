"""Which torsions count, and what their crossings say."""

import numpy as np
import pytest

pytest.importorskip("openmm")

from ase_tito.md.mixing import run_mixing, telling_torsions
from ase_tito.md.torsions import turned
from tests.molecules import molecule


def bonds_of(name):
    graph, _ = molecule(name)
    return {
        frozenset(int(graph.atomic_numbers[atom]) for atom in torsion.atoms[1:3])
        for torsion in telling_torsions(graph)
    }


def test_symmetric_rotors_do_not_count():
    graph, _ = molecule("n-methylacetamide")
    middles = {torsion.atoms[1:3] for torsion in telling_torsions(graph)}
    assert len(middles) == 1
    assert bonds_of("n-methylacetamide") == {frozenset((6, 7))}
    assert bonds_of("2-butanol") == {frozenset((6,)), frozenset((6, 8))}
    assert telling_torsions(molecule("azomethane")[0]) != []


def trajectory(angles):
    graph, positions = molecule("n-methylacetamide")
    torsion = telling_torsions(graph)[0].atoms
    return graph, np.stack([turned(positions, graph, torsion, angle) for angle in angles])


def test_a_torsion_that_turns_mixes_and_one_that_does_not_does_not():
    noise = np.random.default_rng(0).normal(0, 0.1, 600)
    sides = np.repeat(np.arange(24) % 2, 25) * np.pi
    graph, frames = trajectory(sides + noise)
    found = run_mixing([frames], graph, 1.0)
    assert found.mixes
    assert found.crossings == 23
    half = np.repeat((0.0, np.pi), 300)
    graph, frames = trajectory(half + noise)
    two = run_mixing([frames[:300], frames[300:]], graph, 1.0)
    assert not two.mixes
    assert two.crossings == 0
    assert two.both_sides == 0


def test_turning_turns_what_is_beyond_and_nothing_else():
    graph, positions = molecule("n-methylacetamide")
    torsion = telling_torsions(graph)[0].atoms
    from ase_tito.analysis.internals import dihedrals

    moved = turned(positions, graph, torsion, 1.0)
    assert dihedrals(moved[None], [torsion])[0, 0] == pytest.approx(1.0)
    a, i, j, _ = torsion
    assert np.array_equal(moved[[a, i]], positions[[a, i]])
    np.testing.assert_allclose(moved[j], positions[j], atol=1e-12)
    lengths = [
        np.linalg.norm(x[graph.bonds[:, 0]] - x[graph.bonds[:, 1]], axis=1)
        for x in (positions, moved)
    ]
    np.testing.assert_allclose(*lengths)


def test_too_little_to_tell():
    graph, frames = trajectory(np.zeros(20))
    assert run_mixing([frames], graph, 1.0) is None
    ethane_like, _ = molecule("n-methylacetamide")
    assert run_mixing([], ethane_like, 1.0) is None
    graph, frames = trajectory(np.zeros(100))
    assert run_mixing([frames], graph, 1.0) is None
