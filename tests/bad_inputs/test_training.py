"""Configurations of training that cannot work, found before anything is written."""

from pathlib import Path

import numpy as np
import pytest

CONFIG = """
name = "tiny-one"
output = "run"

[data]
dataset = "good.h5"
lag_range_ps = [1.0, 10.0]
validation_fraction = 0.4
validation_pairs = 8

[network]
features = 8
heads = 2
blocks = 1
pair_features = 4

[optimizer]
steps = 3
batch_size = 4
warmup_steps = 1
"""

NAME, DATA, SIZE, BATCH = (
    'name = "tiny-one"',
    'dataset = "good.h5"',
    "features = 8",
    "batch_size = 4",
)
LAGS, PLACE = "lag_range_ps = [1.0, 10.0]", 'output = "run"'

REFUSED = [
    (NAME, 'name = "../up"', "must be letters, digits"),
    (NAME, "name = 3", "name must be a word"),
    (PLACE, "output = 3", "output must be a text, not 3"),
    (PLACE, 'output = "good.h5"', "good.h5 is a file: choose another directory"),
    (PLACE, 'output = "good.h5/run"', "good.h5 is a file: choose another directory"),
    (DATA, "dataset = 3", "data.dataset must be a list of strings, not 3"),
    (DATA, 'dataset = "absent.h5"', "absent.h5: no such dataset"),
    (DATA, 'dataset = "bad.toml"', "bad.toml: not a readable HDF5 file"),
    (DATA, 'dataset = ["good.h5", "good.h5"]', "data.dataset names good.h5 twice"),
    (DATA, DATA + '\nmolecules = ["water"]', "there is no molecule water"),
    (DATA, DATA + '\ntrain_split = "nobody"', "there is no split nobody; it has train"),
    (DATA, DATA + "\ntrain_split = 3", "data.train_split must be a text, not 3"),
    (DATA, DATA + "\nforce_field = 3", "data.force_field must be a text, not 3"),
    (DATA, DATA + '\nvalidation_split = "train"', "is to validate, but the same molecule"),
    (LAGS, "lag_range_ps = [0.1, 10.0]", "frames are 1 ps apart, too far for lags from 0.1 ps"),
    (LAGS, "lag_range_ps = [1.0, 500.0]", "lags up to 500 ps need a trajectory of twice that"),
    (LAGS, "lag_range_ps = [1.0, nan]", "data.lag_range_ps must be positive, in ps, not nan"),
    (LAGS, "lag_range_ps = 10.0", "data.lag_range_ps must be two rising lags"),
    (LAGS, "lags_ps = [1.5]", "a lag of 1.5 ps is no multiple of that"),
    ("fraction = 0.4", "fraction = 0.01", "enlarge data.validation_fraction"),
    ("fraction = 0.4", "fraction = 0.99", "lags up to 10 ps need a trajectory of twice that"),
    ("pairs = 8", "pairs = 0", "data.validation_pairs must be a positive integer"),
    (SIZE, "features = -8", "features must be a positive integer, not -8"),
    (SIZE, "features = 8.5", "features must be a positive integer, not 8.5"),
    (SIZE, SIZE + '\nlength_scale = "long"', "length_scale must be positive, in Å, not 'long'"),
    (SIZE, SIZE + "\ncondition_blocks = 0", "frame must be 'free'"),
    (BATCH, "batch_size = 0", "optimizer.batch_size must be a positive integer, not 0"),
    (BATCH, BATCH + "\nlearning_rate = nan", "optimizer.learning_rate must be positive, not nan"),
    (BATCH, BATCH + '\nlearning_rate = "fast"', "optimizer.learning_rate must be positive"),
    (BATCH, BATCH + "\nbetas = 0.9", "optimizer.betas must be two numbers in [0, 1), not 0.9"),
    (BATCH, BATCH + '\nbetas = ["a", "b"]', "optimizer.betas must lie in [0, 1), not 'a'"),
    (BATCH, BATCH + "\nweight_decay = -1", "optimizer.weight_decay must not be negative: -1"),
    (BATCH, BATCH + '\nweight_decay = "x"', "optimizer.weight_decay must be a number, not 'x'"),
    (BATCH, BATCH + "\ntime_location = nan", "optimizer.time_location must be a number, not nan"),
    (BATCH, BATCH + '\ndecay_share = "x"', "optimizer.decay_share must be a number, not 'x'"),
    (BATCH, BATCH + "\ndecay_share = 0", "optimizer.decay_share must lie in (0, 1], not 0"),
    (BATCH, BATCH + "\nema_decay = 1", "optimizer.ema_decay must lie in [0, 1), not 1"),
    (BATCH, BATCH + '\nmethod = "sgd"', "optimizer.method must be 'muon' or 'adamw'"),
    (BATCH, BATCH + "\nminutes = 3", "exclude each other: keep one"),
    (NAME, NAME + "\nsource = 3", "source must be a table"),
    (NAME, NAME + '\nsource = { kind = "gaussian" }', "the gaussian source lacks the keys"),
    (
        NAME,
        NAME + '\nsource = { kind = "harmonic", bond_sigma = "x" }',
        "must be a number, not 'x'",
    ),
    (NAME, NAME + "\nframe = 3", "unknown frame 3"),
    (NAME, NAME + '\ncoupling = "rotation"', "would bias sampling in the frame 'condition'"),
    (NAME, NAME + '\ndevice = "cuda"', "device = 'cuda', but PyTorch finds no CUDA device"),
    (NAME, NAME + "\naccumulate = 3", "is no multiple of 1 process times 3 parts"),
    (NAME, NAME + "\ncheckpoint_minutes = 0", "checkpoint_minutes must be positive, not 0"),
    (NAME, NAME + '\nfrom = "nobody"', "there is no model named 'nobody'"),
    (NAME, NAME + '\nfrom = "./absent.safetensors"', "there is no such file"),
    (NAME, NAME + "\node = 3", "[ode] must be a section"),
    (NAME, NAME + "\node = { steps = 0 }", "ODE steps must be a positive integer"),
    (NAME, NAME + "\ntensorboard = 1", "tensorboard must be true or false, not 1"),
    ("[network]", "[net]", "unknown entries: net"),
    ("[optimizer]", "[[optimizer]]", "[optimizer] must be a section"),
    (CONFIG, "", "the section [data] is missing"),
    (CONFIG, "\0", "not valid TOML"),
]


@pytest.mark.parametrize(("old", "new", "text"), REFUSED)
def test_configurations(refused, dataset, workplace, monkeypatch, old, new, text):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    dataset(name="good.h5")
    assert old in CONFIG
    Path("bad.toml").write_text(CONFIG.replace(old, new, 1))
    refused(text, "train", "bad.toml", "--quiet")


def test_nothing_to_resume(refused, dataset, workplace):
    dataset(name="good.h5")
    Path("good.toml").write_text(CONFIG)
    refused("run/state.pt: no training state to resume from", "train", "good.toml", "--resume")


def test_frames_that_are_not_finite_end_a_run_by_their_name(refused, dataset, workplace):
    def damage(file):
        file["/molecules/ethanol/runs/md/positions"][40:, 2, 1] = np.nan

    dataset(damage, name="good.h5")
    Path("good.toml").write_text(CONFIG)
    text = "the end of ethanol/md: frame "  # which is drawn first, to validate by
    refused(text, "train", "good.toml", "--quiet")


def test_elements_beyond_the_network(refused, dataset, workplace):
    def damage(file):
        file["/molecules/ethanol/atomic_numbers"][:] = [100, 6, 8, 1, 1, 1, 1, 1, 1]

    dataset(damage, name="good.h5")
    Path("good.toml").write_text(CONFIG)
    refused(
        "ethanol/md has Fm, and networks know elements up to Rn", "train", "good.toml", "--quiet"
    )
