"""Equal atoms keep their names, and no molecule is changed by it."""

import numpy as np
import pytest
from ase.build import molecule as build_molecule
from scipy.spatial.distance import cdist

from ase_tito.limits import labelled_stereochemistry
from ase_tito.prostereo import prostereogenic_elements, with_sides_of
from ase_tito.stereo import handedness
from ase_tito.structure import graph_from_atoms
from tests.molecules import NAMES, molecule

FROM_ASE = ("CH4", "C2H6", "C2H4", "CH3CH2OH", "isobutane", "isobutene", "trans-butane")


def any_molecule(name):
    if name in NAMES:
        return molecule(name)
    atoms = build_molecule(name)
    return graph_from_atoms(atoms), atoms.positions


def renamed(graph, positions, rng, count=20):
    """Frames of the geometry, equal atoms of each named at random."""
    exchanges = prostereogenic_elements(graph).exchanges
    frames = []
    for _ in range(count):
        frame = positions
        for exchange in exchanges[rng.random(len(exchanges)) < 0.5]:
            frame = frame[exchange]
        frames.append(frame)
    return np.array(frames)


@pytest.mark.parametrize(
    ("name", "centres", "double_bonds"),
    [
        ("CH4", 1, 0),
        ("C2H6", 2, 0),
        ("C2H4", 0, 1),  # exchanging both ends is a rotation
        ("CH3CH2OH", 2, 0),
        ("isobutane", 4, 0),  # CH and three methyls
        ("isobutene", 2, 1),
        ("2-butanol", 3, 0),  # two methyls and the methylene: the stereocentre has a label
        ("n-methylacetamide", 2, 0),  # the amide is no double bond
        ("e-2-butene", 2, 0),
        ("cyclohexene", 4, 0),  # methylenes of a ring
        ("C6H6", 0, 0),
    ],
)
def test_what_is_prostereogenic(name, centres, double_bonds):
    found = prostereogenic_elements(any_molecule(name)[0])
    assert (len(found.centres), len(found.double_bonds)) == (centres, double_bonds)


@pytest.mark.parametrize("name", [*NAMES, *FROM_ASE])
def test_names_come_back(name):
    graph, x = any_molecule(name)
    elements = prostereogenic_elements(graph)
    frames = renamed(graph, x, np.random.default_rng(0))
    assert not len(elements.exchanges) or (elements.sides(frames) != elements.sides(x)).any()
    named = with_sides_of(x, frames, graph)
    assert np.array_equal(
        elements.sides(named), np.broadcast_to(elements.sides(x), (20, *elements.outward.shape))
    )
    assert with_sides_of(x, named, graph) is named
    # the same molecule under other names: one atom at each place, bonds where bonds were
    for frame in named:
        place = cdist(frame, x).argmin(1)
        assert np.allclose(frame, x[place])
        assert sorted(place) == list(range(graph.n_atoms))
        assert np.array_equal(graph.atomic_numbers[place], graph.atomic_numbers)
        assert np.array_equal(graph.bond_distances[place][:, place], graph.bond_distances)
    stereo = labelled_stereochemistry(graph)
    hands = handedness(named[:, stereo.centres], named[:, stereo.neighbours])
    assert (hands * stereo.hands > 0).all()


def test_the_mirror_image_of_an_achiral_molecule_is_itself_under_other_names():
    graph, x = any_molecule("trans-butane")
    mirrored = with_sides_of(x, x[None] * [1, 1, -1], graph)[0]
    assert np.array_equal(
        prostereogenic_elements(graph).sides(mirrored), prostereogenic_elements(graph).sides(x)
    )
    carbons = np.flatnonzero(graph.atomic_numbers == 6)
    assert np.allclose(mirrored[carbons], x[carbons] * [1, 1, -1])


def test_references_may_differ_frame_by_frame():
    graph, x = any_molecule("isobutane")
    rng = np.random.default_rng(1)
    references, frames = renamed(graph, x, rng), renamed(graph, x, rng)
    sides = prostereogenic_elements(graph).sides
    assert np.array_equal(sides(with_sides_of(references, frames, graph)), sides(references))


def test_flat_and_lost_elements_are_left_alone():
    graph, x = any_molecule("CH3CH2OH")
    flat, lost = x * [1, 1, 0], np.full_like(x, np.nan)
    frames = np.array([flat, lost])
    assert with_sides_of(x, frames, graph) is frames
