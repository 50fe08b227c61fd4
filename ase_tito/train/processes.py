"""The processes of a training run: one, or those that torchrun starts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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

    def parallel(self, module: nn.Module) -> nn.Module:
        """The module with gradients averaged over the processes."""
        if self.count == 1:
            return module
        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=ids, static_graph=True)

    def sum(self, *values: float) -> list[float]:
        """Numbers summed over the processes, in double precision."""
        if self.count == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.all_reduce(total)
        summed: list[float] = total.tolist()
        return summed

    def without_exchange(self, module: nn.Module) -> AbstractContextManager[None]:
        """A context in which gradients add up in each process alone, for `accumulate`."""
        if isinstance(module, DistributedDataParallel):
            context: AbstractContextManager[None] = module.no_sync()
            return context
        return nullcontext()


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
