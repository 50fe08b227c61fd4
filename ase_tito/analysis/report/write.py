"""A report on disk: one HTML page, the same numbers as JSON, and the figures for a paper."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import matplotlib

from ase_tito.analysis.report.drawing import STYLE
from ase_tito.analysis.report.figures import report_figures
from ase_tito.analysis.report.page import html_page
from ase_tito.analysis.report.result import Report
from ase_tito.errors import OutputError


@dataclass(frozen=True)
class WrittenReport:
    """Where a report is.

    Attributes
    ----------
    page : Path
        ``report.html``, which needs no other file.
    data : Path
        ``report.json``.
    figures : tuple of Path
        PDF files.
    """

    page: Path
    data: Path
    figures: tuple[Path, ...]


def write_report(report: Report, directory: str | os.PathLike[str]) -> WrittenReport:
    """Write a report into a directory, which is made if it is not there.

    An earlier report in it is replaced.

    Raises
    ------
    OutputError
        If the directory cannot be made or written.
    """
    folder = Path(directory)
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        figures = report_figures(report)
        with matplotlib.rc_context(STYLE):
            page = html_page(report, figures)
            paths = []
            for name, figure in figures.items():
                paths.append(folder / "figures" / f"{name}.pdf")
                figure.savefig(paths[-1], dpi=300, metadata={"CreationDate": None})
        (folder / "report.html").write_text(page, encoding="utf-8")
        text = json.dumps(report.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"cannot write a report to {folder}: {error.strerror or error}"
        ) from error
    return WrittenReport(folder / "report.html", folder / "report.json", tuple(paths))
