"""The processes of a training run: one, or those that torchrun starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ase_tito.errors import ConfigError


@dataclass(frozen=True)
class Process:
    """Which of how many processes this is, and its device."""

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def shares(self, batch_size: int, accumulate: int = 1) -> list[slice]:
        """Parts of a global batch that fall to one process, to be taken one after another.

        Raises
        ------
        ConfigError
            If the batch does not divide evenly.
        """
        size, rest = divmod(batch_size, self.count * accumulate)
        if rest:
            parts = f" times {accumulate} parts (accumulate)" if accumulate > 1 else ""
            raise ConfigError(
                f"optimizer.batch_size = {batch_size} is no multiple of {self.count} "
                f"process{'es' if self.count > 1 else ''}{parts}"
            )
        first = self.rank * accumulate
        return [slice(k * size, (k + 1) * size) for k in range(first, first + accumulate)]

    def average_gradients(self, module: nn.Module) -> None:
        """Replace gradients by their means over the processes.

        One exchange a step, whatever `accumulate` is: networks of a few MB leave nothing to overlap
        with the backward pass, and weights that a frame does not use have no gradient anywhere.
        """
        if self.count == 1:
            return
        gradients = [weight.grad for weight in module.parameters() if weight.grad is not None]
        together = parameters_to_vector(gradients)
        distributed.all_reduce(together)
        vector_to_parameters(together / self.count, gradients)

    def sum(self, *values: float) -> list[float]:
        """Numbers summed over the processes, in double precision."""
        if self.count == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        summed: list[float] = total.tolist()
        return summed


@contextmanager
def process_group(device: str) -> Iterator[Process]:
    """Join the processes that torchrun started; a single process otherwise.

    A group that they have joined before is used, and left as it is: PyTorch cannot form a second
    one reliably, so a script that trains several times does it within one such context.

    Parameters
    ----------
    device : str
        'cpu' (gloo), or 'cuda' (NCCL, one device a process).
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    rank, local = (int(os.environ.get(name, "0")) for name in ("RANK", "LOCAL_RANK"))
    if device == "cuda":
        if not torch.cuda.is_available():
            raise ConfigError("device = 'cuda', but PyTorch finds no CUDA device: use 'cpu'")
        torch.cuda.set_device(local)
    place = torch.device(device, local) if device == "cuda" else torch.device(device)
    if count == 1:
        yield Process(0, 1, place)
        return
    if distributed.is_initialized():
        yield Process(rank, count, place)
        return
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield Process(rank, count, place)
    finally:
        distributed.destroy_process_group()
