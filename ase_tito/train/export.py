"""From a trained network to a checkpoint with its header."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import ase_tito
from ase_tito.canonical import graph_key
from ase_tito.checkpoint import CheckpointHeader, save_checkpoint
from ase_tito.data.trajectory import MolecularTrajectory
from ase_tito.nn import EquivariantVelocity
from ase_tito.train.config import TrainConfig
from ase_tito.transfer.domain import Domain


def export_checkpoint(
    path: Path,
    config: TrainConfig,
    network: EquivariantVelocity,
    trajectories: Sequence[MolecularTrajectory],
    *,
    training_time_s: float,
    validation_loss: float,
    skipped_steps: int,
    commit: str,
) -> None:
    """Write weights, settings and the record of the training as a checkpoint."""
    temperatures = sorted({trajectory.temperature_K for trajectory in trajectories})
    header = CheckpointHeader(
        name=config.name,
        network=network.config.to_dict(),
        source=config.source,
        frame=config.frame,
        ode=config.ode.to_dict(),
        domain=domain_of(config, trajectories).to_dict(),
        training={
            "molecules": [trajectory.name for trajectory in trajectories],
            "force_field": config.data.force_field,
            "temperature_K": temperatures[0] if len(temperatures) == 1 else temperatures,
            "lag_range_ps": list(config.data.lag_range_ps),
            "n_frames": sum(map(len, trajectories)),
            "training_time_s": round(training_time_s, 1),
            "commit": commit,
            "seed": config.seed,
            "command": f"ase-tito train {config.name}.toml",
            "steps": config.optimizer.steps,
            "batch_size": config.optimizer.batch_size,
            "skipped_steps": skipped_steps,
            "validation_loss_A2": validation_loss,
        },
        package_version=ase_tito.__version__,
    )
    save_checkpoint(path, header, network.state_dict())


def domain_of(config: TrainConfig, trajectories: Sequence[MolecularTrajectory]) -> Domain:
    """What a model trained on these trajectories may be used for."""
    graphs = [trajectory.graph for trajectory in trajectories]
    temperatures = [trajectory.temperature_K for trajectory in trajectories]
    sizes = [graph.n_atoms for graph in graphs]
    return Domain(
        lag_range_ps=config.data.lag_range_ps,
        temperature_range_K=(min(temperatures), max(temperatures)),
        elements=tuple(sorted({int(z) for graph in graphs for z in graph.atomic_numbers})),
        n_atoms_range=(min(sizes), max(sizes)),
        molecules=(
            None if config.data.transferable else tuple(sorted({graph_key(g) for g in graphs}))
        ),
        acyclic_only=all(len(graph.bonds) == graph.n_atoms - 1 for graph in graphs),
    )


def source_commit() -> str:
    """The commit of the source tree that trained, or the version where there is none."""
    directory = Path(ase_tito.__file__).parent
    command = ["git", "-C", str(directory), "describe", "--always", "--dirty"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return f"v{ase_tito.__version__}"
    return result.stdout.strip() or f"v{ase_tito.__version__}"
