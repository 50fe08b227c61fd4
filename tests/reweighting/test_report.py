"""What is said of basins."""

from types import SimpleNamespace

import numpy as np
import pytest
from ase import units

from ase_tito.reweighting.report import basin_entries
from ase_tito.reweighting.samples import WeightedSamples

LOG_WEIGHTS = np.array([0.0, 0.0, np.log(2.0), -np.inf, -np.inf])
SAMPLES = WeightedSamples(
    np.zeros((5, 4, 3)), LOG_WEIGHTS, np.zeros(5), 0.0, np.arange(5), temperature_K=300.0
)


def basin(name, *held):
    return SimpleNamespace(name=name, holds=lambda positions: np.isin(np.arange(5), held))


def test_a_basin_whose_samples_all_count_for_nothing_has_no_free_energy():
    first, second, impossible, missed = basin_entries(
        SAMPLES, [basin("a", 0, 1, 3), basin("b", 2), basin("c", 3, 4), basin("d")]
    )
    assert (first["population"], second["population"]) == (0.5, 0.5)
    assert first["effective_sample_size"] == pytest.approx(2)
    assert (first["free_energy_eV"], second["free_energy_eV"]) == (0, pytest.approx(0))
    for entry, count in ((impossible, 2), (missed, 0)):
        assert (entry["samples"], entry["effective_sample_size"], entry["population"]) == (
            count,
            0,
            0,
        )
        assert {entry[key] for key in ("free_energy_eV", "low_eV", "high_eV")} == {None}


def test_nothing_is_relative_to_a_basin_without_weight():
    entries = basin_entries(SAMPLES, [basin("c", 3, 4), basin("a", 0, 1), basin("b", 2)])
    assert [entry["free_energy_eV"] for entry in entries] == [None] * 3
    assert entries[2]["population"] == pytest.approx(0.5)


def test_free_energies_follow_from_weights():
    first, second = basin_entries(SAMPLES, [basin("a", 0), basin("b", 1, 2)])
    expected = -units.kB * 300 * np.log(3)
    assert second["free_energy_eV"] - first["free_energy_eV"] == pytest.approx(expected)
