"""Runs that were driven by the same noise, and so are not independent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ase_tito.analysis.files.source import TrajectorySource

_KEYS = ("model_sha256", "seed", "replica")
"""Entries of our headers that the noise of a run depends on, and the model that it drives."""


def same_noise(sources: Sequence[TrajectorySource]) -> list[str]:
    """A sentence on each group of runs of one model with one seed and replica.

    Wherever they start, equal noise takes them to the same places after some jumps.
    """
    groups: dict[tuple[object, ...], list[Path]] = defaultdict(list)
    for source in sources:
        if all(key in source.description for key in _KEYS):
            groups[tuple(source.description[key] for key in _KEYS)].append(source.path)
    return [
        f"{' and '.join(map(str, paths))} have one seed ({key[1]}) and so the same noise: they are "
        "not independent of each other, and error bars are too small; give each run a seed of "
        "its own."
        for key, paths in groups.items()
        if len(paths) > 1
    ]
