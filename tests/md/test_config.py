"""Campaigns written down."""

from pathlib import Path

import pytest

pytest.importorskip("rdkit")
pytest.importorskip("openmm")

from rdkit import Chem

from ase_tito.errors import ConfigError
from ase_tito.md.config import read_plan
from ase_tito.md.plan import CampaignPlan, MoleculePlan

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"

TEXT = """
seed = 4
description = "a few"

[simulation]
frame_spacing_ps = 0.5

[[molecules]]
split = "train"
smiles = "list.smi"
time_ns = 2
slow_starts = 2
exchange = { time_ns = 1, only_slow = true, rungs = 5 }

[[molecules]]
split = "test"
sequences = ["AA", "ALA-HID"]
time_ns = 10
starts = 3
temperature_K = 320

[[molecules]]
structures = ["mine.xyz"]
calculator = "calc.py:make"
time_ns = 0.1
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / "list.smi").write_text("# alcohols and so on\nCCO\n\nCNC(C)=O amide\n")

    def config(text):
        path = tmp_path / "c.toml"
        path.write_text(text)
        return path

    return config


def test_groups(write, tmp_path):
    plan = read_plan(write(TEXT))
    assert (plan.seed, plan.description) == (4, "a few")
    assert plan.splits == {
        "train": ["CCO", "amide"],
        "test": ["ACE-ALA-ALA-NME", "ACE-ALA-HID-NME"],
    }
    ethanol, amide, peptide, _, own = plan.molecules
    assert ethanol.smiles == "CCO"
    assert ethanol.exchange is None
    assert amide.exchange.rungs == 5
    assert (ethanol.settings.temperature_K, ethanol.settings.time_step_fs) == (300, 2)
    assert peptide.peptide.residues == ("ACE", "ALA", "ALA", "NME")
    assert (peptide.starts, peptide.settings.temperature_K) == (3, 320)
    assert own.name == "mine"
    assert own.calculator.structure == tmp_path / "mine.xyz"
    assert own.calculator.calculator == f"{tmp_path / 'calc.py'}:make"
    assert (own.settings.time_step_fs, own.settings.hydrogen_mass_amu) == (1, 1.008)
    assert all(molecule.settings.frame_spacing_ps == 0.5 for molecule in plan.molecules)


def test_peptides_are_warm_unless_told(write):
    plan = read_plan(write('[[molecules]]\nsequences = ["G"]\ntime_ns = 1'))
    assert plan.molecules[0].settings.temperature_K == 310
    assert "ff14SB, OBC2" in plan.molecules[0].force_field


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("seed = 4", "seed = -4", "seed must be a whole number from 0"),
        ("seed = 4", "sed = 4", "unknown entries: sed"),
        ("frame_spacing_ps", "frame_spacing_fs", r"unknown entries in \[simulation\]"),
        ('smiles = "list.smi"', 'smiles = "no.smi"', r"no\.smi: cannot be read"),
        ('smiles = "list.smi"', "smiles = 3", "smiles must be a list"),
        ('smiles = "list.smi"', 'smiles = ["CCO", "OCC"]', "CCO is there twice"),
        ('smiles = "list.smi"', 'smiles = ["C(C"]', "is no SMILES"),
        ('smiles = "list.smi"', 'names = ["x"]', "needs one of smiles, sequences, structures"),
        ("time_ns = 10\n", "", "time_ns is missing in"),
        ("time_ns = 10\n", "time_ns = -1\n", "time_ns must be positive"),
        ("starts = 3", "starts = 0", "starts must be a whole number from 1"),
        ("starts = 3", "slow_starts = 3", r"unknown entries in \[\[molecules\]\]: slow_starts"),
        ("starts = 3", 'force_field = "ff99"', "force_field must be one of ff14SB, ff96"),
        ("starts = 3", 'radii = "bondi"', "radii must be one of mbondi2, mbondi3"),
        (
            "temperature_K = 320",
            "exchange = { time_ns = 1, only_slow = true }",
            r"only_slow in \[molecules.exchange\] goes with smiles only",
        ),
        ('"ALA-HID"', '"ALA-HIS"', "whose protonation is not said"),
        ('calculator = "calc.py:make"', "", "calculator is missing"),
        ("rungs = 5", "rungs = 1", "exchange.rungs"),
        ("time_ns = 1, only_slow", "only_slow", r"time_ns is missing in \[molecules.exchange\]"),
        ("[[molecules]]\nsplit", "[molecules]\nsplit", "not valid TOML|array of tables"),
        ("temperature_K = 320", "temperature_K = 0", "temperature_K must be positive"),
    ],
)
def test_refusals_name_file_and_entry(write, old, new, reason):
    assert old in TEXT
    path = write(TEXT.replace(old, new))
    with pytest.raises(ConfigError, match=reason) as caught:
        read_plan(path)
    assert str(caught.value).startswith(str(path.parent))


def test_no_constitution_is_in_two_splits_of_the_example():
    plan = read_plan(EXAMPLES / "molecules.toml")
    flat = {m.name: Chem.CanonSmiles(m.smiles, useChiral=False) for m in plan.molecules}
    splits = [{flat[name] for name in names} for names in plan.splits.values()]
    assert len(splits) == 3
    assert sum(map(len, splits)) == len(set.union(*splits))


def test_slow_molecules_of_the_example_are_judged_by_exchange():
    plan = read_plan(EXAMPLES / "molecules.toml")
    exchanged = {m.name: m for m in plan.molecules if m.exchange is not None}
    assert "CCNCdO" in exchanged  # an amide
    assert "CCCtN" not in exchanged
    assert len(exchanged) >= 5
    assert {m.split for m in exchanged.values()} == {"test"}


def test_the_peptides_of_the_example():
    splits = read_plan(EXAMPLES / "peptides.toml").splits
    assert {"train", "validation", "test", "longer"} == set(splits)


def test_the_data_of_the_alanine_dipeptide_model():
    (molecule,) = read_plan(EXAMPLES / "alanine-dipeptide.toml").molecules
    assert molecule.force_field.startswith("ff96, OBC2 implicit solvent with mbondi2 radii")
    settings = molecule.settings
    assert (settings.temperature_K, settings.time_step_fs) == (300, 1)
    assert (settings.hydrogen_mass_amu, settings.friction_per_ps) == (1.008, 1)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"no\.toml: cannot be read"):
        read_plan(tmp_path / "no.toml")


def test_names_are_file_names():
    with pytest.raises(ConfigError, match="it is no file name"):
        MoleculePlan("a/b", 1.0, smiles="CCO")
    with pytest.raises(ConfigError, match="give one of a SMILES"):
        MoleculePlan("a", 1.0)
    with pytest.raises(ConfigError, match="no molecules"):
        CampaignPlan(())
