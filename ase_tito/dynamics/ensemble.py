"""Many replicas, of one or several molecules, advanced together and guarded one by one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from ase.data import atomic_masses
from numpy.typing import ArrayLike, NDArray

from ase_tito.dynamics.seed import checked_seed
from ase_tito.errors import (
    ConfigError,
    DomainError,
    InvalidSampleError,
    StructureError,
    TITOWarning,
)
from ase_tito.flow.ode import OdeSettings
from ase_tito.geometry import centre
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.transfer.implicit import SHORTEST_MARKOVIAN_LAG_PS, ImplicitTransferOperator
from ase_tito.transfer.noise import keyed_noise
from ase_tito.validity import CHECKS, Validity, check

OnInvalid = Literal["retry", "raise", "keep", "hold"]


@dataclass(frozen=True)
class EnsembleJump:
    """What one jump of an ensemble of B systems did.

    Attributes
    ----------
    jump : int
        Its number, from 1.
    valid : ndarray of bool, shape (B,)
        Whether the samples that were kept are valid geometries.
    first_valid : ndarray of bool, shape (B,)
        Whether the first proposals were.
    first_failed : ndarray of bool, shape (B, 5)
        Which of `ase_tito.validity.CHECKS` the first proposals failed.
    retries : ndarray of int, shape (B,)
        How often each system was drawn again.
    reasons : tuple of str, length B
        What is wrong with a kept sample; empty where it is valid.
    evaluations : int
        Calls of the velocity field, over all batches and retries.
    wall_time_s : float
        Time spent sampling.
    """

    jump: int
    valid: NDArray[np.bool_]
    first_valid: NDArray[np.bool_]
    first_failed: NDArray[np.bool_]
    retries: NDArray[np.int64]
    reasons: tuple[str, ...]
    evaluations: int
    wall_time_s: float


@dataclass
class _Draw:
    """Samples of a subset of the systems, in this order."""

    positions: NDArray[np.float64]
    failed: NDArray[np.bool_]
    reasons: list[str]
    evaluations: int
    wall_time_s: float

    @property
    def valid(self) -> NDArray[np.bool_]:
        return _passed(self.failed)


class TITOEnsemble:
    """Nested jumps of a transfer operator for many systems in one batch.

    Each jump draws y ~ p(y | x, τ) for every system and makes it the next condition. Every sample
    is checked to be finite, with bonds of physical length, no clash and the stereochemistry of its
    graph. The noise is keyed by (seed, replica, jump, retry): neither the other systems, nor the
    size of the batches, nor a restart change it. Each system's centre of mass stays where it is.

    **Retrying conditions the ensemble on validity**: with ``on_invalid='retry'`` the samples
    follow p(y | x, τ, y valid), not p(y | x, τ). The two agree as far as the invalid first
    proposals are rare; their number is counted per system for that reason.

    Parameters
    ----------
    operator : ImplicitTransferOperator
        The transition kernel.
    graphs : MolecularGraph or sequence of MolecularGraph
        One molecule, or the molecule of each system.
    positions : array_like, shape (n, 3) or (B, n, 3), or a sequence of (n_b, 3)
        Where the systems start, in Å. One frame (n, 3) starts all replicas of one molecule.
    lag_time_ps : float
        τ of each jump, in ps.
    temperature_K : float, optional
        Temperature in K; by default the only one the operator was trained at.
    seed : int
        Key of all random numbers.
    replicas : int or sequence of int
        Number of systems, or their keys; by default 0, 1, ... B−1.
    masses : array_like, shape (n,), or a sequence of (n_b,), optional
        Masses that define the centre of mass; standard atomic masses by default.
    on_invalid : {'retry', 'raise', 'keep', 'hold'}
        What to do with an invalid sample: draw that system again with the next retry key; raise
        `InvalidSampleError`; keep it; or draw again and, where that does not help, hold the system
        where it is for this jump, which then counts as invalid. A kept sample that is not even
        finite cannot be a condition: that system stays where it is lost (NaN) and counts as
        invalid at every jump.
    max_retries : int
        Draws after the first one before `InvalidSampleError` is raised, or a system is held.
    batch_size : int
        Most systems sampled in one batch.
    ode : OdeSettings, optional
        Settings of the ODE solver in place of the operator's own.
    jump : int
        Number of the jump that `positions` are the outcome of; not 0 when a run is continued.

    Attributes
    ----------
    jump : int
        Jumps done so far.
    invalid_first_proposals, retries : ndarray of int, shape (B,)
        Totals per system since jump 0 (they may be set when a run is continued).

    Raises
    ------
    ConfigError
        For options out of their range.
    StructureError
        For positions or masses whose shape does not fit the graphs, or that are not finite, and for
        linear molecules if the operator's frame is 'condition'.
    DomainError
        For a lag, temperature or molecule outside the operator's domain.

    Warns
    -----
    TITOWarning
        For lags below 10 ps, at which nested jumps are not Markovian, and for molecules larger
        than those of the training.
    """

    def __init__(
        self,
        operator: ImplicitTransferOperator,
        graphs: MolecularGraph | Sequence[MolecularGraph],
        positions: ArrayLike | Sequence[ArrayLike],
        lag_time_ps: float,
        *,
        temperature_K: float | None = None,
        seed: int,
        replicas: int | Sequence[int] | None = None,
        masses: ArrayLike | Sequence[ArrayLike] | None = None,
        on_invalid: OnInvalid = "retry",
        max_retries: int = 10,
        batch_size: int = 256,
        ode: OdeSettings | None = None,
        jump: int = 0,
    ) -> None:
        check_policy(on_invalid, max_retries)
        if not _is_integer(batch_size) or batch_size < 1:
            raise ConfigError(f"batch_size must be a positive integer, not {batch_size!r}")
        if not _is_integer(jump) or jump < 0:
            raise ConfigError(f"jump must be a non-negative integer, not {jump!r}")
        frames = _frames(graphs, positions, replicas)
        systems = [graphs] * len(frames) if isinstance(graphs, MolecularGraph) else list(graphs)
        self.replicas = _keys(replicas, len(frames))
        check_domain(operator, systems, lag_time_ps)
        self.operator = operator
        self.lag_time_ps = float(lag_time_ps)
        self.temperature_K = operator.domain.resolve_temperature(temperature_K)
        self.seed = checked_seed(seed)
        self.on_invalid = on_invalid
        self.max_retries = int(max_retries)
        self.batch_size = int(batch_size)
        self.ode = ode
        self.jump = int(jump)
        self.invalid_first_proposals = np.zeros(len(systems), np.int64)
        self.retries = np.zeros(len(systems), np.int64)
        self._batch = GraphBatch.from_graphs(systems, _device(operator))
        self._counts = np.array([graph.n_atoms for graph in systems])
        self._positions = np.zeros((len(systems), self._counts.max(), 3))
        self._weights = _weights(systems, masses, self._counts.max())
        for k, frame in enumerate(frames):
            self.set_positions(k, frame)
        start = torch.from_numpy(self._positions.copy()).to(self._batch.device)
        operator.frame.projector(centre(start, self._batch.mask), self._batch.mask)

    @property
    def n_systems(self) -> int:
        """B."""
        return len(self._counts)

    @property
    def graphs(self) -> list[MolecularGraph]:
        """The molecule of each system."""
        return self._batch.systems

    def positions(self, system: int) -> NDArray[np.float64]:
        """A copy of one system's positions in Å, shape (n, 3)."""
        return self._positions[system, : self._counts[system]].copy()

    def set_positions(self, system: int, positions: ArrayLike) -> None:
        """Move one system: positions (n, 3) in Å are its next condition."""
        frame = np.asarray(positions, dtype=np.float64)
        n = self._counts[system]
        if frame.shape != (n, 3):
            raise StructureError(
                f"system {system} has {n} atoms: its positions must have shape ({n}, 3), "
                f"not {frame.shape}"
            )
        if not np.isfinite(frame).all():
            atom = np.argwhere(~np.isfinite(frame))[0, 0]
            raise StructureError(f"system {system}: the position of atom {atom} is not finite")
        self._positions[system, :n] = frame
        self._positions[system, n:] = 0  # a lost system's are NaN

    def assess(self) -> EnsembleJump:
        """The current positions as if they were first proposals: what frame 0 is worth."""
        positions = torch.from_numpy(self._positions.copy()).to(self._batch.device)
        failed, reasons = _judgement(check(self._batch, positions))
        valid = _passed(failed)
        retries = np.zeros(self.n_systems, np.int64)
        return EnsembleJump(self.jump, valid, valid, failed, retries, tuple(reasons), 0, 0.0)

    def step(self) -> EnsembleJump:
        """Advance every system by one jump.

        Raises
        ------
        InvalidSampleError
            As `on_invalid` says. The ensemble is then as it was before.
        """
        number = self.jump + 1
        positions = self._positions.copy()
        alive = np.flatnonzero(np.isfinite(positions).all((1, 2)))
        valid = np.zeros(self.n_systems, bool)
        retries = np.zeros(self.n_systems, np.int64)
        reasons = ["positions are not finite"] * self.n_systems
        first_failed = np.tile(np.array(CHECKS) == "finite", (self.n_systems, 1))
        pending, evaluations, wall_time = alive, 0, 0.0
        again = self.on_invalid in ("retry", "hold")
        for retry in range(self.max_retries + 1 if again else 1):
            draw = self._draw(pending, number, retry)
            evaluations += draw.evaluations
            wall_time += draw.wall_time_s
            positions[pending], valid[pending] = draw.positions, draw.valid
            retries[pending] = retry
            for k, reason in zip(pending, draw.reasons, strict=True):
                reasons[k] = reason
            if retry == 0:
                first_failed[pending] = draw.failed
            pending = pending[~draw.valid]
            if not len(pending):
                break
        if self.on_invalid == "hold":
            positions[pending] = self._positions[pending]
        elif len(pending) and self.on_invalid != "keep":
            raise InvalidSampleError(self._failure(pending, number, reasons))
        self._positions = positions
        self.jump = number
        first_valid = _passed(first_failed)
        self.invalid_first_proposals += ~first_valid
        self.retries += retries
        return EnsembleJump(
            number,
            valid,
            first_valid,
            first_failed,
            retries,
            tuple(reasons),
            evaluations,
            wall_time,
        )

    def run(self, jumps: int) -> Iterator[EnsembleJump]:
        """Advance by a number of jumps, giving each as it is done."""
        for _ in range(jumps):
            yield self.step()

    def _draw(self, systems: NDArray[np.intp], jump: int, retry: int) -> _Draw:
        """Sample some systems, in batches; nothing of the ensemble changes."""
        chunks = [
            self._draw_apart(systems[start : start + self.batch_size], jump, retry)
            for start in range(0, len(systems), self.batch_size)
        ]
        return _joined(chunks, self._positions)

    def _draw_apart(self, systems: NDArray[np.intp], jump: int, retry: int) -> _Draw:
        """As `_draw_batch`, save that a kept geometry beyond use stops its own system alone."""
        try:
            return self._draw_batch(systems, jump, retry)
        except StructureError as error:
            if self.on_invalid != "keep":
                raise
            if len(systems) == 1:
                lost = np.full_like(self._positions[systems], np.nan)
                failed = np.array([np.array(CHECKS) == "finite"])
                return _Draw(lost, failed, [str(error)], 0, 0.0)
        middle = len(systems) // 2
        halves = [self._draw_apart(half, jump, retry) for half in np.split(systems, [middle])]
        return _joined(halves, self._positions)

    def _draw_batch(self, systems: NDArray[np.intp], jump: int, retry: int) -> _Draw:
        batch = self._batch.select(torch.from_numpy(systems).to(self._batch.device))
        here = self._positions[systems]
        noise = keyed_noise(
            self._counts[systems].tolist(),
            here.shape[1],
            self.seed,
            [self.replicas[k] for k in systems],
            jump,
            retry,
            dtype=torch.float64,
            device=batch.device,
        )
        transition = self.operator.sample(
            batch,
            torch.from_numpy(here).to(batch.device),
            self.lag_time_ps,
            noise=noise,
            temperature_K=self.temperature_K,
            ode=self.ode,
        )
        sample = transition.positions.cpu().numpy()
        # the operator keeps the centroid; a centre of mass is what dynamics keep
        shift = self._centres(here, systems) - self._centres(sample, systems)
        sample = np.where(batch.mask.cpu().numpy()[..., None], sample + shift, 0.0)
        failed, reasons = _judgement(check(batch, torch.from_numpy(sample).to(batch.device)))
        info = transition.info
        return _Draw(sample, failed, reasons, info.evaluations, info.wall_time_s)

    def _centres(
        self, positions: NDArray[np.float64], systems: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Centres of mass, shape (b, 1, 3)."""
        return np.einsum("bn,bnk->bk", self._weights[systems], positions)[:, None]

    def _failure(self, pending: NDArray[np.intp], jump: int, reasons: Sequence[str]) -> str:
        worst = pending[0]
        text = f"jump {jump} of replica {self.replicas[worst]} is invalid ({reasons[worst]})"
        if len(pending) > 1:
            text += f", and so are {len(pending) - 1} others"
        if self.on_invalid == "retry":
            return (
                f"{text}, also after {self.max_retries} retries; the model may not fit this "
                "molecule, or the last geometry is far from what it knows"
            )
        return f"{text}; use on_invalid='retry' to draw such samples again"


def _joined(draws: Sequence[_Draw], like: NDArray[np.float64]) -> _Draw:
    """Draws of several subsets as one."""
    return _Draw(
        np.concatenate([like[:0], *(draw.positions for draw in draws)]),
        np.concatenate([np.zeros((0, len(CHECKS)), bool), *(draw.failed for draw in draws)]),
        [reason for draw in draws for reason in draw.reasons],
        sum(draw.evaluations for draw in draws),
        sum(draw.wall_time_s for draw in draws),
    )


def _judgement(validity: Validity) -> tuple[NDArray[np.bool_], list[str]]:
    """Which checks each system failed (B, 5), and that in words; empty where it is valid."""
    failed = validity.failed.cpu().numpy()
    valid = _passed(failed)
    return failed, ["" if fine else validity.describe(k) for k, fine in enumerate(valid)]


def _passed(failed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which systems failed no check: (B, 5) to (B,)."""
    return np.logical_not(failed.any(axis=1))


def check_policy(on_invalid: str, max_retries: int) -> None:
    """Raise ConfigError for an unknown `on_invalid` or a negative `max_retries`."""
    if on_invalid not in get_args(OnInvalid):
        known = ", ".join(map(repr, get_args(OnInvalid)))
        raise ConfigError(f"on_invalid must be one of {known}, not {on_invalid!r}")
    if not _is_integer(max_retries) or max_retries < 0:
        raise ConfigError(f"max_retries must be a non-negative integer, not {max_retries!r}")


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
            warnings.warn(f"{model} goes beyond its training: {caution}", TITOWarning, stacklevel=3)
    if lag_time_ps < SHORTEST_MARKOVIAN_LAG_PS:
        warnings.warn(
            f"nested jumps of {lag_time_ps:g} ps: below {SHORTEST_MARKOVIAN_LAG_PS:g} ps positions "
            "alone are not Markovian, so the kinetics of many jumps are unreliable",
            TITOWarning,
            stacklevel=3,
        )


def _frames(
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
        return list(array)
    count = 1 if replicas is None else replicas if isinstance(replicas, int) else len(replicas)
    return [array] * count


def _keys(replicas: int | Sequence[int] | None, count: int) -> tuple[int, ...]:
    """The replica key of each of `count` systems."""
    if replicas is None or _is_integer(replicas):
        if replicas is not None and replicas != count:
            raise ConfigError(f"replicas is {replicas}, but there are {count} systems")
        return tuple(range(count))
    keys = tuple(int(key) for key in replicas)  # type: ignore[union-attr]
    if len(keys) != count or len(set(keys)) != count or min(keys) < 0:
        raise ConfigError(f"replicas must be {count} different non-negative keys, not {replicas}")
    return keys


def _weights(
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


def _device(operator: ImplicitTransferOperator) -> torch.device:
    """Where the operator's network is."""
    if isinstance(operator.field, torch.nn.Module):
        for parameter in operator.field.parameters():
            return parameter.device
    return torch.device("cpu")


def _is_integer(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
