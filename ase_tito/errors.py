"""The exceptions and warnings of the package.

Whatever the package raises on purpose is a `TITOError`; where an argument is at fault it is a
`ValueError` too, so that code which knows nothing of the package still catches it.
"""

from __future__ import annotations

import sys
import warnings

_PASSED_OVER = ("ase", "ase_tito")


class TITOError(Exception):
    """Base class of every error the package raises on purpose."""


class GraphError(TITOError, ValueError):
    """A molecular graph that is inconsistent or not one molecule."""


class StructureError(TITOError, ValueError):
    """Atoms, or a file of them, from which no molecular graph can be made."""


class DomainError(TITOError, ValueError):
    """A lag, temperature, element or molecule outside what a model was trained for."""


class CheckpointError(TITOError, ValueError):
    """A checkpoint that is unknown, damaged or of a format this version cannot read."""


class NoPriorError(CheckpointError):
    """A model without a Boltzmann prior, asked for one."""


class ConfigError(TITOError, ValueError):
    """A configuration with missing, unknown or impossible entries."""


class DataError(TITOError, ValueError):
    """Trajectory data that cannot be used for training or analysis."""


class InvalidSampleError(TITOError, RuntimeError):
    """A sample that is no valid geometry of its molecule, and retrying did not help."""


class OutputError(TITOError, OSError):
    """An output that exists already, is locked, or cannot be written."""


class TITOWarning(UserWarning):
    """Base class of the package's warnings."""


def warn(message: str) -> None:
    """Give a `TITOWarning` at the line that called the package, however deep inside it arose.

    Lines of ASE are passed over too, whose loops call dynamics and calculators.
    """
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _PASSED_OVER:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, TITOWarning, stacklevel=level)
