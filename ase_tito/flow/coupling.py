"""Couplings of source and target: which z_0 is paired with which y in training.

A coupling shortens the flow's paths and must not change what the flow learns: p(z_0 | x) has to
stay the source, or sampling, which draws z_0 from the source, is biased. All couplings here leave
z_0 as it was drawn and move y, within the freedom that the frame leaves to y: none in the frame
'condition', where y is superposed on x; its orientation, and the labels of the equivalent atoms
of a rotor, in the frame 'free'. (Turning z_0 onto a superposed y instead shifts the mean of
p(z_0 | x) by about one standard deviation.) After Klein, Krämer, Noé, arXiv 2306.15030.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ase_tito.errors import ConfigError
from ase_tito.flow.frame import Frame
from ase_tito.geometry import rotations_of, superpose
from ase_tito.graph import GraphBatch, MolecularGraph


@dataclass(frozen=True, eq=False)
class CouplingDraws:
    """Random numbers for couplings, each pair's own: a part of a batch is coupled as in the whole.

    Attributes
    ----------
    orientation : Tensor of float64, shape (B, 4)
        Standard normal.
    labels : Tensor of float64, shape (B, N)
        Uniform in [0, 1), one for each atom.
    """

    orientation: Tensor
    labels: Tensor

    @classmethod
    def draw(cls, count: int, size: int, rng: np.random.Generator) -> CouplingDraws:
        """For `count` pairs of `size` atoms, padding included."""
        return cls(
            torch.from_numpy(rng.standard_normal((count, 4))),
            torch.from_numpy(rng.random((count, size))),
        )

    def to(self, device: torch.device) -> CouplingDraws:
        """The same numbers on another device."""
        return CouplingDraws(self.orientation.to(device), self.labels.to(device))

    def part(self, part: slice) -> CouplingDraws:
        """Those of a slice of the batch."""
        return CouplingDraws(self.orientation[part], self.labels[part])


class Coupling(Protocol):
    """A pairing of sources with targets."""

    @property
    def name(self) -> str:
        """What configurations call it."""

    def couple(
        self,
        source: Tensor,
        target: Tensor,
        batch: GraphBatch,
        frame: Frame,
        draws: CouplingDraws,
    ) -> tuple[Tensor, Tensor]:
        """Source and target (B, N, 3), both centred, as they are to be joined by paths.

        Raises
        ------
        ConfigError
            In a frame where the coupling would bias sampling.
        """


@dataclass(frozen=True)
class IndependentCoupling:
    """Source and target as they were drawn. Allowed in both frames."""

    name: str = "independent"

    def couple(
        self,
        source: Tensor,
        target: Tensor,
        batch: GraphBatch,
        frame: Frame,
        draws: CouplingDraws,
    ) -> tuple[Tensor, Tensor]:
        return source, target


@dataclass(frozen=True)
class RotationCoupling:
    """The target is turned onto the source (Kabsch). Allowed in the frame 'free'.

    The source is isotropic, so that the target's orientation is uniform afterwards.
    """

    name: str = "rotation"

    def couple(
        self,
        source: Tensor,
        target: Tensor,
        batch: GraphBatch,
        frame: Frame,
        draws: CouplingDraws,
    ) -> tuple[Tensor, Tensor]:
        _refuse_condition_frame(self.name, frame)
        return source, superpose(target, source)


@dataclass(frozen=True)
class PermutationCoupling:
    """The target is turned onto the source, and its rotors' atoms relabelled to lie nearest to it.

    Allowed in the frame 'free'. Relabelled are the three like terminal atoms around a
    four-coordinated atom (CH₃, NH₃⁺, CF₃, …), and those by cyclic shifts only, which keep the
    stereochemistry; the two hydrogens of a CH₂ never change places. The learned transition
    density forgets which of a rotor's atoms is which, as it forgets the orientation: both are
    uniform, because target and labels are shuffled before the search.
    """

    name: str = "permutation"

    def couple(
        self,
        source: Tensor,
        target: Tensor,
        batch: GraphBatch,
        frame: Frame,
        draws: CouplingDraws,
    ) -> tuple[Tensor, Tensor]:
        _refuse_condition_frame(self.name, frame)
        rotors, exists = _rotor_tables(batch)
        turn = rotations_of(draws.orientation).to(target.dtype)
        shift = (3 * torch.gather(draws.labels, 1, rotors[..., 0])).long()
        target = _shifted(target @ turn, rotors, exists, shift)
        target = superpose(target, source)
        target = _shifted(target, rotors, exists, _nearest_shifts(source, target, rotors))
        return source, superpose(target, source)


def coupling_named(name: str) -> Coupling:
    """The coupling of this name; ConfigError for any other."""
    couplings: tuple[Coupling, ...] = (
        IndependentCoupling(),
        RotationCoupling(),
        PermutationCoupling(),
    )
    for coupling in couplings:
        if coupling.name == name:
            return coupling
    names = sorted(coupling.name for coupling in couplings)
    raise ConfigError(f"unknown coupling {name!r}: use one of {names}")


def _refuse_condition_frame(name: str, frame: Frame) -> None:
    if frame.name != "free":
        raise ConfigError(
            f"the coupling {name!r} would bias sampling in the frame {frame.name!r}, where the "
            "target is superposed on the condition; use the coupling 'independent'"
        )


@lru_cache(maxsize=1024)
def _rotors(graph: MolecularGraph) -> NDArray[np.int64]:
    """Triples of atoms that a turn by 120° exchanges cyclically, shape (k, 3)."""
    neighbours = [np.flatnonzero(row == 1) for row in graph.bond_distances]
    triples = []
    for around in neighbours:
        terminal = [atom for atom in around if len(neighbours[atom]) == 1]
        for element in set(graph.atomic_numbers[terminal].tolist()):
            alike = [atom for atom in terminal if graph.atomic_numbers[atom] == element]
            if len(around) == 4 and len(alike) == 3:
                triples.append(alike)
    return np.array(triples, np.int64).reshape(-1, 3)


def _rotor_tables(batch: GraphBatch) -> tuple[Tensor, Tensor]:
    """Rotors of each system, shape (B, K, 3), and which of them exist, shape (B, K)."""
    tables = [_rotors(graph) for graph in batch.graphs]
    rotors = np.zeros((len(tables), max(map(len, tables)), 3), np.int64)
    exists = np.zeros(rotors.shape[:2], bool)
    for k, table in enumerate(tables):
        rotors[k, : len(table)] = table
        exists[k, : len(table)] = True
    index = batch.index
    return (
        torch.from_numpy(rotors).to(batch.device)[index],
        torch.from_numpy(exists).to(batch.device)[index],
    )


_SHIFTS = torch.tensor([[0, 1, 2], [1, 2, 0], [2, 0, 1]])


def _nearest_shifts(source: Tensor, target: Tensor, rotors: Tensor) -> Tensor:
    """The cyclic shift of each rotor of the target that brings it nearest to the source (B, K)."""
    fixed, mobile = _gathered(source, rotors), _gathered(target, rotors)  # (B, K, 3, 3)
    candidates = mobile[:, :, _SHIFTS.to(rotors.device)]  # (B, K, shift, atom, 3)
    return (candidates - fixed[:, :, None]).square().sum((-1, -2)).argmin(-1)


def _shifted(positions: Tensor, rotors: Tensor, exists: Tensor, shift: Tensor) -> Tensor:
    """Positions with the atoms of each rotor cyclically relabelled."""
    origin = torch.gather(rotors, 2, _SHIFTS.to(rotors.device)[shift])
    order = torch.arange(positions.shape[1], device=rotors.device).repeat(len(positions), 1)
    system = torch.arange(len(positions), device=rotors.device)[:, None, None].expand_as(rotors)
    order[system[exists], rotors[exists]] = origin[exists]
    return torch.gather(positions, 1, order[..., None].expand_as(positions))


def _gathered(positions: Tensor, rotors: Tensor) -> Tensor:
    flat = rotors.flatten(1)[..., None].expand(-1, -1, 3)
    return torch.gather(positions, 1, flat).view(*rotors.shape, 3)
