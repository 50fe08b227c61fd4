"""What a model is judged by: nested jumps of many replicas, and single jumps from given frames."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ase_tito.dynamics.ensemble import TITOEnsemble
from ase_tito.errors import TITOWarning
from ase_tito.flow.ode import OdeSettings
from ase_tito.graph import MolecularGraph
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.validity import CHECKS

BATCH_SIZE = 50
"""Systems in one batch: few enough for the processor's cache."""

MAX_RETRIES = 10
"""After so many a replica stays where it is for one jump: bad models are to be measured, not to end
the measurement."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Positions after each of J jumps of R replicas.

    Attributes
    ----------
    positions : array of float32, shape (J, R, n, 3)
        In Å; the start is not among them.
    first_failed : array of bool, shape (J, R, 5)
        Which of `ase_tito.validity.CHECKS` the first proposal failed, whatever was made of it then.
    wall_time_s : float
        Time spent sampling.
    held : int
        Jumps at which a replica stayed where it was, for no draw was valid.
    """

    positions: NDArray[np.float32]
    first_failed: NDArray[np.bool_]
    wall_time_s: float
    held: int = 0

    @property
    def first_valid(self) -> NDArray[np.bool_]:
        """Whether the first proposals were valid, shape (J, R)."""
        return np.logical_not(self.first_failed.any(axis=-1))

    @property
    def failures(self) -> dict[str, int]:
        """Number of first proposals that failed each check; one may fail several."""
        counts = self.first_failed.sum((0, 1)).tolist()
        return dict(zip(CHECKS, counts, strict=True))

    @property
    def frames(self) -> NDArray[np.float32]:
        """All frames that are finite, by time, then replica, shape (T, n, 3)."""
        frames = self.positions.reshape(-1, *self.positions.shape[2:])
        return frames[np.isfinite(frames).all((1, 2))]

    @property
    def valid_share(self) -> float:
        """Share of valid first proposals."""
        return float(self.first_valid.mean())


def joined(parts: list[Samples], axis: int = 0) -> Samples:
    """Samples one after another: in time (axis 0), or replica after replica (axis 1)."""
    return Samples(
        np.concatenate([part.positions for part in parts], axis),
        np.concatenate([part.first_failed for part in parts], axis),
        sum(part.wall_time_s for part in parts),
        sum(part.held for part in parts),
    )


def sample_chain(
    operator: ImplicitTransferOperator,
    graph: MolecularGraph,
    start: ArrayLike,
    lag_time_ps: float,
    jumps: int,
    *,
    temperature_K: float,
    seed: int,
    first_jump: int = 0,
    ode: OdeSettings | None = None,
    batch_size: int = BATCH_SIZE,
) -> Samples:
    """Nested jumps as users make them: an invalid sample is drawn again, and counted.

    A replica that finds no valid sample in `MAX_RETRIES` more draws stays where it is for one jump.

    Parameters
    ----------
    operator : ImplicitTransferOperator
    graph : MolecularGraph
    start : array_like, shape (R, n, 3)
        Where the replicas start, in Å.
    lag_time_ps : float
        τ of each jump.
    jumps : int
        J, at least 1.
    temperature_K : float
    seed : int
        Noise is keyed by seed, replica and jump: a chain that is continued, with its last frames
        as `start` and `first_jump` the jumps made, is the one that was never interrupted.
    first_jump : int
    ode : OdeSettings, optional
        In place of the operator's own.
    batch_size : int
    """
    ensemble = TITOEnsemble(
        operator,
        graph,
        start,
        lag_time_ps,
        temperature_K=temperature_K,
        seed=seed,
        on_invalid="hold",
        max_retries=MAX_RETRIES,
        ode=ode,
        batch_size=batch_size,
        jump=first_jump,
    )
    positions = np.empty((jumps, *np.shape(start)), np.float32)
    first_failed = np.empty((jumps, ensemble.n_systems, len(CHECKS)), bool)
    wall_time, held = 0.0, 0
    for k, jump in enumerate(ensemble.irun(jumps)):
        for system in range(ensemble.n_systems):
            # Continued from single precision, so the chain goes on from it as well.
            positions[k, system] = ensemble.positions(system)
            ensemble.set_positions(system, positions[k, system])
        first_failed[k] = jump.first_failed
        wall_time += jump.wall_time_s
        held += int((~jump.valid).sum())
    return Samples(positions, first_failed, wall_time, held)


def sample_jumps(
    operator: ImplicitTransferOperator,
    graph: MolecularGraph,
    starts: ArrayLike,
    lag_time_ps: float,
    *,
    temperature_K: float,
    seed: int,
    first_replica: int = 0,
    ode: OdeSettings | None = None,
    batch_size: int = BATCH_SIZE,
) -> Samples:
    """One jump from each of R frames, first proposals only, kept whether valid or not.

    Parameters
    ----------
    operator, graph, lag_time_ps, temperature_K, seed, ode, batch_size
        As for `sample_chain`.
    starts : array_like, shape (R, n, 3)
        Frames in Å.
    first_replica : int
        Key of the first frame's noise, to sample a long list in parts.

    Returns
    -------
    Samples
        With J = 1; positions may be NaN where the integration diverged.
    """
    frames = np.asarray(starts)
    with warnings.catch_warnings():
        # A single jump shorter than the memory of velocities is fine; nested ones are not.
        warnings.filterwarnings("ignore", ".*not Markovian", TITOWarning)
        ensemble = TITOEnsemble(
            operator,
            graph,
            frames,
            lag_time_ps,
            temperature_K=temperature_K,
            seed=seed,
            replicas=range(first_replica, first_replica + len(frames)),
            on_invalid="keep",
            ode=ode,
            batch_size=batch_size,
        )
    jump = ensemble.step()
    positions = np.stack([ensemble.positions(k) for k in range(ensemble.n_systems)])
    return Samples(positions.astype(np.float32)[None], jump.first_failed[None], jump.wall_time_s)
