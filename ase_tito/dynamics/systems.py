"""Who the systems of an ensemble are: molecules, keys and masses, but not where they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from ase.data import atomic_masses
from numpy.typing import ArrayLike, NDArray

from ase_tito.errors import ConfigError, DomainError, StructureError, warn
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.prostereo import with_sides_of
from ase_tito.transfer.implicit import SHORTEST_MARKOVIAN_LAG_PS, ImplicitTransferOperator
from ase_tito.transfer.noise import keyed_noise


@dataclass(frozen=True, eq=False)
class Systems:
    """B molecules as one batch, each with the keys of its noise.

    Attributes
    ----------
    batch : GraphBatch
    replicas : tuple of int, length B
    weights : ndarray, shape (B, N)
        Mass fractions, zero where padded.
    seed : int
    lag_time_ps, temperature_K : float
    """

    batch: GraphBatch
    replicas: tuple[int, ...]
    weights: NDArray[np.float64]
    seed: int
    lag_time_ps: float
    temperature_K: float

    def __len__(self) -> int:
        return len(self.replicas)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Atoms of each system, shape (B,): copied from the device once, not at every jump."""
        return np.asarray(self.batch.n_atoms.cpu().numpy(), np.int64)

    def select(self, systems: NDArray[np.intp]) -> GraphBatch:
        """The batch of the systems with these indices, which may repeat."""
        return self.batch.select(torch.from_numpy(systems).to(self.batch.device))

    def noise(
        self, systems: NDArray[np.intp], jumps: int | Sequence[int], retry: int = 0
    ) -> torch.Tensor:
        """Standard normal numbers of jumps of these systems, shape (b, N, 3), float64."""
        return keyed_noise(
            self.counts[systems].tolist(),
            self.weights.shape[1],
            self.seed,
            [self.replicas[k] for k in systems],
            jumps,
            retry,
            dtype=torch.float64,
            device=self.batch.device,
        )

    def with_centres_of(
        self,
        here: NDArray[np.float64],
        samples: NDArray[np.float64],
        systems: NDArray[np.intp],
    ) -> NDArray[np.float64]:
        """Samples (b, N, 3) of these systems, moved to the centres of mass of `here`."""
        shift = self._centres(here, systems) - self._centres(samples, systems)
        mask = np.arange(samples.shape[1]) < self.counts[systems, None]
        return np.where(mask[..., None], samples + shift, 0.0)

    def with_sides_of(
        self,
        here: NDArray[np.float64],
        samples: NDArray[np.float64],
        systems: NDArray[np.intp],
    ) -> NDArray[np.float64]:
        """Samples (b, N, 3) with equal atoms named as in `here`; see `ase_tito.prostereo`."""
        named = samples.copy()
        graphs = [self.batch.systems[k] for k in systems]
        for graph in dict.fromkeys(graphs):
            rows = [row for row, other in enumerate(graphs) if other is graph]
            own = np.s_[rows, : graph.n_atoms]
            named[own] = with_sides_of(here[own], samples[own], graph)
        return named

    def _centres(
        self, positions: NDArray[np.float64], systems: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Centres of mass, shape (b, 1, 3)."""
        return np.einsum("bn,bnk->bk", self.weights[systems], positions)[:, None]


def check_domain(
    operator: ImplicitTransferOperator, systems: Sequence[MolecularGraph], lag_time_ps: float
) -> None:
    """Refuse, or warn of, what an operator was not trained for; see `TITOEnsemble`."""
    model = f"model {operator.name!r}" if operator.name else "the model"
    operator.domain.check_lag(lag_time_ps)
    for graph in dict.fromkeys(systems):
        objections = operator.domain.objections(graph)
        if objections:
            raise DomainError(f"{model} cannot do this molecule: {'; '.join(objections)}")
        for caution in operator.domain.cautions(graph):
            warn(f"{model} goes beyond its training: {caution}")
    if lag_time_ps < SHORTEST_MARKOVIAN_LAG_PS:
        warn(
            f"nested jumps of {lag_time_ps:g} ps: below {SHORTEST_MARKOVIAN_LAG_PS:g} ps positions "
            "alone are not Markovian, so the kinetics of many jumps are unreliable"
        )


def starting_frames(
    graphs: MolecularGraph | Sequence[MolecularGraph],
    positions: ArrayLike | Sequence[ArrayLike],
    replicas: int | Sequence[int] | None,
) -> list[NDArray[np.float64]]:
    """Where each system starts."""
    if not isinstance(graphs, MolecularGraph):
        frames = [np.asarray(frame, dtype=np.float64) for frame in positions]  # type: ignore[union-attr]
        if len(frames) != len(graphs):
            raise StructureError(f"{len(graphs)} graphs need as many frames, not {len(frames)}")
        if not frames:
            raise StructureError("an ensemble needs at least one system")
        return frames
    array = np.asarray(positions, dtype=np.float64)
    if array.ndim == 3:
        frames = list(array)
    elif replicas is None:
        frames = [array]
    else:
        frames = [array] * (int(replicas) if is_integer(replicas) else len(replicas))  # type: ignore[arg-type]
    if not frames:
        raise StructureError("an ensemble needs at least one system")
    return frames


def replica_keys(replicas: int | Sequence[int] | None, count: int) -> tuple[int, ...]:
    """The replica key of each of `count` systems."""
    if replicas is None or is_integer(replicas):
        if replicas is not None and replicas != count:
            raise ConfigError(f"replicas is {replicas}, but there are {count} systems")
        return tuple(range(count))
    given = list(replicas)  # type: ignore[arg-type]
    keys = tuple(int(key) for key in given if is_integer(key))
    if not len(keys) == len(given) == count == len(set(keys)) or min(keys) < 0:
        raise ConfigError(f"replicas must be {count} different non-negative keys, not {replicas}")
    return keys


def mass_fractions(
    systems: Sequence[MolecularGraph],
    masses: ArrayLike | Sequence[ArrayLike] | None,
    size: int,
) -> NDArray[np.float64]:
    """Mass fractions, shape (B, N), zero where padded."""
    weights = np.zeros((len(systems), size))
    shared = masses is not None and np.ndim(masses[0]) == 0  # type: ignore[index]
    for k, graph in enumerate(systems):
        if masses is None:
            own = atomic_masses[graph.atomic_numbers]
        else:
            own = np.asarray(masses if shared else masses[k], dtype=np.float64)  # type: ignore[index]
        if own.shape != (graph.n_atoms,) or not np.isfinite(own).all() or not own.sum() > 0:
            raise StructureError(
                f"system {k} needs {graph.n_atoms} finite masses with a positive sum"
            )
        weights[k, : graph.n_atoms] = own / own.sum()
    return weights


def is_integer(value: object) -> bool:
    """Whether this is a whole number, and no bool."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
