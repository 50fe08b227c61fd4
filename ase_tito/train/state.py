"""The saved state of a training run: all that an exact resume needs."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ase_tito.atomic import write_atomically
from ase_tito.errors import CheckpointError, ConfigError


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write the state so that a kill at any moment leaves the old file or the new one."""
    content = io.BytesIO()
    torch.save(dict(state), content)
    write_atomically(path, content.getvalue())


def load_state(path: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Read a state back; tensors and plain values only, no code is executed.

    Raises
    ------
    CheckpointError
        If the file is missing or damaged.
    ConfigError
        If it belongs to a run with other settings.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no training state to resume from: start without resuming")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged training state ({error})") from error
    if not isinstance(state, dict) or not isinstance(state.get("settings"), dict):
        raise CheckpointError(f"{path}: no training state, but another file of PyTorch")
    changed = sorted(
        key
        for key in {*settings, *state["settings"]}
        if settings.get(key) != state["settings"].get(key)
    )
    if changed:
        raise ConfigError(
            f"{path} belongs to a run with other settings ({', '.join(changed)}); "
            "restore them, or train into another output directory"
        )
    return dict(state)
