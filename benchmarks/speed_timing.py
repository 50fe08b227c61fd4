"""Timing side by side, in turns of short slices, so that a busy machine is so for all."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

Work = Callable[[], float]
"""Does one portion of its work and returns how much that was (ps, evaluations, samples)."""

DAY_S = 86_400


def slice_of(work: Work, seconds: float) -> float:
    """Work per second, of at least one portion and so many seconds."""
    done, start = 0.0, time.perf_counter()
    while True:
        done += work()
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            return done / elapsed


def alternate(
    contestants: Mapping[str, Work], rounds: int, seconds: float, say: Callable[[str], object]
) -> dict[str, dict[str, float]]:
    """Rates per second: median, lowest and highest of several rounds in which all take turns.

    A portion of each comes first and is not counted.
    """
    for work in contestants.values():
        work()
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, work in contestants.items():
            rates[name].append(slice_of(work, seconds))
        say(f"round {number + 1} of {rounds}")
    return {name: spread(values) for name, values in rates.items()}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and range."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def exponent(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """p of the least-squares fit seconds ∝ size^p, in logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def machine(threads: int) -> dict[str, Any]:
    """What the figures depend on, and nothing that names the machine."""
    return {
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "threads_of_pytorch": threads,
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "cpu_family": _cpu_family(),
        "pytorch": torch.__version__,
        "python": platform.python_version(),
    }


def _cpu_family() -> str:
    """Such as ``AMD EPYC``; empty where the system does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else ""
