"""Digests of files, by which a later call knows whether one is still what it was."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ase_tito.errors import ConfigError


def file_sha256(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits; large files are read in pieces.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
