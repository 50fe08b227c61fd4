"""Molecular graphs without coordinates, and their dense batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, shortest_path

from ase_tito.errors import GraphError

if TYPE_CHECKING:  # a graph alone needs no PyTorch, and analysis does without
    import torch

MAX_TOPOLOGICAL_DISTANCE = 6
"""Bond distances above this one are told apart no further."""

PADDING_ELEMENT = 0

HEAVIEST_ELEMENT = 118


@dataclass(frozen=True, eq=False)
class MolecularGraph:
    """Elements, bonds and stereochemistry of one molecule.

    Parameters
    ----------
    atomic_numbers : array_like of int, shape (n,)
    bonds : array_like of int, shape (m, 2)
        Covalent bonds as pairs of atom indices, each once, in any order.
    tetrahedral : array_like of int, shape (n,), optional
        Handedness of each tetrahedral stereocentre, +1 or -1, and 0 for every other atom.
        A pseudoscalar: a mirror image has the opposite sign.
    double_bonds : array_like of int, shape (k, 5), optional
        Rows ``(a, i, j, b, label)``: the double bond i=j, its reference substituents a (on i) and
        b (on j), and +1 where a and b are cis, -1 where they are trans. Unchanged by mirroring.

    Raises
    ------
    GraphError
        For indices out of range, bonds of an atom to itself, labels other than named above, or
        more than one connected molecule.

    Notes
    -----
    Instances are immutable, hash by identity, and hold no coordinates.
    """

    atomic_numbers: NDArray[np.int64]
    bonds: NDArray[np.int64]
    tetrahedral: NDArray[np.int64] = field(default=None)  # type: ignore[arg-type]
    double_bonds: NDArray[np.int64] = field(default=None)  # type: ignore[arg-type]

    def __post_init__(self) -> None:
        numbers = _integers("atomic_numbers", self.atomic_numbers)
        if numbers.ndim != 1 or len(numbers) == 0 or (numbers < 1).any():
            raise GraphError("atomic_numbers must be a list of at least one positive integer")
        if numbers.max() > HEAVIEST_ELEMENT:
            raise GraphError(f"there is no element {numbers.max()}")
        n = len(numbers)
        bonds = _integers("bonds", self.bonds)
        if bonds.size and (bonds.ndim != 2 or bonds.shape[1] != 2):
            raise GraphError(f"bonds must have shape (m, 2), not {bonds.shape}")
        bonds = bonds.reshape(-1, 2)
        if len(bonds) and (bonds.min() < 0 or bonds.max() >= n):
            raise GraphError(f"a bond names an atom outside 0..{n - 1}")
        if (bonds[:, 0] == bonds[:, 1]).any():
            raise GraphError(f"atom {bonds[bonds[:, 0] == bonds[:, 1]][0, 0]} is bonded to itself")
        bonds = np.unique(np.sort(bonds, axis=1), axis=0)
        pieces, labels = connected_components(_adjacency(n, bonds), directed=False)
        if pieces != 1:
            raise GraphError(
                f"the bonds leave {pieces} separate molecules (of {np.bincount(labels).tolist()}"
                " atoms) where one is expected; pass one molecule, or its bonds explicitly"
            )
        tetrahedral = (
            np.zeros(n, np.int64)
            if self.tetrahedral is None
            else _integers("tetrahedral", self.tetrahedral)
        )
        if tetrahedral.shape != (n,) or not np.isin(tetrahedral, (-1, 0, 1)).all():
            raise GraphError(f"tetrahedral must hold -1, 0 or +1 for each of the {n} atoms")
        double = (
            np.zeros((0, 5), np.int64)
            if self.double_bonds is None
            else _integers("double_bonds", self.double_bonds)
        )
        if double.size and (double.ndim != 2 or double.shape[1] != 5):
            raise GraphError(f"double_bonds must have shape (k, 5), not {double.shape}")
        double = double.reshape(-1, 5)
        if len(double) and (
            double[:, :4].min() < 0
            or double[:, :4].max() >= n
            or not np.isin(double[:, 4], (-1, 1)).all()
        ):
            raise GraphError("double_bonds rows must be (a, i, j, b, label) with label -1 or +1")
        for name, value in (
            ("atomic_numbers", numbers),
            ("bonds", bonds),
            ("tetrahedral", tetrahedral),
            ("double_bonds", double),
        ):
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    @property
    def n_atoms(self) -> int:
        return len(self.atomic_numbers)

    @cached_property
    def neighbours(self) -> tuple[tuple[int, ...], ...]:
        """The bonded atoms of each atom, in ascending order."""
        around: list[list[int]] = [[] for _ in range(self.n_atoms)]
        for i, j in self.bonds.tolist():
            around[i].append(j)
            around[j].append(i)
        return tuple(tuple(sorted(atoms)) for atoms in around)

    @cached_property
    def laplacian(self) -> NDArray[np.float64]:
        """Laplacian of the bond graph, shape (n, n)."""
        adjacency = _adjacency(self.n_atoms, self.bonds).toarray()
        adjacency = adjacency + adjacency.T
        return np.diag(adjacency.sum(1)) - adjacency

    @cached_property
    def bond_distances(self) -> NDArray[np.int64]:
        """Number of bonds on the shortest way between two atoms, shape (n, n), not capped."""
        distances = shortest_path(
            _adjacency(self.n_atoms, self.bonds), directed=False, unweighted=True
        )
        return distances.astype(np.int64)

    def mirrored(self) -> MolecularGraph:
        """The mirror image: tetrahedral labels change sign, double bonds keep theirs."""
        return MolecularGraph(self.atomic_numbers, self.bonds, -self.tetrahedral, self.double_bonds)

    def permuted(self, order: ArrayLike) -> MolecularGraph:
        """The same molecule with atom ``order[k]`` at place k."""
        order = np.asarray(order)
        place = np.argsort(order)
        double = self.double_bonds.copy()
        double[:, :4] = place[double[:, :4]]
        return MolecularGraph(
            self.atomic_numbers[order], place[self.bonds], self.tetrahedral[order], double
        )


@dataclass(frozen=True, eq=False)
class GraphBatch:
    """Several systems as dense tensors, padded to the largest.

    Systems that share a graph (replicas) share its tables: G graphs serve B >= G systems.

    Attributes
    ----------
    graphs : tuple of MolecularGraph, length G
        The distinct graphs.
    index : Tensor of int64, shape (B,)
        Which graph each system has.
    mask : Tensor of bool, shape (B, N)
        True where a system has an atom; N is the largest number of atoms.
    atomic_numbers : Tensor of int64, shape (G, N)
        0 where padded.
    atom_mask : Tensor of bool, shape (G, N)
    topological_distances : Tensor of int64, shape (G, N, N)
        Bonds between two atoms, capped at `MAX_TOPOLOGICAL_DISTANCE`.
    tetrahedral : Tensor of float32, shape (G, N)
        Handedness of stereocentres (a pseudoscalar).
    pair_stereo : Tensor of int64, shape (G, N, N)
        0 none, 1 cis, 2 trans: for the reference substituents of a labelled double bond.
    """

    graphs: tuple[MolecularGraph, ...]
    index: torch.Tensor
    mask: torch.Tensor
    atomic_numbers: torch.Tensor
    atom_mask: torch.Tensor
    topological_distances: torch.Tensor
    tetrahedral: torch.Tensor
    pair_stereo: torch.Tensor

    @classmethod
    def from_graphs(
        cls, systems: Iterable[MolecularGraph], device: torch.device | str = "cpu"
    ) -> GraphBatch:
        """Batch the graphs of B systems; the same instance is stored once."""
        import torch

        distinct: dict[MolecularGraph, int] = {}
        index = [distinct.setdefault(graph, len(distinct)) for graph in systems]
        if not index:
            raise GraphError("a batch needs at least one system")
        return cls._build(tuple(distinct), torch.tensor(index), device)

    @classmethod
    def replicate(
        cls, graph: MolecularGraph, count: int, device: torch.device | str = "cpu"
    ) -> GraphBatch:
        """Batch `count` replicas of one molecule."""
        import torch

        return cls._build((graph,), torch.zeros(count, dtype=torch.long), device)

    @classmethod
    def _build(
        cls, graphs: Sequence[MolecularGraph], index: torch.Tensor, device: torch.device | str
    ) -> GraphBatch:
        import torch

        shape = (len(graphs), max(graph.n_atoms for graph in graphs))
        numbers = torch.full(shape, PADDING_ELEMENT)
        topological = torch.full((*shape, shape[1]), MAX_TOPOLOGICAL_DISTANCE)
        tetrahedral = torch.zeros(shape, dtype=torch.float32)
        stereo = torch.zeros_like(topological)
        for k, graph in enumerate(graphs):
            n = graph.n_atoms
            numbers[k, :n] = torch.from_numpy(graph.atomic_numbers.copy())
            topological[k, :n, :n] = torch.from_numpy(
                np.minimum(graph.bond_distances, MAX_TOPOLOGICAL_DISTANCE)
            )
            tetrahedral[k, :n] = torch.from_numpy(graph.tetrahedral.astype(np.float32))
            for a, _, _, b, label in graph.double_bonds:
                stereo[k, a, b] = stereo[k, b, a] = 1 if label > 0 else 2
        atom_mask = numbers != PADDING_ELEMENT
        tensors = (index, atom_mask[index], numbers, atom_mask, topological, tetrahedral, stereo)
        return cls(tuple(graphs), *(tensor.to(device) for tensor in tensors))

    @property
    def n_systems(self) -> int:
        return len(self.index)

    @property
    def n_atoms(self) -> torch.Tensor:
        """Atoms of each system, shape (B,)."""
        return self.mask.sum(1)

    @cached_property
    def padded(self) -> bool:
        """Whether any graph has fewer atoms than N."""
        return any(graph.n_atoms < self.mask.shape[1] for graph in self.graphs)

    @property
    def device(self) -> torch.device:
        return self.index.device

    @cached_property
    def systems(self) -> list[MolecularGraph]:
        """The graph of each system, length B."""
        return [self.graphs[k] for k in self.index.tolist()]

    def select(self, systems: torch.Tensor) -> GraphBatch:
        """The batch of the systems with these indices, or where this mask (B,) is True."""
        chosen = self.index[systems]
        return GraphBatch(
            self.graphs,
            chosen,
            self.atom_mask[chosen],
            self.atomic_numbers,
            self.atom_mask,
            self.topological_distances,
            self.tetrahedral,
            self.pair_stereo,
        )

    def take(self, systems: torch.Tensor) -> GraphBatch:
        """The batch of the systems with these indices, each with tables of its own.

        What `select` is for replicas, this is for a few of many molecules: the tables that nobody
        needs are left behind.
        """
        import torch

        chosen = self.index[systems]
        mask = self.atom_mask[chosen]
        return GraphBatch(
            tuple(self.graphs[k] for k in chosen.tolist()),
            torch.arange(len(chosen), device=self.device),
            mask,
            self.atomic_numbers[chosen],
            mask,
            self.topological_distances[chosen],
            self.tetrahedral[chosen],
            self.pair_stereo[chosen],
        )

    def to(self, device: torch.device | str) -> GraphBatch:
        """The same batch on another device."""
        import torch

        if torch.device(device) == self.device:
            return self
        return GraphBatch(
            self.graphs,
            self.index.to(device),
            self.mask.to(device),
            self.atomic_numbers.to(device),
            self.atom_mask.to(device),
            self.topological_distances.to(device),
            self.tetrahedral.to(device),
            self.pair_stereo.to(device),
        )


def _integers(name: str, values: Any) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise GraphError(f"{name} must be integers, not {array.dtype}")
    return np.array(array, dtype=np.int64)


def _adjacency(n: int, bonds: NDArray[np.int64]) -> csr_array:
    return csr_array((np.ones(len(bonds)), (bonds[:, 0], bonds[:, 1])), shape=(n, n))
