"""Butane that hops, as files, and the reports on it."""

import pytest

from ase_tito.analysis.report import compute_report
from tests.analysis.butane import QUICK, opened


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("trajectories")


@pytest.fixture(scope="session")
def reference(folder):
    return [opened(folder, f"md{k}", 3000, k) for k in range(2)]


@pytest.fixture(scope="session")
def model(folder):
    """Replicas of the same process, a frame each 20 ps."""
    return [opened(folder, f"model{k}", 1600, 10 + k, stride=2) for k in range(3)]


@pytest.fixture(scope="session")
def compared(model, reference):
    return compute_report(
        model, reference, settings=QUICK, energy=lambda x: x[:, 0, 0] - x[:, 1, 0]
    )


@pytest.fixture(scope="session")
def alone(model):
    return compute_report(model, settings=QUICK)
