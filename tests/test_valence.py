import numpy as np
import pytest

from ase_tito.graph import MolecularGraph
from ase_tito.valence import (
    certainly_multiple,
    charged_or_radical,
    lacking_hydrogens,
    neighbour_counts,
    valences,
)
from tests.molecules import molecule


def multiple(graph: MolecularGraph) -> set[tuple[int, int]]:
    chosen = certainly_multiple(graph, range(len(graph.bonds)))
    return {tuple(bond) for bond in graph.bonds[chosen].tolist()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2-butanol", set()),
        ("e-2-butene", {(1, 2)}),
        ("e-pentadiene", {(1, 2), (3, 4)}),
        ("ethanimine", {(1, 2)}),
        ("azomethane", {(1, 2)}),
        ("n-methylacetamide", {(1, 2)}),  # C=O; the C-N bond is single
        ("dimethylbenzene", set()),  # two Kekulé structures
        ("methylstyrene", {(1, 2)}),  # the vinyl group, not the ring
        ("cyclohexene", {(4, 5)}),
    ],
)
def test_bonds_that_are_multiple_in_every_resonance_structure(name, expected):
    assert multiple(molecule(name)[0]) == expected


def test_a_carboxylate_delocalizes_but_not_the_alkene_beside_it():
    # CH2=CH-COO⁻
    graph = MolecularGraph(
        [6, 6, 6, 8, 8, 1, 1, 1], [(0, 1), (1, 2), (2, 3), (2, 4), (0, 5), (0, 6), (1, 7)]
    )
    assert multiple(graph) == {(0, 1)}


def test_triple_bonds_and_nitro_groups():
    nitrile = MolecularGraph([6, 6, 7, 1, 1, 1], [(0, 1), (1, 2), (0, 3), (0, 4), (0, 5)])
    assert multiple(nitrile) == {(1, 2)}
    nitro = MolecularGraph([6, 7, 8, 8, 1, 1, 1], [(0, 1), (1, 2), (1, 3), (0, 4), (0, 5), (0, 6)])
    assert multiple(nitro) == set()


def test_elements_without_a_usual_valence_take_part_in_nothing():
    graph = MolecularGraph([26, 6, 6, 1, 1, 1], [(0, 1), (1, 2), (2, 3), (2, 4), (1, 5)])
    assert np.isinf(valences(graph)[0])
    assert multiple(graph) == {(1, 2)}


def test_neighbours_are_counted_for_every_atom():
    graph = MolecularGraph([8, 1, 1], [(0, 1), (0, 2)])
    assert neighbour_counts(graph).tolist() == [2, 1, 1]
    assert neighbour_counts(MolecularGraph([2], [])).tolist() == [0]


def test_asking_for_nothing_is_fine():
    assert certainly_multiple(MolecularGraph([2], []), []).tolist() == []


@pytest.mark.parametrize("name", ["2-butanol", "n-methylacetamide", "dimethylbenzene"])
def test_hydrogens_that_are_not_there_are_noticed(name):
    graph, _ = molecule(name)
    assert lacking_hydrogens(graph) == 0
    heavy = np.flatnonzero(graph.atomic_numbers != 1)
    bonds = [bond for bond in graph.bonds if np.isin(bond, heavy).all()]
    bare = MolecularGraph(graph.atomic_numbers[heavy], np.searchsorted(heavy, bonds))
    assert 1 <= lacking_hydrogens(bare) <= graph.n_atoms - len(heavy)


def test_lacking_hydrogens_are_as_few_as_they_can_be():
    # of ethane all six: a triple bond leaves one valence at either end
    assert lacking_hydrogens(MolecularGraph([6, 6], [(0, 1)])) == 2
    methyl = MolecularGraph([6, 1, 1, 1], [(0, 1), (0, 2), (0, 3)])
    assert lacking_hydrogens(methyl) == 1


def test_what_is_whole_without_hydrogens_lacks_none():
    tetrachloride = MolecularGraph([6, 17, 17, 17, 17], [(0, k) for k in range(1, 5)])
    cyanogen = MolecularGraph([7, 6, 6, 7], [(0, 1), (1, 2), (2, 3)])
    carboxylate = MolecularGraph([1, 6, 8, 8], [(0, 1), (1, 2), (1, 3)])
    for graph in (tetrachloride, cyanogen, carboxylate):
        assert lacking_hydrogens(graph) == 0


ARGININE = [(0, 1), (1, 2), (2, 3), (2, 4)]  # of its end, CH3-NH-C(NH2)2⁺
HISTIDINE = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]  # imidazolium: C2, N3, C4, C5, N1


def with_hydrogens(numbers, bonds, counts):
    """A graph with so many hydrogens on each of its first atoms."""
    numbers, bonds = list(numbers), list(bonds)
    for atom, count in enumerate(counts):
        for _ in range(count):
            bonds.append((atom, len(numbers)))
            numbers.append(1)
    return MolecularGraph(numbers, bonds)


class TestAmidiniumIons:
    GUANIDINIUM = (6, 7, 6, 7, 7), ARGININE
    IMIDAZOLIUM = (6, 7, 6, 6, 7), HISTIDINE

    def test_they_lack_nothing(self):
        assert lacking_hydrogens(with_hydrogens(*self.GUANIDINIUM, (3, 1, 0, 2, 2))) == 0
        assert lacking_hydrogens(with_hydrogens(*self.IMIDAZOLIUM, (1, 1, 1, 1, 1))) == 0

    def test_nor_do_the_neutral_molecules(self):
        assert lacking_hydrogens(with_hydrogens(*self.GUANIDINIUM, (3, 1, 0, 2, 1))) == 0
        assert lacking_hydrogens(with_hydrogens(*self.IMIDAZOLIUM, (1, 1, 1, 1, 0))) == 0

    def test_the_charge_serves_its_own_carbon_alone(self):
        assert lacking_hydrogens(with_hydrogens(*self.GUANIDINIUM, (2, 1, 0, 2, 2))) == 1
        assert lacking_hydrogens(with_hydrogens(*self.IMIDAZOLIUM, (1, 1, 0, 1, 1))) == 1

    def test_an_amine_is_none(self):
        assert lacking_hydrogens(with_hydrogens((6, 7), [(0, 1)], (2, 2))) == 1


class TestOxides:
    SULFINE = (6, 16, 8), [(0, 1), (1, 2)]  # CH2=S=O
    NITRILE_OXIDE = (6, 6, 6, 7, 8), [(0, 1), (1, 2), (2, 3), (3, 4)]  # CH3-CH2-C≡N⁺-O⁻
    NITRONE = (6, 7, 8, 6), [(0, 1), (1, 2), (1, 3)]  # CH2=N⁺(O⁻)-CH3
    SULFENE = (6, 16, 8, 8), [(0, 1), (1, 2), (1, 3)]  # CH2=SO2
    PYRIDINE_OXIDE = (
        (7, 6, 6, 6, 6, 6, 8),
        [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 0), (0, 6)],
    )
    SULFOXIDE = (6, 16, 8, 6), [(0, 1), (1, 2), (1, 3)]  # (CH3)2SO
    SULFONATE = (6, 16, 8, 8, 8), [(0, 1), (1, 2), (1, 3), (1, 4)]

    @pytest.mark.parametrize(
        ("heavy", "whole", "lacking_one"),
        [
            (SULFINE, (2,), (1,)),
            (NITRILE_OXIDE, (3, 2), (2, 2)),
            (NITRONE, (2, 0, 0, 3), (2, 0, 0, 2)),
            (SULFENE, (2,), (1,)),
            (PYRIDINE_OXIDE, (0, 1, 1, 1, 1, 1), (0, 1, 1, 0, 1, 1)),
            (SULFOXIDE, (3, 0, 0, 3), (3, 0, 0, 2)),
            (SULFONATE, (3,), (2,)),
        ],
    )
    def test_they_lack_nothing_but_what_is_taken_away(self, heavy, whole, lacking_one):
        assert lacking_hydrogens(with_hydrogens(*heavy, whole)) == 0
        assert lacking_hydrogens(with_hydrogens(*heavy, lacking_one)) == 1


AMMONIUM = MolecularGraph([7, 1, 1, 1, 1], [(0, 1), (0, 2), (0, 3), (0, 4)])
ACETATE = MolecularGraph([6, 6, 8, 8, 1, 1, 1], [(0, 1), (1, 2), (1, 3), (0, 4), (0, 5), (0, 6)])
NITROMETHANE = MolecularGraph(
    [6, 7, 8, 8, 1, 1, 1], [(0, 1), (1, 2), (1, 3), (0, 4), (0, 5), (0, 6)]
)
METHYL = MolecularGraph([6, 1, 1, 1], [(0, 1), (0, 2), (0, 3)])
CARBON_DIOXIDE = MolecularGraph([6, 8, 8], [(0, 1), (0, 2)])
SULFURIC_ACID = MolecularGraph(
    [16, 8, 8, 8, 8, 1, 1], [(0, 1), (0, 2), (0, 3), (0, 4), (3, 5), (4, 6)]
)


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (AMMONIUM, True),
        (ACETATE, True),
        (NITROMETHANE, True),
        (METHYL, True),
        (CARBON_DIOXIDE, False),
        (SULFURIC_ACID, False),
        (molecule("n-methylacetamide")[0], False),
        (molecule("dimethylbenzene")[0], False),
        (molecule("azomethane")[0], False),
    ],
)
def test_charges_and_unpaired_electrons_show_in_the_valences(graph, expected):
    assert charged_or_radical(graph) is expected
