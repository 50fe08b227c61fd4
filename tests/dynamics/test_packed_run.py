import numpy as np
import pytest
from ase.build import molecule
from ase.io import read

from ase_tito.checkpoint import operator_from_checkpoint
from ase_tito.dynamics.campaign import run_to_files
from ase_tito.dynamics.metropolis import MetropolisHastings
from ase_tito.dynamics.packed_run import read_packed
from ase_tito.dynamics.tito import TITODynamics
from ase_tito.errors import ConfigError, OutputError


@pytest.fixture
def run(tiny_checkpoint):
    operator = operator_from_checkpoint(tiny_checkpoint)

    def run(output, jumps, **settings):
        defaults = {"lag_time_ps": 100.0, "seed": 5, "replicas": 3, "model": operator}
        return run_to_files(
            molecule("CH3CH2OH"), output, jumps=jumps, **{**defaults, "one_file": True, **settings}
        )

    return run


def packed(path):
    """Entries and positions (T, R, n, 3)."""
    _, frames = read_packed(path)
    entries, positions = zip(*frames, strict=True)
    return entries, np.stack(positions)


def test_it_holds_what_one_file_for_each_replica_holds(run, tmp_path):
    summary = run(tmp_path / "x.traj", 4)
    assert (summary.paths, summary.replicas) == ((tmp_path / "x.traj",), 3)
    assert summary.simulated_time_ns == pytest.approx(1.2)
    separate = run(tmp_path / "r", 4, one_file=False)
    entries, positions = packed(tmp_path / "x.traj")
    assert [entry["tito_jump"] for entry in entries] == [0, 1, 2, 3, 4]
    for k, path in enumerate(separate.paths):
        frames = read(path, ":")
        assert np.array_equal(positions[:, k], [frame.positions for frame in frames])
        for name in ("valid", "first_valid", "retries", "invalid_first_proposals"):
            theirs = [frame.info[f"tito_{name}"] for frame in frames]
            assert [entry[f"tito_{name}"][k] for entry in entries] == theirs
    assert read_packed(tmp_path / "x.traj")[0].get_chemical_formula() == "C2H6O"
    sizes = [path.stat().st_size for path in (*summary.paths, *separate.paths)]
    assert 2 * sizes[0] < sum(sizes[1:])


@pytest.mark.parametrize("torn", [False, True])
def test_continued_is_uninterrupted(run, tmp_path, torn):
    run(tmp_path / "whole.traj", 5)
    run(tmp_path / "x.traj", 3)
    if torn:
        content = (tmp_path / "x.traj").read_bytes()
        (tmp_path / "x.traj").write_bytes(content[:-100])
    summary = run(tmp_path / "x.traj", 5, existing="restart")
    assert summary.jumps == (3 if torn else 2)
    entries, positions = packed(tmp_path / "x.traj")
    expected, theirs = packed(tmp_path / "whole.traj")
    assert np.array_equal(positions, theirs)
    assert entries == expected


def test_what_it_is_not(run, tmp_path):
    run(tmp_path / "x.traj", 1)
    with pytest.raises(OutputError, match="holds 3 replicas, not 4"):
        run(tmp_path / "x.traj", 2, replicas=4, existing="restart")
    with pytest.raises(OutputError, match="it holds 3 replicas"):
        TITODynamics.restart(tmp_path / "x.traj")
    with pytest.raises(OutputError, match="it holds 3 replicas"):
        run(tmp_path / "x.traj", 2, one_file=False, replicas=None, existing="restart")
    run(tmp_path / "y.traj", 1, one_file=False, replicas=None)
    with pytest.raises(OutputError, match="holds no packed run"):
        run(tmp_path / "y.traj", 2, existing="restart")
    with pytest.raises(OutputError, match="does not hold several replicas"):
        read_packed(tmp_path / "y.traj")
    with pytest.raises(ConfigError, match="records of their own"):
        run(tmp_path / "z.traj", 1, correction=MetropolisHastings(_Nothing()))
    assert not (tmp_path / "z.traj").exists()


class _Nothing:
    def get_potential_energy(self, atoms):
        return 0.0
