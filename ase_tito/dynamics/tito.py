"""`TITODynamics`: an ensemble of one replica, behind ASE's interface to molecular dynamics."""

from __future__ import annotations

import math
import os
import warnings
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Any, Self

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.md.md import MolecularDynamics
from ase.parallel import broadcast, world
from numpy.typing import ArrayLike

from ase_tito.dynamics.after_jump import AfterJump
from ase_tito.dynamics.arguments import (
    check_lag,
    check_outputs,
    lag_in_ps,
    temperature_in_K,
    warn_of_ignored,
)
from ase_tito.dynamics.atoms import check_movable, molecular_graph
from ase_tito.dynamics.batching import on_threads
from ase_tito.dynamics.ensemble import TITOEnsemble
from ase_tito.dynamics.logger import TITOLogger
from ase_tito.dynamics.metropolis import MetropolisHastings
from ase_tito.dynamics.model import model_of_run, resolve_model
from ase_tito.dynamics.momenta import Momenta, check_momenta, set_momenta
from ase_tito.dynamics.policy import OnInvalid, check_policy
from ase_tito.dynamics.record import FrameRecord
from ase_tito.dynamics.resume import as_at_start, moved_to, read_run
from ase_tito.dynamics.run_record import RunRecord
from ase_tito.dynamics.seed import checked_seed, draw_seed
from ase_tito.dynamics.starts import warn_of_starts
from ase_tito.dynamics.trajectory import COUNTERS, TrajectoryFile
from ase_tito.errors import ConfigError, InvalidSampleError, OutputError, TITOWarning
from ase_tito.flow.ode import OdeSettings
from ase_tito.graph import MolecularGraph
from ase_tito.transfer.implicit import ImplicitTransferOperator


class TITODynamics(MolecularDynamics):
    """Learned dynamics: each step is a jump over a whole lag time, drawn by a transfer operator.

    A drop-in for `ase.md.langevin.Langevin` with the class name and the time step changed::

        TITODynamics(atoms, 100_000 * units.fs, temperature_K=300, friction=0.01 / units.fs,
                     trajectory='x.traj', logfile='-').run(1000)

    A step replaces the positions x by a sample of p(y | x, τ) and makes it the next condition
    (Viguera Diez, Schreiner, Olsson, arXiv 2510.07589). No forces are ever asked for, and energies
    only if there is a calculator, once per frame. The centre of mass stays where it is.

    Every sample is checked: finite, bonds of physical length, no clash, stereochemistry kept.
    **Retrying conditions the ensemble on validity**: with ``on_invalid='retry'`` the frames follow
    p(y | x, τ, y valid), not p(y | x, τ). The two agree as far as invalid first proposals are rare,
    and their number is in the log, in every frame and in the trajectory's header.

    Parameters
    ----------
    atoms : Atoms
        One molecule in any reasonable geometry, without periodic boundaries; all hydrogens present.
        It is moved; ``atoms.calc`` is left alone, ``atoms.info`` gets entries ``tito_…``
        (`ase_tito.dynamics.record.FrameRecord`).
    timestep : float
        The lag τ of a jump in ASE's units of time: ``100_000 * units.fs`` are 100 ps.
    temperature : float, optional
        As in Langevin: the temperature in eV. Deprecated by ASE.
    friction, fixcm : optional
        Accepted for compatibility with Langevin and ignored, with one warning.
    model : 'auto', str, path or ImplicitTransferOperator
        By default the one known model that fits the molecule and the temperature; or a model's
        name, a checkpoint's path, or a loaded model.
    temperature_K : float, optional
        Temperature in K; by default the only one the model was trained at.
    rng : object with `standard_normal`, optional
        Gives the seed, once. By default NumPy's global generator, as in Langevin.
    seed : int, optional
        The seed itself, in place of `rng`. Same seed, same trajectory.
    replica : int
        Second key of the noise: runs with one seed and different replicas are independent.
    trajectory : path or Trajectory, optional
        A path is locked, written through one open file, and can be continued by `restart`. An
        existing trajectory is replaced, as ASE does, but only after everything else was found to
        be in order.
    logfile : file, path or '-', optional
        Simulated time, jump, validity, and the energy where there is one.
    loginterval : int
        Jumps between frames and between lines of the log.
    append_trajectory : bool
        Append to an existing trajectory. To continue a run, use `restart`, which a file of several
        runs is refused by.
    on_invalid : {'retry', 'raise', 'keep'}
        What to do with an invalid sample: draw again; raise `InvalidSampleError`; or keep it (one
        that is not finite raises nevertheless: nothing can follow it).
    max_retries : int
        Draws after the first one before `InvalidSampleError` is raised.
    correction : MetropolisHastings, optional
        Accepts or rejects each jump, so that the frames follow exp(−U/kT), U from any ASE
        calculator. A state that is kept is written again; simulated time is undefined.
    after_jump : sequence of ShortMD, Minimize, ...
        Steps that move each sample with a calculator. Not exact, hence refused together with a
        correction.
    momenta : {'maxwell-boltzmann', 'zero'}
        What momenta the atoms have after a jump: drawn anew (reproducibly), or none.
    energies : bool
        Whether frames and log hold the energy, if there is a calculator.
    ode : OdeSettings, optional
        Settings of the ODE solver in place of the model's own.
    bonds : array_like of int, shape (m, 2), optional
        Covalent bonds; by default inferred from the distances in `atoms`.
    graph : MolecularGraph, optional
        The molecular graph itself; by default bonds and stereochemistry are read from `atoms`.
    device : torch.device or str
        Where a model given by name or path is loaded.
    master, comm : optional
        As in ASE.

    Raises
    ------
    StructureError, GraphError
        For atoms that cannot be moved by a jump: periodic cells, constraints other than FixCom,
        filters, several molecules, overlapping atoms, NaN, no bonds.
    DomainError
        For a lag, temperature or molecule outside the model's training.
    CheckpointError
        For an unknown or damaged model.
    ConfigError
        For options that make no sense.
    OutputError
        For outputs that cannot be written or are in use. Nothing is opened or deleted before all of
        this is in order.

    Warns
    -----
    TITOWarning
        For ignored options, molecules larger than those of the training, lags below 10 ps, where
        nested jumps are not Markovian, and atoms that are no valid geometry of the graph.
    """

    def __init__(
        self,
        atoms: Atoms,
        timestep: float,
        temperature: float | None = None,
        friction: Any = None,
        fixcm: bool | None = None,
        *,
        model: str | os.PathLike[str] | ImplicitTransferOperator = "auto",
        temperature_K: float | None = None,
        rng: Any = None,
        seed: int | None = None,
        replica: int = 0,
        trajectory: Any = None,
        logfile: IO[str] | str | os.PathLike[str] | None = None,
        loginterval: int = 1,
        append_trajectory: bool = False,
        on_invalid: OnInvalid = "retry",
        max_retries: int = 10,
        correction: MetropolisHastings | None = None,
        after_jump: Sequence[AfterJump] = (),
        momenta: Momenta = "maxwell-boltzmann",
        energies: bool = True,
        ode: OdeSettings | None = None,
        bonds: ArrayLike | None = None,
        graph: MolecularGraph | None = None,
        device: torch.device | str = "cpu",
        master: bool | None = None,
        comm: Any = world,
    ) -> None:
        lag_time_ps = lag_in_ps(timestep)
        check_policy(on_invalid, max_retries)
        check_momenta(momenta)
        if not isinstance(loginterval, int | np.integer) or loginterval < 1:
            raise ConfigError(f"loginterval must be a positive integer, not {loginterval!r}")
        if rng is not None and seed is not None:
            raise ConfigError("pass rng or seed, not both")
        temperature_K = temperature_in_K(temperature, temperature_K)
        graph = molecular_graph(atoms, bonds=bonds, graph=graph)
        operator, source = resolve_model(model, graph, temperature_K, device)
        check_lag(operator, timestep, lag_time_ps)
        warn_of_ignored(friction, fixcm)
        seed = draw_seed(rng) if seed is None else checked_seed(seed)
        self.ensemble = TITOEnsemble(
            operator,
            graph,
            atoms.positions,
            lag_time_ps,
            temperature_K=temperature_K,
            seed=broadcast(seed, comm=comm),
            replicas=[replica],
            masses=[atoms.get_masses()],
            on_invalid=on_invalid,
            max_retries=max_retries,
            ode=ode,
            correction=correction,
            after_jump=after_jump,
            atoms=[atoms.copy()],
        )
        self.run_record = RunRecord.of(
            self.ensemble, source=source, momenta=momenta, interval=loginterval, timestep=timestep
        )
        start = self.ensemble.assess()
        self.frame_record = FrameRecord.of(self.ensemble, start, 0)
        check_outputs(trajectory, logfile, atoms, append_trajectory)
        warn_of_starts([f"replica {replica}"], start.reasons)
        self._threads: int | None = None
        self._momenta = momenta
        self._energies = energies
        self._energy: float | None = None
        self._written: tuple[int, Any] | None = None
        if isinstance(trajectory, str | os.PathLike):
            trajectory = TrajectoryFile(
                trajectory, append=append_trajectory, same_run=False, master=master, comm=comm
            )
        try:
            super().__init__(
                atoms,
                float(timestep),
                trajectory=trajectory,
                loginterval=loginterval,
                master=master,
                comm=comm,
            )
            if isinstance(trajectory, TrajectoryFile):
                self._close_with_me(trajectory)
            if logfile is not None:
                self._logger = TITOLogger(logfile, comm, self.run_record.remarks)
                self._close_with_me(self._logger)
                self.attach(self._write_log, interval=loginterval)
        except BaseException:
            if isinstance(trajectory, TrajectoryFile):
                trajectory.close()
            raise
        self._writes = trajectory is not None or logfile is not None

    @classmethod
    def restart(
        cls,
        trajectory: str | os.PathLike[str],
        atoms: Atoms | None = None,
        *,
        model: str | os.PathLike[str] | ImplicitTransferOperator | None = None,
        logfile: IO[str] | str | os.PathLike[str] | None = None,
        correction: MetropolisHastings | None = None,
        after_jump: Sequence[AfterJump] = (),
        energies: bool = True,
        device: torch.device | str = "cpu",
        threads: int | None = None,
        comm: Any = world,
    ) -> Self:
        """Continue a run from its trajectory, with the very frames an uninterrupted run has.

        All settings come from the trajectory's header, positions and counters from its last whole
        frame; what a killed process left behind that is removed. New frames are appended, none is
        written twice.

        Parameters
        ----------
        trajectory : path
        atoms : Atoms, optional
            Moved to the last frame and used from there on: keeps a calculator and custom arrays,
            which trajectories do not hold. By default new Atoms without a calculator.
        model : str, path or ImplicitTransferOperator, optional
            The run's model, where it was passed as an object or its file has moved.
        correction, after_jump : optional
            As at the start, and needed where the run had one: trajectories keep no calculators.
        logfile, energies, device, comm : optional
            As above; a log is appended to.
        threads : int, optional
            Of PyTorch, during each jump; by default as many as the run had, so that bits are equal.

        Raises
        ------
        ConfigError
            For threads that are no positive integer.
        OutputError
            If the trajectory is missing, in use, not written by this class, of several runs, or
            without a whole frame, or if the model or the correction is another one, such as one
            whose calculator gives the last state another energy.

        Warns
        -----
        TITOWarning
            If another number of threads is asked for, or the package's version changed, which may
            change the last bits of positions.
        """
        if not os.path.isfile(trajectory):
            raise OutputError(f"there is no trajectory {trajectory}")
        file = TrajectoryFile(trajectory, append=True, comm=comm)
        try:
            run, frame, first, last = read_run(trajectory)
            run.check_steps(correction, after_jump)
            graph = run.graph(last.numbers)
            operator = model_of_run(run, model, graph, device)
            threads = run.threads if threads is None else threads
            with on_threads(threads):
                run.warn_of_changes(trajectory)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TITOWarning)  # given when the run was started
                dynamics = cls(
                    # checked as at the start: a later frame may have been kept invalid
                    as_at_start(first, atoms),
                    run.timestep,
                    model=operator,
                    temperature_K=run.temperature_K,
                    seed=run.seed,
                    replica=run.replica,
                    trajectory=file,
                    logfile=logfile,
                    loginterval=run.interval,
                    on_invalid=run.on_invalid,  # type: ignore[arg-type]
                    max_retries=run.max_retries,
                    correction=correction,
                    after_jump=after_jump,
                    momenta=run.momenta,  # type: ignore[arg-type]
                    energies=energies,
                    ode=None if correction else OdeSettings.from_dict(run.ode),
                    graph=graph,
                    comm=comm,
                )
            dynamics._continue_from(moved_to(last, atoms), run, frame)
            dynamics._threads = threads
        except BaseException:
            file.close()
            raise
        return dynamics

    def step(self) -> None:
        """Make one jump: new positions, new momenta, and the record in ``atoms.info``.

        Raises
        ------
        InvalidSampleError
            As `on_invalid` says; the atoms are then as they were before.
        StructureError
            If the atoms got a constraint, a periodic cell, or positions that are not finite.
        """
        atoms, ensemble = self.atoms, self.ensemble
        check_movable(atoms)
        ensemble.set_positions(0, atoms.positions)
        ensemble.jump = self.nsteps
        with on_threads(self._threads):
            done = ensemble.step()
        positions = ensemble.positions(0)
        if not np.isfinite(positions).all():
            raise InvalidSampleError(
                f"jump {done.jump} gave positions that are not finite; no further jump can start "
                "from them, even with on_invalid='keep'"
            )
        self.comm.broadcast(positions, 0)
        atoms.set_positions(positions, apply_constraint=False)  # the centre of mass is kept already
        set_momenta(
            atoms,
            self._momenta,
            ensemble.temperature_K,
            seed=ensemble.seed,
            replica=ensemble.replicas[0],
            jump=done.jump,
            comm=self.comm,
        )
        self.frame_record = FrameRecord.of(ensemble, done, 0)
        self.frame_record.write(atoms.info)

    @property
    def counters(self) -> dict[str, int]:
        """Jumps, invalid first proposals and retries since jump 0."""
        return self.frame_record.counters

    def todict(self) -> dict[str, Any]:
        """What the trajectory's header says: settings, seed, model, graph and counters."""
        return {**super().todict(), **self.run_record.to_dict(), COUNTERS: self.counters}

    def _refresh_properties(self) -> None:
        """Called by ASE before frames and log are written; forces are nobody's business here."""
        if self.nsteps == 0:
            self.ensemble.set_positions(0, self.atoms.positions)
            self.frame_record = FrameRecord.of(self.ensemble, self.ensemble.assess(), 0)
            self.frame_record.write(self.atoms.info)
        self._energy = None
        wanted = self._energies and self._writes and self.nsteps % self.run_record.interval == 0
        if wanted and self.frame_record.metropolis is not None:
            self._energy = self.frame_record.metropolis.energy_eV
        if wanted and self.atoms.calc is not None:
            self._energy = math.nan  # ase.io.read leaves a calculator that knows one frame only
            with suppress(PropertyNotImplementedError):
                self._energy = float(self.atoms.get_potential_energy())

    def _close_with_me(self, output: TrajectoryFile | TITOLogger) -> None:
        """Close an output by `close`, at the end of a with block, or when this is forgotten.

        Observers are methods of this object, so that it is part of a reference cycle, within which
        Python finalizes in any order; a finalizer from outside comes first.
        """
        self.closelater(output)
        weakref.finalize(self, output.close)

    def _traj_write_image(self, description: dict[str, Any]) -> None:
        """ASE's observer; a state that is in the file already is not written again."""
        if self._written is not None:
            jump, positions = self._written
            if jump == self.nsteps and np.array_equal(positions, self.atoms.positions):
                return
        super()._traj_write_image(description)
        self._written = self.nsteps, self.atoms.get_positions()

    def _write_log(self) -> None:
        self._logger.write(self.frame_record, self._energy)

    def _continue_from(self, atoms: Atoms, run: RunRecord, frame: FrameRecord) -> None:
        """Take the state of a run's last frame."""
        self.atoms = atoms
        self.masses = atoms.get_masses()[:, None]
        self.run_record = run
        self.frame_record = frame
        self.nsteps = frame.jump
        self.ensemble.jump = frame.jump
        frame.restore(self.ensemble, 0, atoms.positions)
        self._written = frame.jump, atoms.get_positions()
