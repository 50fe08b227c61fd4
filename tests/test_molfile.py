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


@pytest.mark.parametrize("ending", ["", "$$$$\n", "$$$$\n\n"])
def test_records_of_one_molecule_are_frames(tmp_path, ending):
    frames, _ = read_molfile(write(tmp_path, TEXT + "$$$$\n" + TEXT + ending))
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
