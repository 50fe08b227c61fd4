"""Molecules of similar size together, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ase_tito.errors import DataError
from ase_tito.graph import GraphBatch, MolecularGraph


def size_buckets(sizes: Sequence[int], largest_padding: float) -> list[NDArray[np.int64]]:
    """Split molecules by size such that batches drawn from one bucket hold little padding.

    Parameters
    ----------
    sizes : sequence of int, length M
        Atoms of each molecule.
    largest_padding : float
        Share of a batch's atoms that may be padding, on average over molecules drawn equally
        often and padded to their bucket's largest: 1 puts all into one bucket, 0 one size into
        each.

    Returns
    -------
    list of ndarray of int64
        Indices of each bucket's molecules, the smallest molecules first. The largest ones are
        grouped first, so that the padding that remains is where it costs least.
    """
    if not 0 <= largest_padding <= 1:
        raise DataError(f"the share of padding must lie between 0 and 1, not {largest_padding}")
    atoms = np.asarray(sizes)
    order = np.argsort(-atoms, kind="stable")
    buckets: list[list[int]] = []
    total = 0
    for molecule in order.tolist():
        size = int(atoms[molecule])
        if buckets:
            bucket = buckets[-1]
            room = int(atoms[bucket[0]]) * (len(bucket) + 1)
            if room - (total + size) <= largest_padding * room:
                bucket.append(molecule)
                total += size
                continue
        buckets.append([molecule])
        total = size
    return [np.array(sorted(bucket), np.int64) for bucket in reversed(buckets)]


class MoleculeBuckets:
    """Draws molecules, each equally often, in batches that hold molecules of similar size.

    Parameters
    ----------
    graphs : sequence of MolecularGraph
    largest_padding : float
        See `size_buckets`.
    """

    def __init__(self, graphs: Sequence[MolecularGraph], largest_padding: float) -> None:
        self._graphs = graphs
        self._buckets = size_buckets([graph.n_atoms for graph in graphs], largest_padding)
        self._edges = np.cumsum([len(bucket) for bucket in self._buckets])
        self._tables: dict[int, GraphBatch] = {}

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], GraphBatch]:
        """Indices of `count` molecules of one bucket, which is drawn as often as it has molecules.

        The batch's shapes depend on bucket and count alone, as compilers like it.
        """
        number = int(np.searchsorted(self._edges, rng.integers(self._edges[-1]), side="right"))
        bucket = self._buckets[number]
        place = rng.integers(len(bucket), size=count)
        if number not in self._tables:
            self._tables[number] = GraphBatch.from_graphs(self._graphs[m] for m in bucket)
        tables, systems = self._tables[number], torch.from_numpy(place)
        few = len(tables.graphs) <= len(place)
        return bucket[place], tables.select(systems) if few else tables.take(systems)
