"""An evaluation that was written, read again: for figures and tables of one's own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ase_tito.errors import OutputError
from ase_tito.evaluation.campaign import Evaluation, read_result
from ase_tito.evaluation.result import MoleculeResult
from ase_tito.evaluation.settings import EvaluationSettings
from ase_tito.flow.ode import OdeSettings


def read_evaluation(directory: str | os.PathLike[str]) -> Evaluation:
    """What `write_evaluation` wrote into a directory that `evaluate` worked in.

    A directory may hold results of several models and settings; those are read that the last
    evaluation speaks of.

    Raises
    ------
    OutputError
        If there is no evaluation, or one of another version, or a molecule's result is gone.
    """
    path = Path(directory) / "evaluation.json"
    try:
        values = json.loads(path.read_text("utf-8"))
        settings = dict(values["settings"])
        ode = settings.pop("ode")
        results = tuple(_result(path.parent, entry) for entry in values["molecules"])
        return Evaluation(
            values["model"],
            values["dataset"],
            EvaluationSettings(ode=None if ode is None else OdeSettings(**ode), **settings),
            results,
            values["not_evaluated"],
        )
    except OSError as error:
        raise OutputError(
            f"{path} cannot be read ({error.strerror or error}): run ase-tito evaluate first"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path} is no evaluation of this version ({error}): {_AGAIN}") from error


_AGAIN = "run ase-tito evaluate again, which keeps the samples"


def _result(folder: Path, entry: dict[str, Any]) -> MoleculeResult:
    """The result with surfaces that an entry of ``evaluation.json`` was made from."""
    if "timescales" not in entry:
        raise KeyError("timescales")
    for path in sorted((folder / "molecules" / entry["name"]).glob("*/result-*.json")):
        if '"timescales"' in path.read_text("utf-8"):
            result = read_result(path)
            if json.loads(json.dumps(result.to_dict(surfaces=False))) == entry:
                return result
    raise OutputError(f"{folder} lacks the result of {entry['name']}: {_AGAIN}")
