import numpy as np
import pytest

from ase_tito.analysis import torsion_correlation
from ase_tito.analysis.memory import torsion_memory


def walks(seed, runs, frames, rate):
    """Torsions that diffuse on the circle: ⟨cos Δθ⟩ = exp(−rate · frames)."""
    steps = np.random.default_rng(seed).normal(0, np.sqrt(2 * rate), (runs, frames, 1))
    return list(np.cumsum(steps, axis=1))


def test_diffusion_on_a_circle_forgets_exponentially():
    runs = walks(0, 8, 5000, 0.02)
    lags = [2.0, 20.0, 60.0, 100.0]
    found = torsion_memory(
        runs,
        frame_spacing_ps=2.0,
        lag_times_ps=lags,
        block_time_ps=1000.0,
        generator=np.random.default_rng(0),
    )
    exact = np.exp(-0.02 * np.array(lags) / 2.0)
    assert found.correlation.shape == (4, 1)
    assert ((found.low[:, 0] < exact) & (exact < found.high[:, 0])).all()
    np.testing.assert_allclose(found.correlation[:, 0], exact, atol=0.06)


def test_it_is_the_correlation_of_the_frames_within_each_run():
    runs = walks(1, 3, 300, 0.05)
    found = torsion_memory(
        runs,
        frame_spacing_ps=1.0,
        lag_times_ps=[1.0, 7.0],
        block_time_ps=50.0,
        generator=np.random.default_rng(0),
        resamples=10,
    )
    np.testing.assert_allclose(found.correlation, torsion_correlation(runs, [1, 7]))
    shifted = [run + 1.0 for run in runs]
    assert torsion_correlation(shifted, [7])[0, 0] == pytest.approx(found.correlation[1, 0])
