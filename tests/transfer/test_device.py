"""What a GPU would wait for, watched on the CPU: numbers that Python reads from tensors."""

from dataclasses import replace

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ase_tito.checkpoint import operator_from_checkpoint
from ase_tito.flow.ode import OdeSettings


class Reads(TorchDispatchMode):
    """Counts tensors whose value is asked for: each makes the host wait for the device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*arguments, **(options or {}))


def test_the_counter_counts():
    with Reads() as reads:
        assert bool(torch.ones(2).sum() > 1)
    assert reads.count == 1


def test_no_evaluation_makes_the_host_wait(tiny_checkpoint, ethanol):
    """A jump may look at its condition; the loop over flow times asks for nothing."""
    graph, positions = ethanol
    operator = operator_from_checkpoint(tiny_checkpoint)
    x = torch.tensor(positions).expand(3, -1, -1)
    counts = []
    for method in ("euler", "midpoint", "rk4", "multistep"):
        for steps in (2, 9):
            ode = OdeSettings(method, steps)
            with Reads() as reads:
                replace(operator, ode=ode).sample(graph, x, 100.0, noise=torch.zeros_like(x))
            counts.append(reads.count)
    assert len(set(counts)) == 1
    assert counts[0] <= 4


def test_noise_is_drawn_where_its_generator_is(tiny_checkpoint, ethanol):
    """And copied to where the network is, so that any generator will do."""
    graph, positions = ethanol
    operator = operator_from_checkpoint(tiny_checkpoint)
    x = torch.tensor(positions)
    drawn = torch.randn((1, 9, 3), generator=torch.Generator("cpu").manual_seed(1))
    expected = operator.sample(graph, x, 100.0, noise=drawn[0].to(x))
    found = operator.sample(graph, x, 100.0, generator=torch.Generator("cpu").manual_seed(1))
    assert torch.equal(found.positions, expected.positions)
