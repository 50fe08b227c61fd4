"""Weighted samples in an ASE trajectory, batch by batch: whole at any moment, and continued."""

from __future__ import annotations

import hashlib
import io
import math
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import atomic_masses
from ase.io.trajectory import TrajectoryReader, TrajectoryWriter

from ase_tito.atomic import write_atomically
from ase_tito.digest import file_sha256
from ase_tito.errors import ConfigError, DataError, OutputError
from ase_tito.flow.density import Quadrature
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.lock import OutputLock
from ase_tito.models import find_checkpoint, load_prior
from ase_tito.reweighting.importance import importance_sample
from ase_tito.reweighting.samples import WeightedSamples
from ase_tito.reweighting.weighted_run import KIND, WeightedRun
from ase_tito.transfer.prior import BoltzmannPrior
from ase_tito.transfer.source_moves import prior_log_density
from ase_tito.validity import check

LOG_WEIGHT = "tito_log_weight"
"""Of a frame, in ``atoms.info``: −U/k_BT − log p_eq, without a common constant."""

_CHECKED = 4


def reweight_to_file(
    path: str | os.PathLike[str],
    model: str | os.PathLike[str],
    graph: MolecularGraph,
    calculator: BaseCalculator,
    count: int,
    *,
    calculator_name: str = "",
    calculator_sha256: str = "",
    temperature_K: float | None = None,
    seed: int = 0,
    batch_size: int = 32,
    quadrature: Quadrature | None = None,
    atoms: Atoms | None = None,
    existing: str = "refuse",
    progress: Callable[[int], object] = lambda drawn: None,
) -> tuple[WeightedSamples, WeightedRun]:
    """Draw from a prior, weight to a calculator's ensemble, and write after each batch.

    Parameters
    ----------
    path : path
        An ASE trajectory. Frames have positions, the calculator's energy, and `LOG_WEIGHT`.
    model : str or path
        With a Boltzmann prior, or of equilibrium alone.
    graph : MolecularGraph
    calculator : ase calculator
        Potential energy in eV.
    count : int
        Samples in all, those of an earlier run included.
    calculator_name : str, optional
        For the header; by default the calculator's class.
    calculator_sha256 : str, optional
        Of the file that makes it, so that samples are not continued with an edited one.
    temperature_K : float, optional
    seed, batch_size : int
    quadrature : Quadrature, optional
        Of samples and densities.
    atoms : Atoms, optional
        What the calculator is shown beside positions, such as charges and magnetic moments.
    existing : {'refuse', 'resume', 'replace'}
        What to do with an output that is there.
    progress : callable
        Called with the number of samples so far.

    Returns
    -------
    samples : WeightedSamples
        Those with a weight; their `log_normalizer` counts all.
    run : WeightedRun

    Raises
    ------
    ConfigError, CheckpointError, DomainError
        For options and models that do not fit, before anything is written.
    OutputError
        For an output that exists, is in use, cannot be written, or holds other samples.
    DataError
        If no sample at all has a weight.
    """
    quadrature = quadrature or Quadrature()
    for name, value in (("count", count), ("batch_size", batch_size)):
        if value < 1:
            raise ConfigError(f"{name} must be positive, not {value}")
    checkpoint = find_checkpoint(model)
    prior = load_prior(model).in_float64()
    temperature = prior.domain.resolve_temperature(temperature_K)
    run = WeightedRun(
        model=prior.name or checkpoint.stem,
        model_sha256=file_sha256(checkpoint),
        calculator=calculator_name or type(calculator).__name__,
        temperature_K=temperature,
        seed=seed,
        batch_size=batch_size,
        nodes=quadrature.nodes,
        steps=quadrature.steps,
        molecule_sha256=_sha256(graph),
        calculator_sha256=calculator_sha256,
        state_sha256=_state_sha256(Atoms(graph.atomic_numbers) if atoms is None else atoms),
    )
    output = Path(path)
    lock = OutputLock(output)
    try:
        frames: list[Atoms] = []
        if output.exists() and existing != "replace":
            if existing == "refuse":
                raise OutputError(f"{output} exists: resume or overwrite it, or choose another")
            frames, before = read_weighted(output)
            run.continues(before)
            run = before
        while run.drawn < count:
            size = min(batch_size, count - run.drawn)
            new, run = _batch(prior, graph, calculator, atoms, size, run, quadrature)
            frames += new
            if frames:  # a trajectory without any holds no header; the same batches come again
                write_atomically(output, _trajectory(frames, run))
            progress(run.drawn)
    finally:
        lock.release()
    return weighted_samples(frames, run), run


def read_weighted(path: str | os.PathLike[str]) -> tuple[list[Atoms], WeightedRun]:
    """The frames of a weighted trajectory, and its header.

    Raises
    ------
    OutputError
        If it is another kind of file.
    """
    try:
        with TrajectoryReader(path) as reader:
            description = dict(reader.description)
            frames = list(reader)
    except Exception as error:
        raise OutputError(f"{path} holds no weighted samples: {error}") from error
    if description.get("kind") != KIND:
        raise OutputError(f"{path} holds no weighted samples: resume what `reweight` has written")
    known = WeightedRun.__dataclass_fields__
    return frames, WeightedRun(**{key: description[key] for key in known if key in description})


def weighted_samples(frames: list[Atoms], run: WeightedRun) -> WeightedSamples:
    """What the frames are worth.

    Raises
    ------
    DataError
        If there are none.
    """
    if not frames:
        raise DataError(
            f"none of {run.drawn} samples is a valid geometry with a finite energy and density"
        )
    log_weights = np.array([frame.info[LOG_WEIGHT] for frame in frames])
    top = log_weights.max()
    mean = math.log(np.exp(log_weights - top).sum() / run.drawn)
    return WeightedSamples(
        np.array([frame.positions for frame in frames]),
        log_weights,
        np.array([frame.get_potential_energy() for frame in frames]),
        float(top + mean),
        np.arange(len(frames)),
        run.temperature_K,
    )


def _sha256(graph: MolecularGraph) -> str:
    arrays = (graph.atomic_numbers, graph.bonds, graph.tetrahedral, graph.double_bonds)
    return hashlib.sha256(b"|".join(array.tobytes() for array in arrays)).hexdigest()


def _state_sha256(atoms: Atoms) -> str:
    """Of what calculators may read beside elements and positions, as said by default or not."""
    masses, usual = atoms.get_masses(), atomic_masses[atoms.numbers]
    arrays = (
        atoms.get_initial_charges(),
        atoms.get_initial_magnetic_moments(),
        np.where(np.isclose(masses, usual), 0.0, masses),
    )
    totals = [str(atoms.info.get(key)) for key in ("charge", "spin")]
    parts = (*((array + 0.0).tobytes() for array in arrays), *map(str.encode, totals))
    return hashlib.sha256(b"|".join(parts)).hexdigest()


def _batch(
    prior: BoltzmannPrior,
    graph: MolecularGraph,
    calculator: BaseCalculator,
    atoms: Atoms | None,
    size: int,
    run: WeightedRun,
    quadrature: Quadrature,
) -> tuple[list[Atoms], WeightedRun]:
    """Frames of one more batch, and the run with it."""
    key = np.random.SeedSequence(run.seed, spawn_key=(run.batches,)).generate_state(1, np.uint64)
    samples = importance_sample(
        prior,
        graph,
        calculator,
        size,
        generator=torch.Generator().manual_seed(int(key[0] >> 1)),
        temperature_K=run.temperature_K,
        ode=quadrature,
        batch_size=size,
        atoms=atoms,
    )
    positions = torch.from_numpy(samples.positions)
    finite = positions.isfinite().flatten(1).all(1)
    valid = check(GraphBatch.replicate(graph, size), positions).valid & finite
    chosen = np.flatnonzero(valid.numpy() & np.isfinite(samples.log_weights))
    error = run.integration_error
    if run.invalid == run.drawn and len(chosen):  # the first that can be checked
        some = chosen[:_CHECKED]
        again = prior_log_density(
            prior.transition,
            GraphBatch.replicate(graph, len(some)),
            positions[some],
            quadrature.tighter(),
            temperature_K=run.temperature_K,
        )
        kT = units.kB * run.temperature_K
        first = -samples.energies[some] / kT - samples.log_weights[some]
        error = float(np.abs(again.numpy() - first).max())
    frames = [
        _frame(graph, samples.positions[k], samples.energies[k], samples.log_weights[k])
        for k in chosen
    ]
    return frames, replace(
        run,
        drawn=run.drawn + size,
        batches=run.batches + 1,
        invalid=run.invalid + size - len(chosen),
        integration_error=error,
    )


def _frame(graph: MolecularGraph, x: Any, energy: float, log_weight: float) -> Atoms:
    atoms = Atoms(graph.atomic_numbers, x, info={LOG_WEIGHT: float(log_weight)})
    atoms.calc = SinglePointCalculator(atoms, energy=float(energy))
    return atoms


def _trajectory(frames: list[Atoms], run: WeightedRun) -> bytes:
    content = io.BytesIO()
    with TrajectoryWriter(content, mode="w") as writer:
        writer.set_description(asdict(run))
        for frame in frames:
            writer.write(frame)
        return content.getvalue()
