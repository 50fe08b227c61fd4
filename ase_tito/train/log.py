"""The log of a training run: one line of CSV at each validation."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path


def append_line(path: Path, values: Mapping[str, object]) -> None:
    """Append values to the log, under a header that a new file gets first."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(values)
        writer.writerow(values.values())


def cut_log(path: Path, step: int) -> None:
    """Drop lines written after the state that is resumed from."""
    if not path.exists():
        return
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    kept = rows[:1] + [row for row in rows[1:] if int(row[0]) <= step]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(kept)
