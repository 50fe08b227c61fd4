"""From trained weights to a checkpoint with its header."""

from __future__ import annotations

import math
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase_tito
from ase_tito.canonical import graph_key
from ase_tito.checkpoint import CheckpointHeader
from ase_tito.errors import ConfigError
from ase_tito.header import source_to_dict
from ase_tito.residues import is_peptide
from ase_tito.train.config import TrainConfig
from ase_tito.train.material import Material
from ase_tito.train.model import ModelPlan
from ase_tito.train.parent import Parent
from ase_tito.train.progress import Progress
from ase_tito.transfer.domain import Domain


def header_of(
    config: TrainConfig,
    plan: ModelPlan,
    material: Material,
    parent: Parent | None,
    progress: Progress,
    command: str,
) -> CheckpointHeader:
    """The header for the weights that the run would hand out now.

    Parameters
    ----------
    config : TrainConfig
    plan : ModelPlan
    material : Material
    parent : Parent, optional
    progress : Progress
    command : str
        What was run.

    Raises
    ------
    CheckpointError
        For a name that no checkpoint can have.
    ConfigError
        If the model would claim a domain that it was not trained for.
    """
    material = material.serving(config.data.lag_range_ps[0])
    temperatures = sorted({t.temperature_K for t in material.trajectories})
    best = config.select == "best" and progress.best_step >= 0
    loss = progress.best_loss if best else progress.validation_loss
    record: dict[str, Any] = {
        "molecules": list(material.names),
        "force_field": material.force_field,
        "temperature_K": temperatures[0] if len(temperatures) == 1 else temperatures,
        "lag_range_ps": list(config.data.lag_range_ps),
        "n_frames": material.n_frames,
        "training_time_s": round(progress.seconds, 1),
        "commit": ", ".join(progress.commits),
        "seed": config.seed,
        "command": command,
        "steps": progress.step,
        "pairs": progress.step * config.optimizer.batch_size,
        "batch_size": config.optimizer.batch_size,
        "skipped_steps": progress.skipped,
        "selected": config.select,
        "selected_step": progress.best_step if best else progress.step,
        "validation_loss_A2": loss if math.isfinite(loss) else None,
        "validation_on": (
            "molecules that were not trained on"
            if material.held_out
            else "the end of every trajectory, which was not trained on"
        ),
        "settings": config.identity(),
    }
    if parent is not None:
        record["from"] = parent.record()
    return CheckpointHeader(
        name=config.name,
        network=plan.network.to_dict(),
        source=source_to_dict(plan.source),
        frame=plan.frame.name,
        ode=plan.ode.to_dict(),
        domain=domain_of(config, material, parent).to_dict(),
        training=record,
        package_version=ase_tito.__version__,
        prior=None if plan.prior is None else plan.prior.entry,
    )


def domain_of(config: TrainConfig, material: Material, parent: Parent | None = None) -> Domain:
    """What a model trained on this may be used for.

    All of the material counts: `Material.serving` leaves out what no pair is drawn of.
    A model for given molecules is one of those it was last trained on, at their temperatures. A
    transferable one that started from another transferable one also knows the elements and sizes
    of that, unless `inherit_domain` is false. Lags are always those last trained on.

    Raises
    ------
    ConfigError
        If a transferable model without temperature as an input was trained at two temperatures,
        one after the other.
    """
    graphs = [trajectory.graph for trajectory in material.trajectories]
    temperatures = [trajectory.temperature_K for trajectory in material.trajectories]
    sizes = [graph.n_atoms for graph in graphs]
    own = Domain(
        lag_range_ps=config.data.lag_range_ps,
        temperature_range_K=(min(temperatures), max(temperatures)),
        elements=tuple(sorted({int(z) for graph in graphs for z in graph.atomic_numbers})),
        n_atoms_range=(min(sizes), max(sizes)),
        molecules=(
            None if config.data.transferable else tuple(sorted({graph_key(g) for g in graphs}))
        ),
        acyclic_only=all(len(graph.bonds) == graph.n_atoms - 1 for graph in graphs),
        peptides_only=all(map(is_peptide, graphs)),
    )
    if parent is None or own.molecules is not None or parent.domain.molecules is not None:
        return own
    if not config.data.inherit_domain:
        return own
    return _joined(own, parent.domain, parent)


def _joined(own: Domain, before: Domain, parent: Parent) -> Domain:
    low, high = (
        bound(own.temperature_range_K[k], before.temperature_range_K[k])
        for k, bound in enumerate((min, max))
    )
    if parent.header.network["temperature_range_K"] is None and low != high:
        raise ConfigError(
            f"{parent.header.name!r} was trained at {before.temperature_range_K[0]:g} K and takes "
            f"no temperature, the data are at {own.temperature_range_K[0]:g} K: a transferable "
            "model would mix them. Set data.inherit_domain = false to leave what it knew behind"
        )
    return replace(
        own,
        temperature_range_K=(low, high),
        elements=tuple(sorted({*own.elements, *before.elements})),
        n_atoms_range=(
            min(own.n_atoms_range[0], before.n_atoms_range[0]),
            max(own.n_atoms_range[1], before.n_atoms_range[1]),
        ),
        acyclic_only=own.acyclic_only and before.acyclic_only,
        peptides_only=own.peptides_only and before.peptides_only,
    )


def source_commit() -> str:
    """The commit of the source tree that trains, or the version where there is none."""
    directory = Path(ase_tito.__file__).parent
    command = ["git", "-C", str(directory), "describe", "--always", "--dirty"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return f"v{ase_tito.__version__}"
    return result.stdout.strip() or f"v{ase_tito.__version__}"
