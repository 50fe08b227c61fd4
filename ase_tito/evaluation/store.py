"""Samples on disk, so that an evaluation which was interrupted goes on where it was."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ase_tito.atomic import write_atomically
from ase_tito.errors import OutputError
from ase_tito.evaluation.samples import Samples
from ase_tito.npzfile import opened_npz

LAYOUT = 4
"""Version of what is stored: samples of another are made anew."""


class SampleStore:
    """A directory of samples, one file per part of the work.

    Parameters
    ----------
    directory : path
        Made if it is not there.
    key : mapping
        All that the samples depend on and their names do not say (model, seed, start), as plain
        JSON values. Samples of another key are in another folder, and are never mixed up.

    Raises
    ------
    OutputError
        If the directory cannot be made.
    """

    def __init__(self, directory: str | os.PathLike[str], key: Mapping[str, Any]) -> None:
        text = json.dumps({**key, "layout": LAYOUT}, indent=1, sort_keys=True)
        self.path = Path(directory) / hashlib.sha256(text.encode()).hexdigest()[:12]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / "key.json", f"{text}\n".encode())
        except OSError as error:
            raise OutputError(
                f"cannot write samples to {directory}: {error.strerror or error}"
            ) from error

    def get(self, name: str, make: Callable[[], Samples]) -> tuple[Samples, bool]:
        """The samples of this name, read or else made and stored; and whether they were made."""
        path = self.path / f"{name}.npz"
        if path.exists():
            return _read(path), False
        samples = make()
        content = io.BytesIO()
        np.savez(
            content,
            positions=samples.positions,
            first_failed=samples.first_failed,
            wall_time_s=samples.wall_time_s,
            held=samples.held,
        )
        write_atomically(path, content.getvalue())
        return samples, True


def _read(path: Path) -> Samples:
    with opened_npz(
        path, lambda error: OutputError(f"{path} is damaged ({error}); delete it to sample anew")
    ) as data:
        return Samples(
            data["positions"],
            data["first_failed"],
            float(data["wall_time_s"]),
            int(data["held"]),
        )
