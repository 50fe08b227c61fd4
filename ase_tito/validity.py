"""Whether positions are a possible geometry of their molecule.

Made for samples of a model, where a check runs after every jump: bonds within their range, no
atoms in each other's way, and the stereochemistry of the graph. Not an energy: a geometry can pass
and still be unlikely.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from weakref import WeakKeyDictionary

import torch
from ase.data import chemical_symbols
from torch import Tensor

from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.limits import distance_limits, labelled_stereochemistry
from ase_tito.stereo import LEAST_CISNESS, LEAST_HANDEDNESS, cisness, handedness

CHECKS = ("finite", "bonds", "clashes", "tetrahedral", "double_bonds")
"""The checks of a geometry, in the order of `Validity.failed`."""


@dataclass(frozen=True, eq=False)
class Validity:
    """What a check found, for B systems. True means fine.

    Attributes
    ----------
    finite : Tensor of bool, shape (B,)
        All positions are finite; where they are not, the other checks that look at them fail too.
    bonds : Tensor of bool, shape (B,)
        Every bond is within its range.
    clashes : Tensor of bool, shape (B,)
        No two atoms without a bond are too close.
    tetrahedral : Tensor of bool, shape (B,)
        Every labelled stereocentre has the handedness of the graph.
    double_bonds : Tensor of bool, shape (B,)
        Every labelled double bond has the configuration of the graph.
    batch : GraphBatch
    positions : Tensor, shape (B, N, 3)
        What was checked, in Å.
    """

    finite: Tensor
    bonds: Tensor
    clashes: Tensor
    tetrahedral: Tensor
    double_bonds: Tensor
    batch: GraphBatch
    positions: Tensor

    @cached_property
    def valid(self) -> Tensor:
        """All checks passed, shape (B,)."""
        return self.finite & self.bonds & self.clashes & self.tetrahedral & self.double_bonds

    @cached_property
    def failed(self) -> Tensor:
        """Which of `CHECKS` failed, shape (B, 5).

        Of positions that are not finite that one alone: the others mean nothing then.
        """
        failed = ~torch.stack([getattr(self, name) for name in CHECKS], dim=1)
        failed[:, 1:] &= self.finite[:, None]
        return failed

    def describe(self, system: int) -> str:
        """What is wrong with one system, the worst of each kind; ``'valid'`` if nothing is."""
        if bool(self.valid[system]):
            return "valid"
        graph = self.batch.systems[system]
        x = self.positions[system, : graph.n_atoms].detach().cpu().double()
        if not bool(self.finite[system]):
            atom = int((~torch.isfinite(x).all(1)).nonzero()[0, 0])
            return f"the position of atom {atom} is not finite"
        limits = _limits(graph)
        distances = torch.cdist(x, x)
        reasons = []
        for fine, kind, pairs in (
            (self.bonds, "bond", limits.bonded),
            (self.clashes, "contact", ~limits.bonded),
        ):
            if not bool(fine[system]):
                excess = torch.maximum(limits.lower - distances, distances - limits.upper)
                i, j = divmod(int(torch.where(pairs, excess, -torch.inf).argmax()), graph.n_atoms)
                reasons.append(
                    f"{kind} {_name(graph, i)}-{_name(graph, j)} is {distances[i, j]:.2f} Å "
                    f"({_interval(limits.lower[i, j], limits.upper[i, j])})"
                )
        for fine, kind, atoms, values in (
            (self.tetrahedral, "stereocentre", limits.centres[:, None], limits.handedness(x)),
            (self.double_bonds, "double bond", limits.rows[:, 1:3], limits.cisness(x)),
        ):
            if not bool(fine[system]):
                worst = int(values.argmin())
                where = "=".join(_name(graph, int(atom)) for atom in atoms[worst])
                change = "is inverted" if values[worst] < 0 else "has lost its shape"
                reasons.append(f"{kind} {where} {change}")
        return "; ".join(reasons)


def check(batch: GraphBatch, positions: Tensor) -> Validity:
    """Check the geometry of every system of a batch.

    Parameters
    ----------
    batch : GraphBatch
    positions : Tensor, shape (B, N, 3)
        Å; need not be centred, and may be anything where padded.

    Returns
    -------
    Validity

    Raises
    ------
    ValueError
        For positions of another shape than the batch.
    GraphError
        If a graph labels an atom that is no stereocentre.

    Notes
    -----
    The limits are fractions of sums of covalent radii (bonds) and van der Waals radii (contacts),
    wide enough for every frame of classical MD at 300 K. The cost is that of one matrix of
    distances; the tables of a graph are made once.
    """
    if positions.shape != (*batch.mask.shape, 3):
        raise ValueError(
            f"positions must have the batch's shape {(*batch.mask.shape, 3)}, "
            f"not {tuple(positions.shape)}"
        )
    tables, lower, upper, bonded = _stacked(
        batch.graphs, positions.shape[1], positions.dtype, positions.device
    )
    finite = (torch.isfinite(positions).all(-1) | ~batch.mask).all(1)
    x = torch.where(batch.mask[..., None], positions, 0.0)
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")
    # an unbounded pair (padding, diagonal) passes whatever its distance, a NaN of a bounded one not
    index = batch.index
    within = ((distances >= lower[index]) & (distances <= upper[index])) | (lower[index] == 0)
    tetrahedral = torch.ones_like(finite)
    double_bonds = torch.ones_like(finite)
    for k, table in enumerate(tables):
        members = slice(None) if len(tables) == 1 else index == k
        if len(table.centres):
            tetrahedral[members] = (table.handedness(x[members]) >= LEAST_HANDEDNESS).all(-1)
        if len(table.rows):
            double_bonds[members] = (table.cisness(x[members]) >= LEAST_CISNESS).all(-1)
    return Validity(
        finite=finite,
        bonds=(within | ~bonded[index]).flatten(1).all(1),
        clashes=(within | bonded[index]).flatten(1).all(1),
        tetrahedral=tetrahedral,
        double_bonds=double_bonds,
        batch=batch,
        positions=positions,
    )


@dataclass(frozen=True, eq=False)
class _Limits:
    """Tables of one graph: distances (n, n) and labelled stereochemistry."""

    lower: Tensor
    upper: Tensor
    bonded: Tensor
    centres: Tensor  # (k,)
    neighbours: Tensor  # (k, 4)
    hands: Tensor  # (k,)
    rows: Tensor  # (m, 5), as in MolecularGraph

    def handedness(self, x: Tensor) -> Tensor:
        """Handedness of each labelled centre times its label, shape (..., k)."""
        values = handedness(x[..., self.centres, :], x[..., self.neighbours, :])
        return values * self.hands.to(values)

    def cisness(self, x: Tensor) -> Tensor:
        """Cisness of each labelled double bond times its label, shape (..., m)."""
        a, i, j, b, label = self.rows.T
        values = cisness(x[..., a, :], x[..., i, :], x[..., j, :], x[..., b, :])
        return values * label.to(values)


_CACHE: WeakKeyDictionary[MolecularGraph, _Limits] = WeakKeyDictionary()


def _limits(graph: MolecularGraph) -> _Limits:
    if graph not in _CACHE:
        _CACHE[graph] = _make_limits(graph)
    return _CACHE[graph]


@lru_cache(maxsize=8)
def _stacked(
    graphs: tuple[MolecularGraph, ...], size: int, dtype: torch.dtype, device: torch.device
) -> tuple[list[_Limits], Tensor, Tensor, Tensor]:
    """Tables of several graphs, and their distances as one: the same at every jump of a run."""
    tables = [_limits(graph) for graph in graphs]
    lower = torch.zeros(len(graphs), size, size, dtype=dtype, device=device)
    upper = torch.full_like(lower, torch.inf)
    bonded = torch.zeros_like(lower, dtype=torch.bool)
    for k, table in enumerate(tables):
        n = len(table.lower)
        lower[k, :n, :n] = table.lower.to(lower)
        upper[k, :n, :n] = table.upper.to(upper)
        bonded[k, :n, :n] = table.bonded.to(device)
    return tables, lower, upper, bonded


def _make_limits(graph: MolecularGraph) -> _Limits:
    table = distance_limits(graph)
    stereo = labelled_stereochemistry(graph)
    return _Limits(
        lower=torch.from_numpy(table.lower),
        upper=torch.from_numpy(table.upper),
        bonded=torch.from_numpy(table.bonded),
        centres=torch.from_numpy(stereo.centres),
        neighbours=torch.from_numpy(stereo.neighbours),
        hands=torch.from_numpy(stereo.hands),
        rows=torch.from_numpy(stereo.double_bonds.copy()),
    )


def _name(graph: MolecularGraph, atom: int) -> str:
    return f"{chemical_symbols[graph.atomic_numbers[atom]]}{atom}"


def _interval(lower: Tensor, upper: Tensor) -> str:
    if torch.isfinite(upper):
        return f"allowed {lower:.2f} to {upper:.2f}"
    return f"at least {lower:.2f} allowed"
