"""What is trained on and what validates: splits, names, files."""

from dataclasses import replace

import pytest

from ase_tito.data import Dataset, DatasetWriter
from ase_tito.errors import ConfigError, DataError
from ase_tito.train import DataConfig
from ase_tito.train.material import read_material


def data(dataset, **settings):
    return DataConfig(dataset=(str(dataset),), lag_range_ps=(1.0, 20.0), **settings)


def names(trajectories):
    return [trajectory.name for trajectory in trajectories]


def rewritten(dataset, splits):
    """The dataset with other splits."""
    path = dataset.with_name("rewritten.h5")
    with Dataset(dataset) as before, DatasetWriter(path, {}) as writer:
        for record in before.records():
            writer.add(replace(record, force_field="its own"))
        for split, members in splits.items():
            writer.set_split(split, members)
    return path


def test_splits_are_found_by_their_usual_names(dataset):
    material = read_material(data(dataset))
    assert sorted(material.names) == ["CH3CH2OH", "CH3OH"]
    assert names(material.training) == [f"{name}/run" for name in material.names]
    assert names(material.validation) == ["CH3SH/run"]
    assert material.held_out
    assert material.force_field == "none: noise"
    assert material.n_frames == 200


def test_splits_may_be_named(dataset):
    material = read_material(data(dataset, train_split="test", validation_split="train"))
    assert material.names == ("C2H6",)
    assert len(material.validation) == 2
    with pytest.raises(DataError, match="no split holdout"):
        read_material(data(dataset, validation_split="holdout"))


def test_chosen_molecules_are_validated_by_their_own_ends(dataset):
    material = read_material(data(dataset, molecules=("C2H6",), validation_fraction=0.25))
    assert material.names == ("C2H6",)
    assert not material.held_out
    assert [len(t) for t in (*material.training, *material.validation)] == [75, 25]
    with pytest.raises(DataError, match="no molecule CH4"):
        read_material(data(dataset, molecules=("C2H6", "CH4")))


def test_chosen_molecules_may_be_in_any_dataset_but_not_in_none(dataset):
    other = dataset.with_name("other.h5")
    with Dataset(dataset) as before, DatasetWriter(other, {"force_field": "x"}) as writer:
        writer.add(replace(before.molecule("CH3SH"), name="methanethiol"))
    config = replace(data(dataset), dataset=(str(dataset), str(other)))
    material = read_material(replace(config, molecules=("methanethiol", "C2H6")))
    assert material.names == ("C2H6", "methanethiol")
    with pytest.raises(DataError, match=r"small.h5, .*other.h5: there is no molecule CH4"):
        read_material(replace(config, molecules=("C2H6", "CH4", "methanethiol")))


def test_without_a_training_split_no_molecule_of_another_is_trained_on(dataset):
    path = rewritten(dataset, {"test": ["C2H6"], "validation": ["CH3OH"]})
    material = read_material(data(path))
    assert sorted(material.names) == ["CH3CH2OH", "CH3SH"]
    assert material.force_field == "its own"


def test_files_may_stand_beside_datasets(dataset, toy):
    config = data(dataset, trajectories=(str(toy.with_name("ethanol.npz")),), train_split="test")
    assert read_material(config).names == ("C2H6", "ethanol")


def test_a_molecule_must_not_be_trained_on_and_validate(dataset, toy):
    other = rewritten(dataset, {"validation": ["CH3OH"], "train": ["C2H6"]})
    config = replace(data(dataset), dataset=(str(dataset), str(other)))
    with pytest.raises(ConfigError, match="CH3OH/run is to validate, but the same molecule"):
        read_material(config)


def test_a_force_field_must_be_known(dataset):
    path = rewritten(dataset, {})
    with Dataset(path) as before, DatasetWriter(path.with_name("mute.h5"), {}) as writer:
        for record in before.records():
            writer.add(replace(record, force_field=""))
    with pytest.raises(ConfigError, match=r"force_field is missing.*--force-field of .*convert"):
        read_material(data(path.with_name("mute.h5")))
    assert read_material(data(path.with_name("mute.h5"), force_field="x")).force_field == "x"


def test_equilibrium_samples_alone_cannot_train(dataset):
    path = dataset.with_name("still.h5")
    with Dataset(dataset) as before, DatasetWriter(path, {"force_field": "x"}) as writer:
        record = before.molecule("CH3OH")
        writer.add(replace(record, runs=tuple(run for run in record.runs if not run.time_ordered)))
    with pytest.raises(ConfigError, match="no time-ordered trajectory"):
        read_material(data(path))
