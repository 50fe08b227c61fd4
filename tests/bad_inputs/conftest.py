"""Bad inputs through the command line: each costs one line that says what is wrong, and no file."""

import numpy as np
import pytest


@pytest.fixture
def workplace(tiny_checkpoint, tmp_path, monkeypatch):
    """The current directory, with one known model, 'tiny'."""
    from ase_tito import models

    monkeypatch.setenv("ASE_TITO_MODELS", str(tiny_checkpoint.parent))
    monkeypatch.setattr(models, "shipped_directory", lambda: tmp_path / "nothing-shipped")
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def refused(workplace, capfd):
    """Runs a command line that is to fail with this text and change no file; what it printed."""
    from ase_tito.cli.main import main

    def contents():
        return {path: path.is_dir() or path.read_bytes() for path in workplace.rglob("*")}

    def check(text, *words):
        before = contents()
        capfd.readouterr()
        assert main([str(word) for word in words]) == 2
        printed, written = capfd.readouterr()
        lines = [k for k in written.splitlines() if not k.startswith("dcdplugin)")]  # mdtraj's C
        assert len(lines) == 1, lines
        assert lines[0].startswith(f"ase-tito {words[0]}"), lines
        assert text in lines[0], lines
        assert "--debug shows where" not in lines[0], lines  # nobody has thought of it
        assert contents() == before
        return printed

    return check


@pytest.fixture(scope="session")
def vibrating(ethanol):
    """Sixty frames of ethanol in Å, float64."""
    return ethanol[1] + 0.02 * np.random.default_rng(0).normal(size=(60, 9, 3))


@pytest.fixture
def archive(workplace, ethanol, vibrating):
    """Writes an archive of ethanol with some arrays changed, or left out where None."""

    def write(name="bad.npz", **changes):
        arrays = {
            "positions": vibrating,
            "atomic_numbers": ethanol[0].atomic_numbers,
            "bonds": ethanol[0].bonds,
            "frame_spacing_ps": 1.0,
            "temperature_K": 300.0,
            **changes,
        }
        np.savez(name, **{key: value for key, value in arrays.items() if value is not None})
        return name

    return write


@pytest.fixture
def dataset(workplace, ethanol, vibrating):
    """Writes a dataset of ethanol, and damages it by a function of its HDF5 file."""
    import h5py

    from ase_tito.data import DatasetWriter, MoleculeRecord, Run

    positions = (vibrating - vibrating.mean(1, keepdims=True)).astype(np.float32)

    def write(damage=lambda file: None, name="bad.h5"):
        with DatasetWriter(name, {"force_field": "none"}) as writer:
            runs = (Run("md", positions, 1.0, 300.0),)
            writer.add(MoleculeRecord("ethanol", ethanol[0], runs))
            writer.set_split("train", ["ethanol"])
        with h5py.File(name, "r+") as file:
            damage(file)
        return name

    return write
