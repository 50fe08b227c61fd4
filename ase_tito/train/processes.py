"""The processes of a training run: one, or those that torchrun starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

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

    def share(self, batch_size: int) -> slice:
        """Part of a global batch that falls to one process.

        Raises
        ------
        ConfigError
            If the batch does not divide evenly.
        """
        if batch_size % self.count:
            raise ConfigError(
                f"optimizer.batch_size = {batch_size} is no multiple of {self.count} processes"
            )
        size = batch_size // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def parallel(self, module: nn.Module) -> nn.Module:
        """The module with gradients averaged over the processes."""
        if self.count == 1:
            return module
        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=ids, static_graph=True)

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """A number averaged over the processes."""
        if self.count > 1:
            distributed.all_reduce(value)
        return value / self.count

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return bool(self.mean(torch.tensor(float(flag), device=self.device)).item() > 0)


@contextmanager
def process_group(device: str) -> Iterator[Process]:
    """Join the processes that torchrun started; a single process otherwise.

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
    distributed.init_process_group("nccl" if device == "cuda" else "gloo")
    try:
        yield Process(rank, count, place)
    finally:
        distributed.destroy_process_group()
