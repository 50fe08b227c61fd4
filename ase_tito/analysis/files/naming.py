"""Trajectories of one molecule under the same names of equal atoms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from ase_tito.analysis.files.source import Chunk, TrajectorySource
from ase_tito.graph import MolecularGraph
from ase_tito.prostereo import Positions, with_sides_of


def named_alike(sources: Sequence[TrajectorySource]) -> list[TrajectorySource]:
    """Trajectories whose equal atoms will be read as they are named in the first one's first frame.

    Runs that were started from different conformers may differ in which hydrogen of a CH₂ comes
    first. What compares them by index would take that for states that never meet.

    Parameters
    ----------
    sources : sequence of TrajectorySource
        Of one molecule. One of another length is left as it is, for whoever reads it to refuse.
    """
    graph, first = sources[0].graph(), sources[0].first_frame()
    return [replace(source, read=partial(_named, source, first, graph)) for source in sources]


def _named(
    source: TrajectorySource, first: Positions, graph: MolecularGraph, size: int
) -> Iterator[Chunk]:
    for chunk in source.read(size):
        alike = chunk.shape[1:] == first.shape
        yield with_sides_of(first, chunk, graph) if alike else chunk
