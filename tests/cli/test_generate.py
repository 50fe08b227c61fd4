"""`ase-tito generate` on methanol, parametrised once, and on what needs no parametrisation."""

import json

import numpy as np
import pytest

pytest.importorskip("rdkit")
pytest.importorskip("openmm")

from ase_tito.cli.main import main
from ase_tito.data import Dataset

SHORT = ("--frame-spacing-ps", 0.1, "--equilibration-ps", 0.5, "--block-ps", 1, "--quiet")


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def generate(*words):
    return main(["generate", *map(str, words)])


def test_methanol_from_smiles_to_dataset(workplace, capsys):
    words = ("--smiles", "CO", "--seed", 2, "-o", "out", *SHORT)
    assert generate(*words, "--time-ns", 0.004, "--starts", 2) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["MOLECULE", "NS", "RUNS"]
    assert lines[1].split()[:3] == ["CO", "0.004", "2"]
    assert lines[-1] == "out/dataset.h5"
    with Dataset("out/dataset.h5") as dataset:
        record = dataset.molecule("CO")
        assert record.smiles == "CO"
        assert [run.positions.shape for run in record.runs] == [(20, 6, 3)] * 2
        before = np.array(record.runs[0].positions)
    manifest = json.loads((workplace / "out" / "manifest.json").read_text())
    assert manifest["molecules"]["CO"]["left_out"] == ""

    assert generate(*words, "--time-ns", 0.004, "--starts", 2) == 2
    assert "out exists; --resume continues it" in capsys.readouterr().err
    assert generate(*words, "--time-ns", 0.008, "--starts", 2, "--resume") == 0
    with Dataset("out/dataset.h5") as dataset:
        after = dataset.molecule("CO").runs[0].positions
        assert after.shape == (40, 6, 3)
        assert np.array_equal(after[:20], before)
    hot = (*words, "--temperature-K", 400, "--time-ns", 0.008, "--starts", 2, "--resume")
    assert generate(*hot) == 2
    assert "temperature_K 300.0, now 400.0" in capsys.readouterr().err
    assert generate(*words, "--time-ns", 0.008, "--starts", 2, "--finish") == 0


def test_a_config_and_the_data_of_the_alanine_dipeptide_model(workplace, capsys):
    (workplace / "c.toml").write_text(
        """
        [simulation]
        frame_spacing_ps = 0.1
        equilibration_ps = 0.2

        [[molecules]]
        split = "train"
        sequences = ["ACE-ALA-NME"]
        force_field = "ff96"
        temperature_K = 300
        time_step_fs = 1
        hydrogen_mass_amu = 1.008
        time_ns = 0.001
        """
    )
    assert generate("c.toml", "--output", "out", "--quiet") == 0
    with Dataset("out/dataset.h5") as dataset:
        assert dataset.splits == {"train": ("ACE-ALA-NME",)}
        record = dataset.molecule("ACE-ALA-NME")
        assert record.force_field.startswith("ff96, OBC2 implicit solvent with mbondi2 radii")
        from ase_tito.md.alanine_dipeptide import alanine_dipeptide_system
        from ase_tito.md.energies import potential_energies

        np.testing.assert_allclose(
            record.runs[0].energies,
            potential_energies(alanine_dipeptide_system(), record.runs[0].positions),
            atol=1e-3,
        )


def test_an_ase_calculator(workplace, ethane_calculator, capsys):
    words = ("--structure", "ethane.xyz", "--calculator", "spring.py:make", "-o", "out", *SHORT)
    assert generate(*words, "--time-ns", 0.001) == 0
    with Dataset("out/dataset.h5") as dataset:
        record = dataset.molecule("ethane")
        assert record.runs[0].positions.shape == (10, 8, 3)
        assert record.attributes["time_step_fs"] == 1
        assert record.force_field == "ASE calculator spring.py:make"


@pytest.fixture
def ethane_calculator(workplace):
    """Springs between all atoms at the distances of ethane."""
    from ase.build import molecule
    from ase.io import write

    write("ethane.xyz", molecule("C2H6"))
    (workplace / "spring.py").write_text(
        """
import numpy as np
from ase.build import molecule
from ase.calculators.calculator import Calculator

REST = molecule("C2H6").get_all_distances()

class Springs(Calculator):
    implemented_properties = ["energy", "forces"]

    def calculate(self, atoms, properties, changes):
        super().calculate(atoms, properties, changes)
        d = self.atoms.positions[:, None] - self.atoms.positions
        r = np.linalg.norm(d, axis=-1) + np.eye(len(d))
        stretch = (r - REST) * (1 - np.eye(len(d)))
        self.results = {
            "energy": 2.5 * (stretch**2).sum(),
            "forces": -10 * ((stretch / r)[..., None] * d).sum(1),
        }

def make():
    return Springs()
"""
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--smiles", "C(C", "--time-ns", 1], "'C(C' is no SMILES"),
        (["--smiles", "C[CH2]", "--time-ns", 1], "unpaired electrons"),
        (["--smiles", "CCO"], "--smiles needs --time-ns"),
        (["--smiles", "CCO", "OCC", "--time-ns", 1], "CCO is there twice"),
        (["--smiles", "CCO", "--time-ns", 1, "--time-step-fs", 9], "9 fs is too long"),
        (["--smiles", "CCO", "--time-ns", 1, "--zwitterion"], "goes with --sequence only"),
        (["--smiles", "CCO", "--time-ns", 1, "--calculator", "x:y"], "goes with --structure only"),
        (["--smiles", "no.smi", "--time-ns", 1], "no.smi: cannot be read"),
        (["--sequence", "AHA", "--time-ns", 1], "histidine, whose protonation is not said"),
        (["--sequence", "AXA", "--time-ns", 1], "residue 2, 'X', is unknown"),
        (["--structure", "x.xyz", "--time-ns", 1], "--structure needs --calculator"),
        (["absent.toml"], "absent.toml: cannot be read"),
        (["absent.toml", "--time-ns", 1], "--time-ns is for absent.toml to say"),
        (["absent.toml", "--seed", 1], "--seed is for absent.toml to say"),
        (["--smiles", "CCO", "--time-ns", 1, "--processes", 0], "processes must be"),
    ],
)
def test_refusals_are_one_line_and_write_nothing(workplace, capsys, words, reason):
    assert generate(*words, "--output", "out") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("ase-tito generate: error: ")
    assert reason in line
    assert not (workplace / "out").exists()


def test_one_source_of_molecules(workplace, capsys):
    assert generate("c.toml", "--smiles", "CCO", "-o", "out") == 2
    assert "not allowed with argument" in capsys.readouterr().err
