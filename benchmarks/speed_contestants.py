"""Who is compared on alanine dipeptide, in one force field: jumps, ASE's Langevin and OpenMM's."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import openmm
from ase import Atoms, units
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import thermalize_momenta
from numpy.typing import NDArray
from openmm import unit

from ase_tito.analysis import dihedrals, peptide_torsions, torsion_atoms
from ase_tito.dynamics import TITOEnsemble
from ase_tito.flow.ode import OdeSettings
from ase_tito.graph import MolecularGraph
from ase_tito.md.alanine_dipeptide import alanine_dipeptide_system
from ase_tito.md.calculator import OpenMMCalculator
from ase_tito.md.system import repartitioned_masses, set_masses
from ase_tito.structure import graph_from_atoms, read_structure
from ase_tito.transfer.implicit import ImplicitTransferOperator

STRUCTURE = Path(__file__).parents[1] / "examples" / "data" / "alanine-dipeptide.pdb"
TEMPERATURE_K = 300.0
FRICTION_PER_PS = 1.0
HYDROGEN_AMU = 4.0
STEP_FS = {"ase": 1.0, "openmm": 2.0}
FRAME_PS = 1.0
"""Between the frames of which torsions are kept."""


@cache
def molecule() -> tuple[Atoms, MolecularGraph]:
    (atoms,), bonds = read_structure(STRUCTURE)
    return atoms, graph_from_atoms(atoms, bonds)


def phi_psi(frames: NDArray[Any]) -> NDArray[np.float64]:
    """φ and ψ in radians of frames (..., 22, 3): (..., 2)."""
    _, graph = molecule()
    torsions = peptide_torsions(graph.atomic_numbers, graph.bonds)
    chosen = torsion_atoms([t for t in torsions if t.kind in ("phi", "psi")])
    angles = dihedrals(frames.reshape(-1, *frames.shape[-2:]), chosen)
    return angles.reshape(*frames.shape[:-2], 2)


def tito(
    operator: ImplicitTransferOperator,
    replicas: int,
    lag_ps: float,
    ode: OdeSettings | None = None,
) -> tuple[TITOEnsemble, Callable[[], float]]:
    """An ensemble, and the work of one jump of it in ps."""
    atoms, graph = molecule()
    ensemble = TITOEnsemble(
        operator,
        graph,
        atoms.positions,
        lag_ps,
        seed=0,
        replicas=replicas,
        on_invalid="hold",
        ode=ode,
    )

    def work() -> float:
        ensemble.step()
        return replicas * lag_ps

    return ensemble, work


def ase_langevin(steps: int) -> Callable[[], float]:
    """So many steps of ASE's Langevin with OpenMM's Reference platform as its calculator, in ps."""
    atoms = molecule()[0].copy()
    atoms.calc = OpenMMCalculator(alanine_dipeptide_system())
    rng = np.random.default_rng(0)
    thermalize_momenta(atoms, TEMPERATURE_K, rng=rng)
    dynamics = Langevin(
        atoms,
        STEP_FS["ase"] * units.fs,
        temperature_K=TEMPERATURE_K,
        friction=FRICTION_PER_PS / (1000 * units.fs),
        fixcm=False,
        rng=rng,
    )

    def work() -> float:
        dynamics.run(steps)
        return steps * STEP_FS["ase"] / 1000

    return work


def openmm_context(platform: str, seed: int) -> tuple[openmm.Context, openmm.Integrator]:
    """Langevin dynamics of one molecule on one core, with heavy hydrogens."""
    atoms, graph = molecule()
    system = alanine_dipeptide_system()
    set_masses(system, repartitioned_masses(graph, HYDROGEN_AMU))
    integrator = openmm.LangevinMiddleIntegrator(
        TEMPERATURE_K, FRICTION_PER_PS, STEP_FS["openmm"] / 1000
    )
    integrator.setRandomNumberSeed(seed + 1)
    properties = {"Threads": "1"} if platform == "CPU" else {}
    context = openmm.Context(
        system, integrator, openmm.Platform.getPlatformByName(platform), properties
    )
    context.setPositions(0.1 * atoms.positions)
    openmm.LocalEnergyMinimizer.minimize(context)
    context.setVelocitiesToTemperature(TEMPERATURE_K, seed + 1)
    return context, integrator


def fastest_platform(seconds: float) -> tuple[str, dict[str, float]]:
    """The platform of OpenMM that makes most steps a second on one core, and all of them."""
    rates = {}
    for k in range(openmm.Platform.getNumPlatforms()):
        name = openmm.Platform.getPlatform(k).getName()
        _, integrator = openmm_context(name, 0)
        integrator.step(10)
        start, steps = time.perf_counter(), 0
        while time.perf_counter() - start < seconds:
            integrator.step(50)
            steps += 50
        rates[name] = steps / (time.perf_counter() - start)
    return max(rates, key=lambda name: rates[name]), rates


class OpenMMProcesses:
    """One process for each core, each with a run of its own, all working at the same time."""

    def __init__(self, platform: str, processes: int, steps: int) -> None:
        self.steps, self.torsions = steps, []
        context = multiprocessing.get_context("spawn")
        self._pipes, self._workers = [], []
        for seed in range(processes):
            ours, theirs = context.Pipe()
            worker = context.Process(target=_serve, args=(theirs, platform, seed), daemon=True)
            worker.start()
            self._pipes.append(ours)
            self._workers.append(worker)
            self.torsions.append([])

    def work(self) -> float:
        """So many steps in each process, in ps."""
        for pipe in self._pipes:
            pipe.send(self.steps)
        for kept, pipe in zip(self.torsions, self._pipes, strict=True):
            kept.append(pipe.recv())
        return len(self._pipes) * self.steps * STEP_FS["openmm"] / 1000

    def trajectories(self) -> list[NDArray[np.float64]]:
        """φ and ψ of each process since its start, a frame each `FRAME_PS`."""
        return [np.concatenate(kept) for kept in self.torsions]

    def __enter__(self) -> OpenMMProcesses:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for pipe, worker in zip(self._pipes, self._workers, strict=True):
            pipe.close()
            worker.join()


def _serve(pipe: Connection, platform: str, seed: int) -> None:
    context, integrator = openmm_context(platform, seed)
    per_frame = round(1000 * FRAME_PS / STEP_FS["openmm"])
    while True:
        try:
            steps = pipe.recv()
        except EOFError:
            return
        frames = []
        for _ in range(steps // per_frame):
            integrator.step(per_frame)
            positions = context.getState(positions=True).getPositions(asNumpy=True)
            frames.append(10 * positions.value_in_unit(unit.nanometer))
        pipe.send(phi_psi(np.array(frames)))
