"""Many replicas, of one or several molecules, advanced together and guarded one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from ase import Atoms
from numpy.typing import ArrayLike, NDArray

from ase_tito.dynamics.after_jump import AfterJump, check_after_jump
from ase_tito.dynamics.batching import checked_batch_size
from ase_tito.dynamics.chain import MetropolisChains
from ase_tito.dynamics.draw import Sampler
from ase_tito.dynamics.jump import EnsembleJump, judgement, passed
from ase_tito.dynamics.metropolis import MetropolisHastings, MetropolisRecord
from ase_tito.dynamics.policy import OnInvalid, check_correction, check_policy
from ase_tito.dynamics.seed import checked_seed
from ase_tito.dynamics.systems import (
    Systems,
    check_domain,
    is_integer,
    mass_fractions,
    replica_keys,
    starting_frames,
)
from ase_tito.errors import ConfigError, InvalidSampleError, StructureError
from ase_tito.flow.field import device_of
from ase_tito.flow.ode import OdeSettings
from ase_tito.geometry import centre
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.validity import CHECKS, check

Observer = Callable[[EnsembleJump], object]
"""Called with what a jump did."""


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
    batch_size : int, optional
        Most systems sampled in one batch; by default what is fastest, `fastest_batch_size`.
    ode : OdeSettings, optional
        Settings of the ODE solver in place of the operator's own.
    jump : int
        Number of the jump that `positions` are the outcome of; not 0 when a run is continued.
    correction : MetropolisHastings, optional
        Accepts or rejects each jump, so that the positions follow a calculator's Boltzmann
        distribution. Invalid samples are rejected, not drawn again, and simulated time is
        undefined.
    after_jump : sequence of ShortMD, Minimize, ...
        Steps that move each valid sample with a calculator: not exact, and not to be combined
        with a correction.
    atoms : sequence of Atoms, optional
        What calculators are shown of each system beside positions, such as charges.

    Attributes
    ----------
    jump : int
        Jumps done so far.
    batch_size : int
        Most systems sampled in one batch: with the number of threads, it decides the last bits.
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
        batch_size: int | None = None,
        ode: OdeSettings | None = None,
        jump: int = 0,
        correction: MetropolisHastings | None = None,
        after_jump: Sequence[AfterJump] = (),
        atoms: Sequence[Atoms] | None = None,
    ) -> None:
        check_policy(on_invalid, max_retries)
        check_correction(correction, on_invalid, ode)
        after_jump = check_after_jump(after_jump, correction is not None)
        if not is_integer(jump) or jump < 0:
            raise ConfigError(f"jump must be a non-negative integer, not {jump!r}")
        frames = starting_frames(graphs, positions, replicas)
        systems = [graphs] * len(frames) if isinstance(graphs, MolecularGraph) else list(graphs)
        keys = replica_keys(replicas, len(frames))
        device = device_of(operator.field)
        largest = max(graph.n_atoms for graph in systems)
        batch_size = checked_batch_size(batch_size, largest, device)
        if correction is None:  # whose proposals may be more than the systems
            batch_size = min(batch_size, len(systems))
        check_domain(operator, systems, lag_time_ps)
        self.operator = operator
        self.on_invalid = on_invalid
        self.max_retries = int(max_retries)
        self.ode = ode
        self.jump = int(jump)
        self.batch_size = batch_size
        self.correction = correction
        self._observers: list[tuple[Observer, int]] = []
        self.after_jump = after_jump
        self.invalid_first_proposals = np.zeros(len(systems), np.int64)
        self.retries = np.zeros(len(systems), np.int64)
        self._batch = GraphBatch.from_graphs(systems, device)
        self._positions = np.zeros((*self._batch.mask.shape, 3))
        self._systems = Systems(
            self._batch,
            keys,
            mass_fractions(systems, masses, self._positions.shape[1]),
            checked_seed(seed),
            float(lag_time_ps),
            operator.domain.resolve_temperature(temperature_K),
        )
        for k, frame in enumerate(frames):
            self.set_positions(k, frame)
        start = torch.from_numpy(self._positions.copy()).to(self._batch.device)
        operator.frame.projector(centre(start, self._batch.mask), self._batch.mask)
        shown = [Atoms(graph.atomic_numbers) for graph in systems] if atoms is None else list(atoms)
        self._sampler = Sampler(
            operator, self._systems, shown, ode, batch_size, after_jump, on_invalid == "keep"
        )
        self._chains = None
        if correction is not None:
            self._chains = MetropolisChains(
                correction, operator, self._systems, shown, self._positions, batch_size
            )

    @property
    def n_systems(self) -> int:
        """B."""
        return len(self._systems)

    @property
    def replicas(self) -> tuple[int, ...]:
        """The key of each system."""
        return self._systems.replicas

    @property
    def seed(self) -> int:
        """Key of all random numbers."""
        return self._systems.seed

    @property
    def lag_time_ps(self) -> float:
        """τ of a jump in ps."""
        return self._systems.lag_time_ps

    @property
    def temperature_K(self) -> float:
        """Temperature in K."""
        return self._systems.temperature_K

    @property
    def graphs(self) -> list[MolecularGraph]:
        """The molecule of each system."""
        return self._batch.systems

    def positions(self, system: int) -> NDArray[np.float64]:
        """A copy of one system's positions in Å, shape (n, 3)."""
        return self._positions[system, : self._systems.counts[system]].copy()

    def set_positions(self, system: int, positions: ArrayLike) -> None:
        """Move one system: positions (n, 3) in Å are its next condition."""
        frame = np.asarray(positions, dtype=np.float64)
        n = self._systems.counts[system]
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

    def metropolis_record(self, system: int) -> MetropolisRecord | None:
        """What was accepted and spent so far; None without a correction."""
        return None if self._chains is None else self._chains.records[system]

    def restore(
        self,
        system: int,
        positions: ArrayLike,
        *,
        invalid_first_proposals: int,
        retries: int,
        metropolis: MetropolisRecord | None = None,
    ) -> None:
        """Take up one system where an earlier run wrote its last frame; set `jump` as well.

        Raises
        ------
        OutputError
            If the calculator of the correction gives that frame another energy than was written.
        """
        self.set_positions(system, positions)
        self.invalid_first_proposals[system] = invalid_first_proposals
        self.retries[system] = retries
        if self._chains is not None and metropolis is not None:
            self._chains.restore(system, self._positions[system], metropolis)

    def assess(self) -> EnsembleJump:
        """The current positions as if they were first proposals: what frame 0 is worth."""
        positions = torch.from_numpy(self._positions.copy()).to(self._batch.device)
        failed, reasons = judgement(check(self._batch, positions))
        valid = passed(failed)
        retries = np.zeros(self.n_systems, np.int64)
        return EnsembleJump(self.jump, valid, valid, failed, retries, tuple(reasons), 0, 0.0)

    def attach(self, observer: Observer, interval: int = 1) -> None:
        """Call `observer` with the `EnsembleJump` of every jump whose number `interval` divides."""
        if not is_integer(interval) or interval < 1:
            raise ConfigError(f"interval must be a positive integer, not {interval!r}")
        self._observers.append((observer, int(interval)))

    def step(self) -> EnsembleJump:
        """Advance every system by one jump, and tell the observers.

        Raises
        ------
        InvalidSampleError
            As `on_invalid` says. The ensemble is then as it was before.
        """
        number = self.jump + 1
        if self._chains is None:
            done = self._plain_step(number)
        else:
            done = self._corrected_step(self._chains, number)
        for observer, interval in self._observers:
            if number % interval == 0:
                observer(done)
        return done

    def run(self, jumps: int) -> None:
        """Advance by a number of jumps."""
        for _ in self.irun(jumps):
            pass

    def irun(self, jumps: int) -> Iterator[EnsembleJump]:
        """Advance by a number of jumps, giving each as it is done."""
        for _ in range(jumps):
            yield self.step()

    def _plain_step(self, number: int) -> EnsembleJump:
        positions = self._positions.copy()
        alive = np.flatnonzero(np.isfinite(positions).all((1, 2)))
        valid = np.zeros(self.n_systems, bool)
        retries = np.zeros(self.n_systems, np.int64)
        reasons = ["positions are not finite"] * self.n_systems
        first_failed = np.tile(np.array(CHECKS) == "finite", (self.n_systems, 1))
        pending, evaluations, wall_time = alive, 0, 0.0
        again = self.on_invalid in ("retry", "hold")
        for retry in range(self.max_retries + 1 if again else 1):
            draw = self._sampler.draw(self._positions, pending, number, retry)
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
        first_valid = passed(first_failed)
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

    def _corrected_step(self, chains: MetropolisChains, number: int) -> EnsembleJump:
        started = time.perf_counter()
        self._positions, failed, accepted, evaluations = chains.step(self._positions, number)
        self.jump = number
        first_valid = passed(failed)
        self.invalid_first_proposals += ~first_valid
        return EnsembleJump(
            number,
            np.ones(self.n_systems, bool),
            first_valid,
            failed,
            np.zeros(self.n_systems, np.int64),
            ("",) * self.n_systems,
            evaluations,
            time.perf_counter() - started,
            accepted,
        )

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
