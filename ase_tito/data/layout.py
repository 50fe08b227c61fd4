"""The layout of dataset files, version 1, as ``docs/data.md`` describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ase_tito.errors import DataError

FORMAT = "ase_tito dataset"
FORMAT_VERSION = 1

GRAPH_ARRAYS = ("atomic_numbers", "bonds", "tetrahedral", "double_bonds")
"""Arrays of a molecule, named as in `MolecularGraph`."""

_JSON = "json:"


def encode_attributes(where: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Texts, numbers and truth values as they are; whatever else JSON can say, as JSON text.

    Raises
    ------
    DataError
        For a value that JSON cannot say.
    """
    encoded: dict[str, Any] = {}
    for key, value in attributes.items():
        plain = value.item() if isinstance(value, np.generic) else value
        if isinstance(plain, bool | int | float) or (
            isinstance(plain, str) and not plain.startswith(_JSON)
        ):
            encoded[key] = plain
            continue
        try:
            encoded[key] = _JSON + json.dumps(plain)
        except (TypeError, ValueError) as error:
            raise DataError(f"{where}: attribute {key} is no JSON value ({error})") from error
    return encoded


def decode_attributes(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What `encode_attributes` was given."""
    return {key: _decoded(value) for key, value in stored.items()}


def _decoded(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    if isinstance(value, str) and value.startswith(_JSON):
        return json.loads(value.removeprefix(_JSON))
    return value
