import numpy as np
import pytest
from ase.build import molecule

from ase_tito.analysis import dihedrals, proper_torsions, sine_cosine
from ase_tito.analysis.features import (
    Features,
    angle_features,
    bonded_triples,
    distance_features,
    torsion_features,
)
from ase_tito.analysis.torsions import torsion_atoms
from ase_tito.errors import DataError
from ase_tito.perception import infer_bonds


@pytest.fixture(scope="module")
def ethanol():
    atoms = molecule("CH3CH2OH")
    return atoms, infer_bonds(atoms.numbers, atoms.positions)


@pytest.fixture(scope="module")
def frames(ethanol):
    rng = np.random.default_rng(0)
    return ethanol[0].positions + rng.normal(0, 0.05, size=(70, len(ethanol[0]), 3))


def test_torsions_are_the_sines_and_cosines_of_their_names(ethanol, frames):
    atoms, bonds = ethanol
    torsions = proper_torsions(atoms.numbers, bonds)
    features = torsion_features(torsions)
    expected = sine_cosine(dihedrals(frames, torsion_atoms(torsions)))
    np.testing.assert_allclose(features(frames), expected)
    last = torsions[-1]
    assert features.names[-1] == f"sin {last.name}"
    np.testing.assert_allclose(
        features(frames)[:, -1], np.sin(dihedrals(frames, [last.atoms])[:, 0])
    )


def test_chunks_give_what_the_whole_gives(ethanol, frames):
    atoms, bonds = ethanol
    triples = bonded_triples(len(atoms), bonds)
    features = distance_features(bonds, atoms.numbers) + angle_features(triples, atoms.numbers)
    assert len(features.names) == len(bonds) + len(triples) == 8 + 13
    chunks = (frames[k : k + 32] for k in range(0, 70, 32))
    np.testing.assert_allclose(features.of_chunks(chunks), features(frames), rtol=1e-5)
    assert features.names[0] == "C0-C1"


def test_user_functions_are_checked(frames):
    both = Features(("x", "y"), lambda x: x[:, 0, :2]) + Features(("z",), lambda x: x[:, 0, 2:])
    np.testing.assert_array_equal(both(frames), frames[:, 0])
    with pytest.raises(DataError, match="70 frames and 1 names"):
        Features(("x",), lambda x: x[:, 0])(frames)
    broken = frames.copy()
    broken[3] = np.nan
    with pytest.raises(DataError, match="feature 'z' of frame 3 is not finite"):
        Features(("z",), lambda x: x[:, 0, 2:])(broken)
    with pytest.raises(DataError, match="no frames"):
        both.of_chunks([])
    with pytest.raises(DataError, match=r"outside 0..1"):
        distance_features([[0, 2]], [6, 6])
