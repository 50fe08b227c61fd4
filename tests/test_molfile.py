import numpy as np
import pytest

from ase_tito.errors import StructureError
from ase_tito.molfile import read_molfile
from tests.molecules import DATA

TEXT = (DATA / "2-butanol.mol").read_text()


def write(tmp_path, text, name="x.sdf"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_reads_atoms_and_bonds(tmp_path):
    frames, bonds = read_molfile(write(tmp_path, TEXT))
    assert len(frames) == 1
    assert frames[0].get_chemical_formula() == "C4H10O"
    assert np.allclose(frames[0].positions[0], [-1.8022, -0.4074, 0.4937])
    assert len(bonds) == 14
    assert bonds[:3].tolist() == [[0, 1], [0, 5], [0, 6]]


def test_without_charges_and_isotopes_atoms_are_as_usual(tmp_path):
    ((atoms,), _) = read_molfile(write(tmp_path, TEXT))
    assert not atoms.has("initial_charges")
    assert not atoms.has("masses")


def changed(oxygen=" O   0  0", carbon=" C   0  0", properties=""):
    """2-butanol with other columns of the lines of O and the first C, and more properties."""
    text = TEXT.replace(" O   0  0", oxygen).replace(" C   0  0", carbon, 1)
    return text.replace("M  END", f"{properties}M  END")


@pytest.mark.parametrize(
    "text",
    [
        changed(oxygen=" O   0  5", carbon=" C   1  3"),
        changed(properties="M  CHG  2   3  -1   1   1\nM  ISO  1   1  13\n"),
        changed(" O   0  3", " C   2  0", "M  CHG  2   3  -1   1   1\nM  ISO  1   1  13\n"),
        changed(properties="M  CHG  1   3  -1\nM  CHG  1   1   1\nM  ISO  1   1  13\n"),
    ],
)
def test_formal_charges_and_isotopes_are_kept(tmp_path, text):
    ((atoms,), _) = read_molfile(write(tmp_path, text))
    assert atoms.get_initial_charges().tolist() == [1, 0, -1] + [0] * 12
    usual = atoms.copy()
    usual.set_masses("defaults")
    assert np.flatnonzero(atoms.get_masses() != usual.get_masses()).tolist() == [0]
    assert atoms.get_masses()[0] == pytest.approx(13.0034, rel=1e-3)


def test_deuterium_and_tritium_have_their_masses(tmp_path):
    text = changed(properties="M  ISO  2   6   2   7   3\n")
    ((atoms,), _) = read_molfile(write(tmp_path, text))
    assert atoms.get_masses()[5:8].tolist() == pytest.approx([2.0141, 3.0160, 1.008], abs=1e-4)


def test_a_radical_has_no_charge(tmp_path):
    """Also where its property replaces the charges that the lines of atoms say."""
    for oxygen, properties in ((" O   0  4", ""), (" O   0  5", "M  RAD  1   3   2\n")):
        text = changed(oxygen, properties=properties)
        ((atoms,), _) = read_molfile(write(tmp_path, text))
        assert not atoms.get_initial_charges().any()


@pytest.mark.parametrize("ending", ["", "$$$$\n", "$$$$\n\n"])
def test_records_of_one_molecule_are_frames(tmp_path, ending):
    data = "> <note>\nM  CHG of the atoms is none\n\n"
    frames, _ = read_molfile(write(tmp_path, f"{TEXT}{data}$$$$\n{TEXT}{ending}"))
    assert len(frames) == 2


def test_numbers_of_three_digits_touch(tmp_path):
    n = 101
    atoms = "".join(f"{1.5 * k:10.4f}{0:10.4f}{0:10.4f} C   0\n" for k in range(n))
    bonds = "".join(f"{k:3d}{k + 1:3d}  1\n" for k in range(1, n))
    text = f"\n  long\n\n{n:3d}{n - 1:3d}  0  0  0  0  0  0  0  0999 V2000\n{atoms}{bonds}M  END\n"
    frames, read = read_molfile(write(tmp_path, text))
    assert len(frames[0]) == n
    assert read[-1].tolist() == [n - 2, n - 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("V2000", "V3000"), "V3000 is not read"),
        (lambda t: t.replace("          3D", "          2D"), "flat drawing"),
        (lambda t: t.replace(" 15 14 ", " 15 94 "), "announces 15 atoms and 94 bonds"),
        (lambda t: t.replace(" 15 14 ", " xx 14 "), "line 4 holds no number in columns 1 to 3"),
        (lambda t: t.replace("-1.8022", "  ?????"), "line 5 holds no coordinates"),
        (lambda t: t.replace(" O   0", " R#  0"), "line 7 names no element: 'R#'"),
        (lambda t: t.replace("  1  2  1  0", "  1  x  1  0"), "line 20 holds no number"),
        (lambda t: changed(oxygen=" O   0  9"), "line 7 holds no code of a charge: 9"),
        (lambda t: changed(oxygen=" O   0  -"), "line 7 holds no number in columns 37 to 39"),
        (lambda t: changed(properties="M  ISO  1   3   4\n"), "atom 3 is an isotope of O of mass"),
        (lambda t: changed(properties="M  CHG  1  16   1\n"), "line 34 names atom 16, .* are 15"),
        (lambda t: changed(properties="M  ISO  2   1  13\n"), "line 34 holds no number in col"),
        (lambda t: "\n\n", "no molecule"),
        (lambda t: "name\n  x\n", "cut off"),
        (
            lambda t: t + "$$$$\n" + (DATA / "e-2-butene.mol").read_text(),
            "record 2 is another molecule",
        ),
    ],
)
def test_refuses_and_says_where(tmp_path, change, message):
    with pytest.raises(StructureError, match=message):
        read_molfile(write(tmp_path, change(TEXT)))
