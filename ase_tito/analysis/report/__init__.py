"""A report on trajectories: numbers, figures, and one page that shows them."""

from ase_tito.analysis.report.basis import choose_lag
from ase_tito.analysis.report.compute import compute_report
from ase_tito.analysis.report.jumps import DoubledJumps, SingleJumps
from ase_tito.analysis.report.result import Report
from ase_tito.analysis.report.settings import ReportSettings
from ase_tito.analysis.report.write import WrittenReport, write_report

__all__ = [
    "DoubledJumps",
    "Report",
    "ReportSettings",
    "SingleJumps",
    "WrittenReport",
    "choose_lag",
    "compute_report",
    "write_report",
]
