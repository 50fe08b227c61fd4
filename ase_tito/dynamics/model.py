"""From what a user calls a model to a transfer operator."""

from __future__ import annotations

import os
from typing import Any

import torch

from ase_tito.dynamics.run_record import RunRecord, weights_sha256
from ase_tito.errors import CheckpointError, ConfigError, OutputError
from ase_tito.graph import MolecularGraph
from ase_tito.models import is_path, load_model, select_model
from ase_tito.transfer.implicit import ImplicitTransferOperator

AUTO = "auto"


def resolve_model(
    model: str | os.PathLike[str] | ImplicitTransferOperator,
    graph: MolecularGraph,
    temperature_K: float | None,
    device: torch.device | str = "cpu",
) -> tuple[ImplicitTransferOperator, str | None]:
    """The operator that is meant, and the name or path by which it can be loaded again.

    Parameters
    ----------
    model : 'auto', str, path or ImplicitTransferOperator
        The one known model that fits the molecule and temperature; a name; a checkpoint's path; or
        a loaded model, which has no name or path.
    graph : MolecularGraph
    temperature_K : float, optional
    device : torch.device or str
        Where to load it.

    Raises
    ------
    DomainError
        If 'auto' finds none or several, with what speaks against each.
    CheckpointError
        For an unknown name or an unreadable checkpoint.
    ConfigError
        For an object that is none of these.
    """
    if isinstance(model, ImplicitTransferOperator):
        return model, None
    if not isinstance(model, str | os.PathLike):
        raise ConfigError(
            "model must be 'auto', a model's name, a checkpoint's path or a loaded model, "
            f"not {type(model).__name__}"
        )
    if model == AUTO:
        info = select_model(graph, temperature_K)
        source = info.name if info.shipped else str(info.path)
        return load_model(info.path, device), source
    operator = load_model(model, device)
    return operator, os.path.abspath(model) if is_path(model) else str(model)


def model_of_run(
    run: RunRecord, model: Any, graph: MolecularGraph, device: torch.device | str
) -> ImplicitTransferOperator:
    """The operator to continue a run with: the one that made it, wherever it is now.

    Parameters
    ----------
    run : RunRecord
    model : str, path, ImplicitTransferOperator or None
        None for the name or path in the record.
    graph : MolecularGraph
    device : torch.device or str

    Raises
    ------
    OutputError
        If the run's model was an object and none is given, or if the weights are others.
    CheckpointError
        If the model cannot be loaded.
    """
    wanted = run.model_source if model is None else model
    if wanted is None:
        raise OutputError(
            f"the run's model {run.model!r} was passed as an object: pass it again, as model="
        )
    try:
        operator, _ = resolve_model(wanted, graph, run.temperature_K, device)
    except CheckpointError as error:
        if model is not None:
            raise
        raise CheckpointError(f"the run's model cannot be loaded ({error}); pass model=") from error
    if weights_sha256(operator) != run.model_sha256:
        raise OutputError(
            f"the weights of model {operator.name!r} are not those that made this trajectory; a "
            "run continues with its own model only"
        )
    return operator
