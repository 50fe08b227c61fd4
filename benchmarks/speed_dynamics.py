"""Simulated time per day, and independent samples per second: jumps beside molecular dynamics."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import speed_contestants as contestants
from ase import units
from numpy.typing import ArrayLike, NDArray
from speed_timing import DAY_S, Work, alternate

from ase_tito import TITODynamics
from ase_tito.analysis import statistical_inefficiency
from ase_tito.data import read_npz
from ase_tito.evaluation import parse_ode
from ase_tito.flow.ode import OdeSettings
from ase_tito.graph import GraphBatch
from ase_tito.transfer.implicit import ImplicitTransferOperator

Say = Callable[[str], object]
TARGETS = {
    "1 ns jumps of one replica over ASE's Langevin": 1e4,
    "1 ns jumps of many replicas over OpenMM on all cores": 1e3,
    "1 ns jumps of many replicas over the paper's 11.3 ms/day": 1.0,
}
PAPER_MS_PER_DAY = 11.3


@dataclass(frozen=True)
class Jumper:
    """One way of making jumps."""

    replicas: int
    lag_ps: float
    ode: OdeSettings

    @property
    def name(self) -> str:
        some = "1 replica" if self.replicas == 1 else f"{self.replicas} replicas"
        return f"TITO, {some}, {self.lag_ps:g} ps, {self.ode.evaluations} evaluations"


def measure_dynamics(
    operator: ImplicitTransferOperator, options: argparse.Namespace, say: Say
) -> dict[str, Any]:
    """ns/day of all, ratios, and effective samples per second."""
    platform, platforms = contestants.fastest_platform(options.slice_s)
    md_steps = max(500, round(500 * options.slice_s))
    jumpers = [
        Jumper(replicas, lag, operator.ode)
        for lag in options.lags_ps
        for replicas in options.replicas
    ]
    jumpers += [
        Jumper(replicas, max(options.lags_ps), parse_ode(ode))
        for ode in options.ode
        for replicas in options.replicas
    ]
    works: dict[str, Work] = {
        jumper.name: contestants.tito(operator, jumper.replicas, jumper.lag_ps, jumper.ode)[1]
        for jumper in jumpers
    }
    with contestants.OpenMMProcesses(platform, options.processes, md_steps) as native:
        works["ASE Langevin"] = contestants.ase_langevin(max(10, md_steps // 10))
        works["OpenMM"] = native.work
        rates = alternate(works, options.rounds, options.slice_s, say)
        end = time.monotonic() + options.md_s
        while time.monotonic() < end:  # a correlation time needs more than slices
            native.work()
        trajectories = native.trajectories()
    speeds = {
        name: {key: value * DAY_S / 1000 for key, value in rate.items()}
        for name, rate in rates.items()
    }
    reference = [contestants.phi_psi(read_npz(path).positions) for path in options.reference]
    memories = {"MD": _slowest(reference or trajectories) * contestants.FRAME_PS}
    for lag in options.lags_ps:
        memories[f"TITO, {lag:g} ps"] = lag * _slowest(
            _walk(operator, lag, options.chains, options.chain_jumps)
        )
        say(f"correlation of jumps of {lag:g} ps")
    independent_ps = {jumper.name: memories[f"TITO, {jumper.lag_ps:g} ps"] for jumper in jumpers}
    samples = {
        name: rate["median"] / independent_ps.get(name, memories["MD"])
        for name, rate in rates.items()
    }
    return {
        "ns_per_day": speeds,
        "jumpers": {
            jumper.name: {
                "replicas": jumper.replicas,
                "lag_ps": jumper.lag_ps,
                "evaluations": jumper.ode.evaluations,
                "ode": jumper.ode.to_dict(),
            }
            for jumper in jumpers
        },
        "openmm_platform": platform,
        "openmm_steps_per_second_and_core": platforms,
        "processes": options.processes,
        "correlation_ps": memories,
        "correlation_from": (
            f"{len(reference)} given runs" if reference else "the MD of this benchmark"
        ),
        "md_ps": sum(map(len, reference or trajectories)) * contestants.FRAME_PS,
        "effective_samples_per_second": samples,
        "ratios": _ratios(rates),
        "effective_ratios": _ratios({name: {"median": rate} for name, rate in samples.items()}),
        "targets": _targets(jumpers, rates),
    }


def measure_jump(
    operator: ImplicitTransferOperator, options: argparse.Namespace, say: Say
) -> dict[str, Any]:
    """One evaluation, one jump through `TITODynamics.run`, and evaluations in a batch."""
    import torch

    atoms, graph = contestants.molecule()
    dynamics = TITODynamics(
        atoms.copy(), 100_000 * units.fs, model=operator, graph=graph, seed=0, temperature_K=300
    )
    ensemble, _ = contestants.tito(operator, options.batch, 100.0)

    def evaluating(count: int) -> Work:
        x = torch.tensor(atoms.positions, dtype=torch.float32)
        x = (x - x.mean(0)).expand(count, -1, -1).contiguous()
        every = torch.ones(count)
        with torch.inference_mode():
            batch = GraphBatch.replicate(graph, count)
            context = operator.field.encode(batch, x, 100 * every, 300 * every)

        def work() -> float:
            with torch.inference_mode():
                operator.field(x, 0.5 * every, context)
            return count

        return work

    def jumping() -> float:
        dynamics.run(1)
        return 1.0

    size = ensemble.batch_size
    rates = alternate(
        {"alone": evaluating(1), "jump": jumping, "batch": evaluating(size)},
        options.rounds,
        options.slice_s,
        say,
    )
    evaluations = operator.ode.evaluations or 0
    bare_s = 1 / rates["alone"]["median"]
    return {
        "evaluation_ms": 1000 * bare_s,
        "jump_ms": 1000 / rates["jump"]["median"],
        "evaluations_per_jump": evaluations,
        "jump_above_its_evaluations": 1 / rates["jump"]["median"] / (evaluations * bare_s) - 1,
        "batch_size": size,
        "evaluations_x_replicas_per_second": rates["batch"],
    }


def _walk(
    operator: ImplicitTransferOperator, lag_ps: float, chains: int, jumps: int
) -> list[NDArray[np.float64]]:
    """φ and ψ of several chains, a third of whose jumps lead away from the common start."""
    ensemble, work = contestants.tito(operator, chains, lag_ps)
    frames = []
    for _ in range(jumps):
        work()
        frames.append([ensemble.positions(k) for k in range(chains)])
    angles = contestants.phi_psi(np.array(frames)[jumps // 3 :])
    return list(angles.swapaxes(0, 1))


def _slowest(trajectories: Sequence[ArrayLike]) -> float:
    """Correlated frames per independent one, of the slowest of cos and sin of φ and ψ."""
    angles = [np.asarray(trajectory) for trajectory in trajectories]
    return max(
        statistical_inefficiency([function(part[:, k]) for part in angles])
        for function in (np.cos, np.sin)
        for k in (0, 1)
    )


def _ratios(rates: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Medians of TITO over those of each kind of MD."""
    return {
        rival: {
            name: rate["median"] / rates[rival]["median"]
            for name, rate in rates.items()
            if name.startswith("TITO")
        }
        for rival in ("ASE Langevin", "OpenMM")
    }


def _targets(jumpers: Sequence[Jumper], rates: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """The ratios that are asked for at the lag of 1 ns, for each integration measured there."""
    rows = []
    for ode in dict.fromkeys(jumper.ode for jumper in jumpers):
        nanosecond = {
            jumper.replicas: rates[jumper.name]["median"]
            for jumper in jumpers
            if jumper.ode == ode and jumper.lag_ps == 1000.0
        }
        if not nanosecond:
            continue
        fastest = max(nanosecond.values())
        found = (
            nanosecond[min(nanosecond)] / min(nanosecond) / rates["ASE Langevin"]["median"],
            fastest / rates["OpenMM"]["median"],
            fastest * DAY_S * 1e-9 / PAPER_MS_PER_DAY,
        )
        rows += [
            {"what": what, "evaluations": ode.evaluations, "asked": asked, "found": ratio}
            for (what, asked), ratio in zip(TARGETS.items(), found, strict=True)
        ]
    return rows
