"""Learned molecular dynamics with steps of picoseconds to nanoseconds, behind ASE's interface.

The public names are loaded when they are first used: importing the package costs no PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ase_tito.calculator import TITOCalculator
    from ase_tito.dynamics.ensemble import TITOEnsemble
    from ase_tito.dynamics.tito import TITODynamics
    from ase_tito.models import load_model, load_prior
    from ase_tito.transfer.implicit import ImplicitTransferOperator

__version__ = "0.1.0"
__all__ = [
    "ImplicitTransferOperator",
    "TITOCalculator",
    "TITODynamics",
    "TITOEnsemble",
    "__version__",
    "load_model",
    "load_prior",
]

_HOME = {
    "TITOCalculator": "ase_tito.calculator",
    "TITODynamics": "ase_tito.dynamics.tito",
    "TITOEnsemble": "ase_tito.dynamics.ensemble",
    "ImplicitTransferOperator": "ase_tito.transfer.implicit",
    "load_model": "ase_tito.models",
    "load_prior": "ase_tito.models",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
