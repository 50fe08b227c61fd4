import numpy as np
import pytest

from ase_tito.analysis import (
    free_energies,
    histogram,
    profile,
    torsion_histogram,
    torsion_profile,
)
from ase_tito.analysis.surfaces import ramachandran_figure


def test_a_harmonic_well_is_a_parabola_in_kT():
    x = np.random.default_rng(0).normal(size=400_000)
    result = profile(x, edges=np.linspace(-2, 2, 41))
    np.testing.assert_allclose(result.free_energy, result.coordinate**2 / 2, atol=0.05)
    assert result.density @ np.full(40, 0.1) == pytest.approx(1)


def test_uneven_bins_weights_and_empty_bins():
    uniform = np.linspace(0, 1, 100_001)
    uneven = histogram(uniform, [[0, 0.1, 0.5, 1.0]])
    np.testing.assert_allclose(free_energies(uneven), 0, atol=1e-3)
    weighted = profile(uniform, edges=[0, 0.5, 1], weights=np.where(uniform < 0.5, 1, np.e))
    np.testing.assert_allclose(weighted.free_energy, [1, 0], atol=1e-3)
    assert np.isinf(profile([0.5, 0.6], edges=[0, 0.5, 1]).free_energy[0])


def test_a_torsion_s_profile_covers_the_circle():
    result = torsion_profile(np.full(10, 7.0), bins=4)
    assert result.coordinate[0] == pytest.approx(-np.pi * 3 / 4)
    assert np.isfinite(result.free_energy).sum() == 1


def test_surfaces_stand_side_by_side_on_one_scale(tmp_path):
    angles = np.random.default_rng(0).uniform(-np.pi, np.pi, size=(5000, 2))
    figure = ramachandran_figure({"MD": torsion_histogram(angles, 36), "model": angles})
    left, right, bar = figure.axes
    assert [left.get_title(), right.get_title()] == ["MD", "model"]
    assert left.get_xlim() == right.get_ylim() == (-180, 180)
    assert left.collections[0].get_clim() == right.collections[0].get_clim()
    assert "free energy" in bar.get_ylabel()
    figure.savefig(tmp_path / "surface.pdf")
    assert (tmp_path / "surface.pdf").stat().st_size > 1000


def test_surfaces_have_phi_along_x():
    angles = np.tile([[np.radians(-100), np.radians(50)]], (10, 1))
    mesh = ramachandran_figure({"one": angles}, bins=36).axes[0].collections[0]
    row, column = np.argwhere(~np.ma.getmaskarray(mesh.get_array().reshape(36, 36)))[0]
    assert (row, column) == ((180 + 50) // 10, (180 - 100) // 10)
