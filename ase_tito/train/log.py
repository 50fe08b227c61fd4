"""The log of a training run: a line of CSV at each validation, and the same for TensorBoard."""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ase_tito.atomic import write_atomically
from ase_tito.errors import ConfigError, OutputError

_NOT_PLOTTED = ("step", "remaining_s")


class TrainingLog:
    """Writes ``log.csv``, and ``tensorboard/`` where wanted, each line whole at once.

    Parameters
    ----------
    directory : Path
        Exists.
    tensorboard : bool
    step : int
        Where the run is: what was written after it is dropped.

    Raises
    ------
    ConfigError
        If TensorBoard is wanted and not installed.
    """

    def __init__(self, directory: Path, *, tensorboard: bool, step: int) -> None:
        self._path = directory / "log.csv"
        cut_log(self._path, step)
        self._writer: Any = None
        if tensorboard:
            check_tensorboard()
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(directory / "tensorboard"), purge_step=step + 1)

    def add(self, values: Mapping[str, Any]) -> None:
        """Append a line; values that are None are left empty."""
        append_line(self._path, values)
        if self._writer is None:
            return
        for name, value in values.items():
            if name not in _NOT_PLOTTED and value is not None:
                self._writer.add_scalar(name, float(value), int(values["step"]))
        self._writer.flush()

    def close(self) -> None:
        """Close the files."""
        if self._writer is not None:
            self._writer.close()


def check_tensorboard() -> None:
    """ConfigError where TensorBoard is not installed."""
    if importlib.util.find_spec("tensorboard") is None:
        raise ConfigError(
            "tensorboard = true needs TensorBoard: pip install 'ase_tito[train]', or set it to "
            "false"
        )


def append_line(path: Path, values: Mapping[str, Any]) -> None:
    """Append values to the log, under a header that a new file gets first."""
    content = io.StringIO(newline="")
    writer = csv.writer(content)
    if not path.exists():
        writer.writerow(values)
    writer.writerow(["" if value is None else value for value in values.values()])
    try:
        with path.open("a", newline="") as file:
            file.write(content.getvalue())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def cut_log(path: Path, step: int) -> None:
    """Drop lines after a step, and a last line that was cut short."""
    if not path.exists():
        return
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    kept = [
        row
        for k, row in enumerate(rows)
        if k == 0 or (len(row) == len(rows[0]) and row[0].isdigit() and int(row[0]) <= step)
    ]
    if len(kept) < 2:  # the header may be cut short too
        path.unlink()
        return
    content = io.StringIO(newline="")
    csv.writer(content).writerows(kept)
    write_atomically(path, content.getvalue().encode())
