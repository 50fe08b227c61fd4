import pytest
import torch
from scipy.stats import kstest

from ase_tito.errors import ConfigError
from ase_tito.transfer.noise import (
    ACCEPTANCE,
    AFTER_JUMP,
    MOMENTA,
    keyed_generator,
    keyed_noise,
)


def test_noise_follows_its_key_whatever_the_batch():
    together = keyed_noise([3, 5, 3], 6, 7, [0, 1, 2], [10, 11, 12], [0, 0, 1])
    alone = keyed_noise([3], 3, 7, [2], 12, 1)
    assert torch.equal(together[2:, :3], alone)
    reordered = keyed_noise([5, 3], 5, 7, [1, 0], [11, 10])
    assert torch.equal(reordered[0], together[1, :5])
    assert together[0, 3:].abs().max() == 0
    assert together[:, 5:].abs().max() == 0


def test_precision_rounds_the_same_numbers():
    double = keyed_noise([4], 4, 0, [0], 0, dtype=torch.float64)
    assert double.dtype == torch.float64
    assert torch.equal(double.float(), keyed_noise([4], 4, 0, [0], 0))


def test_every_part_of_the_key_matters():
    keys = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (2**70, 0, 0, 0)]
    keys += [(0, 0, 0, 0, MOMENTA), (0, 0, 0, 0, ACCEPTANCE), (0, 0, 0, 0, AFTER_JUMP, 1)]
    draws = {keyed_generator(*key).standard_normal() for key in keys}
    assert len(draws) == len(keys)


def test_noise_is_standard_normal_and_independent_between_systems():
    noise = keyed_noise([10] * 500, 10, 3, range(500), 5, dtype=torch.float64)
    assert kstest(noise.flatten().numpy(), "norm").pvalue > 1e-3
    correlation = (noise[:-1] * noise[1:]).mean((1, 2)) * 30**0.5
    assert kstest(correlation.numpy(), "norm").pvalue > 1e-3


def test_noise_is_not_centred_over_the_batch():
    """A known defect of the first release: replicas would push each other."""
    noise = keyed_noise([2, 2], 2, 0, [0, 1], 0)
    assert noise.sum((0, 1)).abs().min() > 1e-3


@pytest.mark.parametrize("key", [(-1, 0, 0), (0, -1, 0), (0, 0, -1), (0, 0, 0, -1)])
def test_negative_keys_are_refused(key):
    with pytest.raises(ConfigError, match="at least 0"):
        keyed_generator(*key)
