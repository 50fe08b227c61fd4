"""Simulated time per day, and independent samples per second: jumps beside molecular dynamics."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import speed_contestants as contestants
from ase import units
from numpy.typing import ArrayLike, NDArray
from speed_timing import DAY_S, Work, alternate

from ase_tito import TITODynamics
from ase_tito.analysis import statistical_inefficiency
from ase_tito.data import read_npz
from ase_tito.dynamics import TITOEnsemble
from ase_tito.graph import GraphBatch
from ase_tito.transfer.implicit import ImplicitTransferOperator

Say = Callable[[str], object]
TARGETS = {
    "1 ns jumps of one replica over ASE's Langevin": 1e4,
    "1 ns jumps of many replicas over OpenMM on all cores": 1e3,
    "1 ns jumps of many replicas over the paper's 11.3 ms/day": 1.0,
}
PAPER_MS_PER_DAY = 11.3


def measure_dynamics(
    operator: ImplicitTransferOperator, options: argparse.Namespace, say: Say
) -> dict[str, Any]:
    """ns/day of all, ratios, and effective samples per second."""
    platform, platforms = contestants.fastest_platform(options.slice_s)
    md_steps = max(500, round(500 * options.slice_s))
    ensembles: dict[tuple[int, float], TITOEnsemble] = {}
    works: dict[str, Work] = {}
    for lag in options.lags_ps:
        for replicas in options.replicas:
            name = f"TITO, {replicas} replicas, {lag:g} ps"
            ensembles[replicas, lag], works[name] = contestants.tito(operator, replicas, lag)
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
    samples = {name: rate["median"] / _memory(name, memories) for name, rate in rates.items()}
    return {
        "ns_per_day": speeds,
        "evaluations_per_jump": operator.ode.evaluations,
        "ode": operator.ode.to_dict(),
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
        "targets": _targets(rates),
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


def _memory(name: str, memories: dict[str, float]) -> float:
    """ps per independent sample of this contestant; MD is one dynamics, whoever integrates it."""
    if not name.startswith("TITO"):
        return memories["MD"]
    return memories[f"TITO, {name.rpartition(', ')[2]}"]


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


def _targets(rates: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """The ratios that are asked for at the lag of 1 ns, where it was measured."""
    nanosecond = {
        int(name.split()[1]): rate["median"]
        for name, rate in rates.items()
        if name.startswith("TITO") and name.endswith(" 1000 ps")
    }
    if not nanosecond:
        return []
    fastest = max(nanosecond.values())
    found = (
        nanosecond.get(1, 0.0) / rates["ASE Langevin"]["median"],
        fastest / rates["OpenMM"]["median"],
        fastest * DAY_S * 1e-9 / PAPER_MS_PER_DAY,
    )
    return [
        {"what": what, "asked": asked, "found": ratio}
        for (what, asked), ratio in zip(TARGETS.items(), found, strict=True)
    ]
