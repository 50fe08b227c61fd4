import pytest

from ase_tito.errors import ConfigError
from ase_tito.md.settings import LangevinSettings


def test_whole_numbers_of_steps():
    settings = LangevinSettings(time_step_fs=2, frame_spacing_ps=0.5, equilibration_ps=3)
    assert settings.steps_per_frame == 250
    assert settings.equilibration_steps == 1500
    assert settings.block_frames == 1000
    assert settings.frames(10.0) == 20
    assert LangevinSettings(equilibration_ps=0).equilibration_steps == 0


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({"temperature_K": -1}, "temperature_K must be positive"),
        ({"temperature_K": "warm"}, "temperature_K must be a number, not 'warm'"),
        ({"friction_per_ps": float("nan")}, "friction_per_ps must be positive"),
        ({"equilibration_ps": -1}, "equilibration_ps must not be negative"),
        ({"time_step_fs": 2, "hydrogen_mass_amu": 1.008}, "at most 1 fs, or heavier hydrogens"),
        ({"time_step_fs": 5}, "5 fs is too long for hydrogens of 4 amu: at most 4 fs"),
        ({"frame_spacing_ps": 0.003}, "no whole number of time steps of 2 fs"),
    ],
)
def test_refusals(entries, reason):
    with pytest.raises(ConfigError, match=reason):
        LangevinSettings(**entries)
