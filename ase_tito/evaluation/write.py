"""An evaluation on disk: tables, numbers and pictures."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import matplotlib

from ase_tito.analysis.report.drawing import STYLE
from ase_tito.atomic import write_atomically
from ase_tito.errors import OutputError
from ase_tito.evaluation.bounds import Verdict
from ase_tito.evaluation.campaign import Evaluation
from ase_tito.evaluation.catalogue import PAPER
from ase_tito.evaluation.figures import histogram_figure, surface_figure
from ase_tito.evaluation.result import as_json
from ase_tito.evaluation.summary import summarize
from ase_tito.evaluation.tables import csv_text, markdown


@dataclass(frozen=True)
class WrittenEvaluation:
    """Where an evaluation is.

    Attributes
    ----------
    page : Path
        ``evaluation.md``, for a model card.
    data : Path
        ``evaluation.json``, the same numbers.
    table : Path
        ``evaluation.csv``, one row for each molecule.
    pictures : tuple of Path
        ``histograms`` and ``surfaces``, as PNG and PDF.
    """

    page: Path
    data: Path
    table: Path
    pictures: tuple[Path, ...]


def write_evaluation(
    evaluation: Evaluation,
    directory: str | os.PathLike[str],
    verdicts: Sequence[Verdict] = (),
) -> WrittenEvaluation:
    """Write an evaluation into its directory; an earlier one is replaced.

    Raises
    ------
    OutputError
        If the directory cannot be written.
    """
    folder = Path(directory)
    summaries = summarize(evaluation.results)
    values = {
        "model": evaluation.model,
        "dataset": evaluation.dataset,
        "settings": evaluation.settings.to_dict(),
        "bounds": [
            {"bound": v.bound.text, "reached": as_json(v.reached), "met": v.met} for v in verdicts
        ],
        "summary": [as_json(asdict(summary)) for summary in summaries],
        "paper": PAPER,
        "molecules": [result.to_dict(surfaces=False) for result in evaluation.results],
        "not_evaluated": evaluation.failures,
    }
    page, data, table = (folder / f"evaluation.{suffix}" for suffix in ("md", "json", "csv"))
    pictures = []
    try:
        for path, text in (
            (page, markdown(evaluation, summaries, verdicts)),
            (data, json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False)),
            (table, csv_text(evaluation.results)),
        ):
            write_atomically(path, f"{text.rstrip()}\n".encode())
        with matplotlib.rc_context(STYLE):
            for name, figure in (
                ("histograms", histogram_figure(evaluation.results)),
                ("surfaces", surface_figure(evaluation.results)),
            ):
                for suffix in ("png", "pdf"):
                    drawn = io.BytesIO()
                    metadata = {"CreationDate": None} if suffix == "pdf" else None
                    figure.savefig(drawn, format=suffix, dpi=200, metadata=metadata)
                    pictures.append(folder / f"{name}.{suffix}")
                    write_atomically(pictures[-1], drawn.getvalue())
    except OSError as error:
        raise OutputError(
            f"cannot write an evaluation to {folder}: {error.strerror or error}"
        ) from error
    return WrittenEvaluation(page, data, table, tuple(pictures))
