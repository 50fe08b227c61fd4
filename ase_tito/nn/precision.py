"""The precision of new networks, whatever other libraries have set PyTorch's default to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def single_precision() -> Iterator[None]:
    """Let new tensors be float32 meanwhile.

    Calculators such as MACE's make float64 the default of the whole process.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
