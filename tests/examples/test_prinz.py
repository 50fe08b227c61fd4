"""The example of the Prinz potential: what it calls exact is exact, and its errors are right."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

FILE = Path(__file__).parents[2] / "examples" / "prior" / "prinz.py"


@pytest.fixture(scope="module")
def prinz():
    spec = importlib.util.spec_from_file_location("prinz", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def exact(prinz):
    return prinz.Exact.build()


def test_the_grid_knows_the_process(prinz, exact):
    one, two = exact.transition(0.3), exact.transition(0.6)
    np.testing.assert_allclose(one @ one, two, atol=1e-10)
    flow = exact.equilibrium[:, None] * one
    np.testing.assert_allclose(flow, flow.T, atol=1e-12)
    law, time = prinz.slowest(one, 0.3)
    np.testing.assert_allclose(law, exact.equilibrium, atol=1e-10)
    assert time == pytest.approx(exact.timescale, rel=1e-6)
    late = exact.transition(50.0)
    assert prinz.variation(late, exact.equilibrium, exact.equilibrium) < 1e-10
    wells = (exact.equilibrium[1:-1] > exact.equilibrium[:-2]) & (
        exact.equilibrium[1:-1] > exact.equilibrium[2:]
    )
    assert wells.sum() == 4


def test_pairs_are_drawn_from_it(prinz, exact):
    pairs = prinz.draw_pairs(exact, 60_000, np.random.default_rng(0)).numpy()
    longest = pairs[np.isclose(pairs[:, 2], prinz.LONGEST)]
    assert len(longest) > 1500
    start, end = (np.digitize(longest[:, k], prinz.EDGES) - 1 for k in (0, 1))
    expected = exact.transition(prinz.LONGEST)[start].mean(0)
    found = np.bincount(end, minlength=len(expected)) / len(end)
    assert abs(found[:50].sum() - expected[:50].sum()) < 0.04


def test_the_law_of_a_flow_is_that_of_its_quantiles(prinz):
    """The velocity m + k(s)(z − s m) ends in N(m, v)."""

    class Gaussian(torch.nn.Module):
        def encode(self, batch, condition, lag_time, temperature=None):
            return 0.3

        def forward(self, z, s, m):
            s, v = s[:, None, None], (0.2 / prinz.SOURCE_WIDTH) ** 2
            return m + (s * v - (1 - s)) / (s**2 * v + (1 - s) ** 2) * (z - s * m)

    rows = prinz.transition(Gaussian(), 1.0)
    exact = np.exp(-((prinz.CENTRES - 0.3) ** 2) / (2 * 0.2**2))
    assert prinz.variation(rows[7], exact / exact.sum()) < 0.02


def test_it_runs(prinz, tmp_path, capsys):
    path = tmp_path / "prinz.png"
    prinz.main(["--pairs", "200", "--steps", "3", "--output", str(path)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("    200")] == ["plain", "with"]
    assert path.stat().st_size > 5000
