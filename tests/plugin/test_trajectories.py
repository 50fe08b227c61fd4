"""XTC and DCD as formats of `ase.io`, found by unpatched ASE."""

from pathlib import Path

import mdtraj
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.io import iread, read, write

from ase_tito.analysis.files import open_trajectory
from ase_tito.errors import DataError, OutputError, StructureError
from ase_tito.sidecar import sidecar_of

ALANINE_DIPEPTIDE = Path(__file__).parents[2] / "examples" / "data" / "alanine-dipeptide.pdb"
ROUNDING = 0.006  # Å, half of what XTC keeps


@pytest.fixture
def frames():
    """Seven frames of ethanol, 100 ps apart."""
    generator, images = np.random.default_rng(0), []
    for k in range(7):
        atoms = molecule("CH3CH2OH")
        atoms.positions += generator.normal(scale=0.1, size=(9, 3)) + 20 * k
        atoms.info["tito_time_ps"] = 100.0 * k
        images.append(atoms)
    return images


@pytest.fixture
def xtc(tmp_path, frames):
    write(tmp_path / "run.xtc", frames)
    return tmp_path / "run.xtc"


def times(images):
    return [atoms.info["tito_time_ps"] for atoms in images]


def test_xtc_keeps_what_it_can(xtc, frames):
    images = read(xtc, ":")
    assert len(images) == 7
    assert times(images) == times(frames)
    for atoms, original in zip(images, frames, strict=True):
        assert atoms.symbols.get_chemical_formula() == "C2H6O"
        assert np.abs(atoms.positions - original.positions).max() < ROUNDING
        assert not atoms.pbc.any()


@pytest.mark.parametrize("text", [":", "2:", ":-2", "::3", "5:1:-2", "-2:", "9:", "::-1"])
def test_slices_are_those_of_a_list(xtc, frames, text):
    chosen = times(frames)[slice(*(int(n) if n else None for n in text.split(":")))]
    assert times(read(xtc, text)) == chosen
    assert times(read(f"{xtc}@{text}")) == chosen


def test_single_frames(xtc):
    assert times([read(xtc), read(xtc, 0), read(xtc, -3)]) == [600.0, 0.0, 400.0]
    assert times(iread(xtc, slice(1, 3))) == [100.0, 200.0]


def test_long_files_are_read_in_pieces(tmp_path, monkeypatch, xtc, frames):
    monkeypatch.setattr("ase_tito.plugin.trajectories._CHUNK", 3)
    assert times(read(xtc, ":")) == times(frames)


def test_names_of_atoms_and_residues_survive(tmp_path):
    atoms = read(ALANINE_DIPEPTIDE)
    write(tmp_path / "x.xtc", atoms)
    copy = read(tmp_path / "x.xtc")
    for name in ("atomtypes", "residuenumbers"):
        assert copy.arrays[name].tolist() == atoms.arrays[name].tolist()
    assert [n.strip() for n in atoms.arrays["residuenames"]] == copy.arrays["residuenames"].tolist()


def test_other_programs_find_their_way(xtc):
    trajectory = mdtraj.load(str(xtc), top=str(sidecar_of(xtc)))
    assert trajectory.n_frames == 7
    assert trajectory.time.tolist() == [100.0 * k for k in range(7)]


def test_appending(xtc, frames):
    write(xtc, frames[:2], append=True)
    assert times(read(xtc, ":")) == times([*frames, *frames[:2]])
    before = xtc.read_bytes()
    with pytest.raises(OutputError, match="it holds other atoms"):
        write(xtc, molecule("H2O"), append=True)
    assert xtc.read_bytes() == before


def test_appending_begins_a_file_that_is_not_there(tmp_path, frames):
    for atoms in frames[:3]:
        write(tmp_path / "x.xtc", atoms, append=True)
    assert times(read(tmp_path / "x.xtc", ":")) == [0.0, 100.0, 200.0]


def test_times_that_nobody_knows_are_not_invented(tmp_path):
    write(tmp_path / "x.xtc", [molecule("H2O")] * 3)
    assert all("tito_time_ps" not in atoms.info for atoms in read(tmp_path / "x.xtc", ":"))
    for spacing in (0.5, 1):
        write(tmp_path / "x.xtc", [molecule("H2O")] * 3, frame_spacing_ps=spacing)
        assert times(read(tmp_path / "x.xtc", ":")) == [0.0, spacing, 2 * spacing]


def test_times_and_none_are_not_mixed(tmp_path, xtc, frames):
    """Numbers would come after times, or be taken for some."""
    before = xtc.read_bytes()
    with pytest.raises(OutputError, match="its frames have times, and these have none"):
        write(xtc, [molecule("CH3CH2OH")] * 2, append=True)
    assert xtc.read_bytes() == before
    write(xtc, [molecule("CH3CH2OH")] * 2, append=True, frame_spacing_ps=100)
    assert times(read(xtc, ":")) == [100.0 * k for k in range(9)]
    for _ in range(2):
        write(tmp_path / "x.xtc", molecule("CH3CH2OH"), append=True)
    with pytest.raises(OutputError, match="its frames have no times, and these have"):
        write(tmp_path / "x.xtc", frames, append=True)
    assert not any(atoms.info for atoms in read(tmp_path / "x.xtc", ":"))


def test_analysis_needs_nothing_else(xtc):
    source = open_trajectory(xtc)
    assert (source.n_frames, source.frame_spacing_ps) == (7, 100.0)
    assert source.graph().n_atoms == 9


@pytest.mark.parametrize("suffix", ["xtc", "dcd"])
def test_cells(tmp_path, suffix):
    atoms = molecule("CH3CH2OH", cell=[[9, 0, 0], [1, 8, 0], [0, 1, 7]], pbc=True)
    write(tmp_path / f"x.{suffix}", [atoms] * 2, format=suffix)
    copy = read(tmp_path / f"x.{suffix}", format=suffix)
    assert copy.pbc.all()
    assert copy.cell.array == pytest.approx(atoms.cell.array, abs=1e-4)


def test_dcd_by_name(tmp_path, frames):
    path = tmp_path / "x.dcd"
    write(path, frames, format="dcd")
    images = read(path, "1::2", format="dcd")
    assert len(images) == 3
    assert images[1].positions == pytest.approx(frames[3].positions, abs=1e-4)
    assert "tito_time_ps" not in images[0].info


def test_a_turned_cell_is_not_for_dcd(tmp_path):
    atoms = molecule("H2O", cell=[[0, 9, 0], [8, 0, 0], [0, 0, 7]], pbc=True)
    with pytest.raises(OutputError, match="the cell of frame 0 is turned"):
        write(tmp_path / "x.dcd", atoms, format="dcd")
    with pytest.raises(OutputError, match="all frames have a cell in DCD, or none"):
        write(tmp_path / "x.dcd", [molecule("H2O"), atoms], format="dcd")


class TestTopologies:
    def test_one_that_is_missing_is_named(self, xtc):
        sidecar_of(xtc).unlink()
        with pytest.raises(StructureError, match=r"run\.xtc holds no elements, and .*\.xtc\.pdb"):
            read(xtc)

    def test_one_that_is_passed(self, xtc, frames, tmp_path):
        sidecar_of(xtc).unlink()
        write(tmp_path / "m.xyz", frames[0])
        for topology in (frames[0], tmp_path / "m.xyz"):
            assert read(xtc, topology=topology).symbols.get_chemical_formula() == "C2H6O"

    def test_one_of_another_molecule(self, xtc):
        with pytest.raises(DataError, match="the topology has 3 atoms and the trajectory 9"):
            read(xtc, topology=molecule("H2O"))

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # mdtraj's file
    def test_one_that_is_damaged(self, xtc):
        sidecar_of(xtc).write_text("ATOM\n")
        with pytest.raises(StructureError, match=r"run\.xtc\.pdb: cannot be read as a topology"):
            read(xtc)


class TestRefusals:
    def test_a_damaged_file(self, xtc):
        xtc.write_bytes(xtc.read_bytes()[:-20])
        with pytest.raises(DataError, match=r"run\.xtc: frame \d cannot be read"):
            read(xtc, ":")

    def test_frames_of_different_molecules(self, tmp_path, frames):
        with pytest.raises(OutputError, match="frame 1 has other atoms than frame 0"):
            write(tmp_path / "x.xtc", [frames[0], molecule("H2O")])
        assert not list(tmp_path.iterdir())

    def test_positions_that_are_not_finite(self, tmp_path, frames):
        frames[2].positions[3, 1] = np.nan
        with pytest.raises(OutputError, match="positions of frame 2 are not finite"):
            write(tmp_path / "x.xtc", frames)

    def test_nothing(self, tmp_path):
        with pytest.raises(OutputError, match="there are no atoms"):
            write(tmp_path / "x.xtc", Atoms())

    def test_a_folder_that_is_not_there(self, tmp_path, frames):
        with pytest.raises(OutputError, match=r"cannot write .*x\.xtc"):
            write(tmp_path / "absent" / "x.xtc", frames)
