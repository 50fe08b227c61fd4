import numpy as np
import pytest
from ase.build import molecule as ase_molecule
from hypothesis import given, settings
from hypothesis import strategies as st

from ase_tito.errors import GraphError, StructureError, TITOWarning
from ase_tito.perception import build_graph, double_bond_labels, infer_bonds, tetrahedral_labels
from tests.molecules import NAMES, atoms_and_bonds, molecule

MIRROR = np.diag([1, 1, -1])


def configurations(graph) -> set[tuple[frozenset, int]]:
    """Double bonds and their labels, in whatever order and direction they are listed."""
    return {
        (frozenset({(a, i), (b, j)}), label) for a, i, j, b, label in graph.double_bonds.tolist()
    }


@pytest.mark.parametrize("name", NAMES)
def test_inferred_bonds_are_those_written_in_the_file(name):
    atoms, bonds = atoms_and_bonds(name)
    assert np.array_equal(infer_bonds(atoms.numbers, atoms.positions), bonds)


@pytest.mark.parametrize("name", ["CH3CH2OH", "C2H2", "CH3CN", "CH3SH", "C2H6CHOH", "CH3NO2"])
def test_inferred_bonds_make_one_molecule_of_the_g2_set(name):
    atoms = ase_molecule(name)
    graph = build_graph(atoms.numbers, atoms.positions)
    hydrogens = atoms.numbers == 1
    assert (np.bincount(graph.bonds.ravel())[hydrogens] == 1).all()


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(NAMES), st.randoms(use_true_random=False))
def test_graphs_do_not_depend_on_the_order_of_atoms(name, random):
    graph, positions = molecule(name)
    order = np.array(random.sample(range(graph.n_atoms), graph.n_atoms))
    perceived = build_graph(graph.atomic_numbers[order], positions[order])
    permuted = graph.permuted(order)
    assert np.array_equal(perceived.bonds, np.unique(np.sort(permuted.bonds, 1), axis=0))
    assert np.array_equal(perceived.tetrahedral, permuted.tetrahedral)
    assert configurations(perceived) == configurations(permuted)


@pytest.mark.parametrize("name", NAMES)
def test_mirror_images_have_the_mirrored_graph(name):
    graph, positions = molecule(name)
    mirrored = build_graph(graph.atomic_numbers, positions @ MIRROR, graph.bonds)
    assert np.array_equal(mirrored.tetrahedral, graph.mirrored().tetrahedral)
    assert np.array_equal(mirrored.double_bonds, graph.mirrored().double_bonds)


@pytest.mark.parametrize("name", NAMES)
def test_graphs_survive_thermal_noise(name):
    # 0.05 Å per coordinate is more than bonds and angles vibrate at 300 K
    graph, positions = molecule(name)
    rng = np.random.default_rng(0)
    for _ in range(10):
        noisy = build_graph(
            graph.atomic_numbers, positions + rng.normal(0, 0.05, positions.shape), graph.bonds
        )
        assert np.array_equal(noisy.tetrahedral, graph.tetrahedral)
        assert np.array_equal(noisy.double_bonds, graph.double_bonds)


def test_e_and_z_have_opposite_labels():
    assert molecule("e-2-butene")[0].double_bonds.tolist() == [[0, 1, 2, 3, -1]]
    assert molecule("z-2-butene")[0].double_bonds.tolist() == [[0, 1, 2, 3, 1]]


def test_exchanging_two_neighbours_inverts_a_centre():
    graph, positions = molecule("2-butanol")
    centre = int(np.flatnonzero(graph.tetrahedral)[0])
    hydrogen = next(
        int(atom)
        for bond in graph.bonds
        if centre in bond
        for atom in bond
        if graph.atomic_numbers[atom] == 1
    )
    oxygen = int(np.flatnonzero(graph.atomic_numbers == 8)[0])
    swapped = positions.copy()
    swapped[[hydrogen, oxygen]] = positions[[oxygen, hydrogen]]
    assert tetrahedral_labels(graph, swapped)[centre] == -graph.tetrahedral[centre]


def test_a_planar_stereocentre_warns_and_gets_no_label():
    graph, positions = molecule("2-butanol")
    centre = int(np.flatnonzero(graph.tetrahedral)[0])
    around = [int(a if b == centre else b) for a, b in graph.bonds if centre in (a, b)]
    flat = positions.copy()
    square = [[1.2, 0, 0], [0, 1.2, 0], [-1.2, 0, 0], [0, -1.2, 0]]
    flat[around] = flat[centre] + square
    with pytest.warns(TITOWarning, match=f"stereocentre {centre} is nearly planar"):
        assert tetrahedral_labels(graph, flat)[centre] == 0


def test_a_twisted_double_bond_warns_and_gets_no_label():
    graph, positions = molecule("e-2-butene")
    axis = positions[2] - positions[1]
    axis /= np.linalg.norm(axis)
    far = [
        k for k in range(graph.n_atoms) if graph.bond_distances[k, 2] < graph.bond_distances[k, 1]
    ]
    arm = positions[far] - positions[2]
    along = arm @ axis
    twisted = positions.copy()
    twisted[far] = positions[2] + np.outer(along, axis) + np.cross(axis, arm)
    with pytest.warns(TITOWarning, match="double bond 1=2 is twisted"):
        assert len(double_bond_labels(graph, twisted)) == 0


def test_given_bonds_are_trusted_over_distances():
    graph, positions = molecule("2-butanol")
    stretched = build_graph(graph.atomic_numbers, 1.4 * positions, graph.bonds)
    assert np.array_equal(stretched.bonds, graph.bonds)
    assert np.array_equal(stretched.tetrahedral, graph.tetrahedral)


def test_arguments_are_not_changed():
    graph, positions = molecule("threonine")
    before = positions.copy()
    build_graph(graph.atomic_numbers, positions)
    assert np.array_equal(positions, before)


def spoil(name):
    graph, positions = molecule("2-butanol")
    numbers = graph.atomic_numbers.copy()
    if name == "nan":
        positions[3, 1] = np.nan
    elif name == "overlap":
        positions[4] = positions[2] + 0.1
    elif name == "far apart":
        positions *= 10
    elif name == "nanometres":
        positions *= 0.1
    elif name == "two":
        positions[0] += 50
    elif name == "far":
        positions[2, 1] = 1e308
    elif name == "element":
        numbers[3] = 119
    elif name == "shape":
        positions = positions[:-1]
    return numbers, positions


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        ("nan", StructureError, "position of atom 3 is not finite"),
        ("far", StructureError, r"atom 2 is 1e\+308 Å from the origin: positions must be in Å"),
        ("element", StructureError, "must be elements, and there is none of number 119"),
        ("overlap", StructureError, "atoms 2 and 4 overlap: they are 0.17 Å apart"),
        ("far apart", StructureError, "no two atoms are within bonding distance"),
        ("nanometres", StructureError, "positions must be in Å"),
        ("two", GraphError, "separate molecules"),
        ("shape", StructureError, r"must have shape \(15, 3\)"),
    ],
)
def test_refuses_reference_frames_without_a_molecule(damage, error, message):
    with pytest.raises(error, match=message):
        build_graph(*spoil(damage))
