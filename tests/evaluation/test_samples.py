import numpy as np
import pytest

from ase_tito.errors import DomainError, OutputError
from ase_tito.evaluation import Samples, SampleStore, joined, sample_chain, sample_jumps
from ase_tito.flow.ode import OdeSettings

COMMON = {"temperature_K": 300.0, "seed": 3}


def test_a_chain_in_pieces_is_the_whole_chain(operator, reference):
    start = reference.frames[:4]
    whole = sample_chain(operator, reference.graph, start, 50.0, 5, **COMMON)
    first = sample_chain(operator, reference.graph, start, 50.0, 2, batch_size=3, **COMMON)
    second = sample_chain(
        operator, reference.graph, first.positions[-1], 50.0, 3, first_jump=2, **COMMON
    )
    parts = joined([first, second])
    # Batches of another size may round differently, and a rounding stays one.
    np.testing.assert_allclose(parts.positions, whole.positions, atol=1e-4)
    assert whole.positions.shape == (5, 4, 9, 3)
    assert whole.frames.shape == (20, 9, 3)
    assert whole.valid_share == 1
    assert not np.allclose(whole.positions[0], whole.positions[1], atol=0.01)


def test_jumps_in_parts_are_the_same_jumps(operator, reference):
    starts = reference.frames[:6]
    together = sample_jumps(operator, reference.graph, starts, 50.0, **COMMON)
    parts = [
        sample_jumps(operator, reference.graph, starts[k : k + 3], 50.0, first_replica=k, **COMMON)
        for k in (0, 3)
    ]
    np.testing.assert_allclose(joined(parts, axis=1).positions, together.positions, atol=1e-4)


def test_short_single_jumps_are_fine_and_lags_out_of_range_are_not(operator, reference):
    starts = reference.frames[:2]
    sample_jumps(operator, reference.graph, starts, 1.0, **COMMON)  # warnings are errors here
    with pytest.raises(DomainError, match="lag"):
        sample_jumps(operator, reference.graph, starts, 5000.0, **COMMON)


class Sloppy:
    """An operator every third proposal of which is torn apart."""

    def __init__(self, operator):
        self._operator = operator
        self.proposals = 0

    def __getattr__(self, name):
        return getattr(self._operator, name)

    def sample(self, batch, positions, lag_time_ps, **settings):
        transition = self._operator.sample(batch, positions, lag_time_ps, **settings)
        for k in range(len(positions)):
            self.proposals += 1
            if self.proposals % 3 == 0:
                transition.positions[k] *= 3
        return transition


def test_first_proposals_are_counted_before_retries(operator, reference):
    chain = sample_chain(Sloppy(operator), reference.graph, reference.frames[:6], 50.0, 1, **COMMON)
    assert chain.valid_share == pytest.approx(4 / 6)
    assert chain.failures["bonds"] == 2
    spans = np.linalg.norm(chain.positions - chain.positions.mean(2, keepdims=True), axis=-1)
    assert spans.max() < 4  # what was kept is whole
    jumps = sample_jumps(Sloppy(operator), reference.graph, reference.frames[:6], 50.0, **COMMON)
    assert jumps.valid_share == pytest.approx(4 / 6)
    spans = np.linalg.norm(jumps.positions - jumps.positions.mean(2, keepdims=True), axis=-1)
    assert (spans.max(-1)[0] > 4).sum() == 2  # single jumps are kept as they are


def test_what_is_not_finite_is_no_frame():
    positions = np.zeros((2, 2, 3, 3), np.float32)
    positions[1, 0] = np.nan
    failed = np.zeros((2, 2, 5), bool)
    failed[1, 0, 0] = True
    samples = Samples(positions, failed, 1.0)
    assert samples.frames.shape == (3, 3, 3)
    assert samples.valid_share == 0.75
    assert samples.failures["finite"] == 1
    assert sum(samples.failures.values()) == 1


def test_a_store_makes_each_part_once(tmp_path):
    samples = Samples(np.ones((1, 2, 3, 3), np.float32), np.zeros((1, 2, 5), bool), 2.5)
    store = SampleStore(tmp_path, {"seed": 0})
    assert store.get("part", lambda: samples) == (samples, True)
    again, made = SampleStore(tmp_path, {"seed": 0}).get("part", pytest.fail)
    assert not made
    np.testing.assert_array_equal(again.positions, samples.positions)
    assert again.wall_time_s == 2.5
    assert SampleStore(tmp_path, {"seed": 1}).get("part", lambda: samples)[1]


def test_an_interrupted_part_is_made_anew_and_a_damaged_one_is_named(tmp_path):
    store = SampleStore(tmp_path, {})

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.get("part", interrupted)
    samples = Samples(np.ones((1, 2, 3, 3), np.float32), np.zeros((1, 2, 5), bool), 2.5)
    assert store.get("part", lambda: samples)[1]
    whole = (store.path / "part.npz").read_bytes()
    directory = whole.rindex(b"PK\x01\x02")
    unknown_compression = whole[: directory + 10] + b"\x63" + whole[directory + 11 :]
    for damaged in (b"PK half a file", unknown_compression):
        (store.path / "part.npz").write_bytes(damaged)
        with pytest.raises(OutputError, match=r"part\.npz is damaged"):
            store.get("part", lambda: samples)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        SampleStore(tmp_path / "file", {})


def test_settings_of_the_solver_are_passed_on(operator, reference):
    start = reference.frames[:2]
    results = [
        sample_chain(operator, reference.graph, start, 50.0, 1, ode=ode, **COMMON).positions
        for ode in (None, OdeSettings("midpoint", 4), OdeSettings("midpoint", 40))
    ]
    errors = [np.abs(result - results[2]).max() for result in results[:2]]
    assert 0 < errors[0] < 0.2
    assert 0 < errors[1] < 0.2
