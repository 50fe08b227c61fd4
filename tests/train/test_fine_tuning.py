"""Training from a checkpoint: what is taken over, what is refused, what is recorded."""

import hashlib
from dataclasses import replace

import h5py
import pytest
import torch

from ase_tito.checkpoint import read_checkpoint, read_header
from ase_tito.errors import CheckpointError, ConfigError
from ase_tito.train import TrainConfig, fit


def run(config, **options):
    return fit(config, show_progress=False, **options)


@pytest.fixture
def parent(quick, tmp_path):
    """A checkpoint of another run on ethanol, whose settings differ from the defaults."""
    config = replace(
        quick,
        name="parent",
        output=tmp_path / "parent",
        source={"kind": "harmonic", "bond_sigma": 0.9},
        data=replace(quick.data, transferable=True),
    )
    return run(config)


@pytest.fixture
def tuned(quick, parent, tmp_path):
    """The configuration of a run that starts from it and says nothing of the model."""
    return replace(quick, parent=str(parent), network={}, output=tmp_path / "tuned")


def test_it_starts_where_the_parent_ended(tuned, parent):
    unmoved = replace(tuned, optimizer=replace(tuned.optimizer, steps=1, learning_rate=1e-30))
    before, after = read_checkpoint(parent)[1], read_checkpoint(run(unmoved))[1]
    assert before.keys() == after.keys()
    for key, value in before.items():
        torch.testing.assert_close(after[key], value)


def test_labels_may_reach_farther_than_before(tuned, parent):
    unmoved = replace(tuned, optimizer=replace(tuned.optimizer, steps=1, learning_rate=1e-30))
    header, weights = read_checkpoint(run(replace(unmoved, network={"chirality_reach": 3})))
    assert header.network["chirality_reach"] == 3
    before = read_checkpoint(parent)[1]
    assert weights.keys() - before.keys() == {"distant_chirality"}
    torch.testing.assert_close(
        weights["distant_chirality"], torch.zeros(3, len(before["chirality"]))
    )
    for key, value in before.items():
        torch.testing.assert_close(weights[key], value)


def test_the_header_tells_of_both(tuned, parent):
    before, after = read_header(parent), read_header(run(tuned))
    assert (after.network, after.source, after.frame) == (
        before.network,
        before.source,
        before.frame,
    )
    record = after.training["from"]
    assert record["name"] == "parent"
    assert record["sha256"] == hashlib.sha256(parent.read_bytes()).hexdigest()
    assert record["training"] == before.training
    assert after.training["molecules"] == ["ethanol"]


def test_resuming_needs_the_same_parent(tuned, parent):
    path = run(tuned)
    weights = read_checkpoint(path)[1]
    assert all(
        torch.equal(value, weights[key])
        for key, value in read_checkpoint(run(tuned, resume=True))[1].items()
    )
    other = parent.with_name("other")
    other.mkdir()
    changed = replace(tuned, parent=str(other / parent.name))
    with pytest.raises(CheckpointError, match="no such file"):
        run(changed, resume=True)
    header = read_header(parent)
    from ase_tito.checkpoint import save_checkpoint

    save_checkpoint(other / parent.name, header, {k: v * 1.01 for k, v in weights.items()})
    with pytest.raises(ConfigError, match=r"other settings \(from\)"):
        run(changed, resume=True)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"network": {"features": 16}}, "network.features is 16, but 'parent'.*has 8"),
        ({"frame": "free"}, "frame is free, but 'parent'.*has condition"),
        (
            {"source": {"kind": "harmonic", "bond_sigma": 0.8}},
            "source is bond_sigma 0.8, centre origin, .* but .parent.*has bond_sigma 0.9",
        ),
        ({"parent": "absent"}, "no model named 'absent'"),
    ],
)
def test_contradictions_are_refused_before_anything_is_written(tuned, changes, text):
    with pytest.raises((ConfigError, CheckpointError), match=text):
        run(replace(tuned, **changes))
    assert not tuned.output.exists()


def test_what_agrees_may_be_said(tuned):
    run(replace(tuned, network={"features": 8}, frame="condition"))


def test_another_source_may_take_over_the_weights(tuned, parent):
    near = {"kind": "gaussian", "sigma": 0.5, "flory_exponent": 0.0, "reference_size": 7.0}
    source = {**near, "centre": "condition"}
    config = replace(tuned, source=source, inherit_source=False)
    unmoved = replace(config, optimizer=replace(tuned.optimizer, steps=1, learning_rate=1e-30))
    path = run(unmoved)
    assert read_header(path).source == source
    before, after = read_checkpoint(parent)[1], read_checkpoint(path)[1]
    for key, value in before.items():
        torch.testing.assert_close(after[key], value)


@pytest.mark.parametrize("missing", [{"parent": None}, {"source": None}])
def test_another_source_needs_weights_and_the_source(tuned, missing):
    given = {"source": {"kind": "harmonic", "bond_sigma": 0.8}, "inherit_source": False}
    with pytest.raises(ConfigError, match="inherit_source = false needs both"):
        replace(tuned, **given | missing)


def test_lags_stay_within_the_network(tuned):
    data = replace(tuned.data, lag_range_ps=(1.0, 40.0), validation_fraction=0.25)
    with pytest.raises(ConfigError, match="1 to 40 ps, beyond the 1 to 20 ps of 'parent'"):
        run(replace(tuned, data=data))


class TestDomain:
    def tune(self, tuned, dataset, **settings):
        data = replace(
            tuned.data,
            trajectories=(),
            dataset=(str(dataset),),
            molecules=("CH3SH",),
            lag_range_ps=(2.0, 10.0),
            **settings,
        )
        return read_header(run(replace(tuned, data=data)))

    def test_of_a_model_for_given_molecules(self, tuned, dataset):
        domain = self.tune(tuned, dataset).domain
        assert domain["elements"] == [1, 6, 16]
        assert len(domain["molecules"]) == 1
        assert domain["lag_range_ps"] == [2.0, 10.0]

    def test_of_a_transferable_model(self, tuned, dataset):
        domain = self.tune(tuned, dataset, transferable=True).domain
        assert domain["elements"] == [1, 6, 8, 16]
        assert domain["n_atoms_range"] == [6, 9]
        assert domain["molecules"] is None
        assert domain["lag_range_ps"] == [2.0, 10.0]

    def test_of_a_transferable_model_that_leaves_its_parents(self, tuned, dataset):
        domain = self.tune(tuned, dataset, transferable=True, inherit_domain=False).domain
        assert domain["elements"] == [1, 6, 16]
        assert domain["n_atoms_range"] == [6, 6]
        assert domain["molecules"] is None

    def test_a_second_temperature_is_refused_unless_the_first_is_left(self, tuned, dataset):
        with h5py.File(dataset, "r+") as file:
            for molecule in file["molecules"].values():
                for run_of_it in molecule["runs"].values():
                    run_of_it.attrs["temperature_K"] = 310.0
        with pytest.raises(ConfigError, match=r"at 300 K.*at 310 K.*inherit_domain = false"):
            self.tune(tuned, dataset, transferable=True)
        domain = self.tune(tuned, dataset, transferable=True, inherit_domain=False).domain
        assert domain["temperature_range_K"] == [310.0, 310.0]


def test_the_file_says_from(toy, parent):
    text = toy.read_text().replace("[network]\nfeatures = 16\nheads = 2\nblocks = 2\n", "")
    toy.write_text('from = "parent/parent.safetensors"\n' + text)
    assert TrainConfig.from_toml(toy).parent == str(parent)
    toy.write_text('from = "alanine-dipeptide"\n' + text)
    assert TrainConfig.from_toml(toy).parent == "alanine-dipeptide"
    toy.write_text("from = 3\n" + text)
    with pytest.raises(ConfigError, match="from must be a model's name or path"):
        TrainConfig.from_toml(toy)
