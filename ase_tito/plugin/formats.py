"""The entry points of the group `ase.ioformats`, which every import of `ase.io` loads.

That import is the only one by which ASE meets packages it does not know, so that the calculator
of ``ase run tito`` is registered here too. It must stay cheap: no PyTorch, no mdtraj, nothing that
can fail.
"""

from __future__ import annotations

from ase.calculators.calculator import external_calculators, register_calculator_class
from ase.utils.plugins import ExternalIOFormat

from ase_tito.plugin.calculator import TITO

NAME = "tito"
"""What ``ase run`` calls the calculator."""

_MODULE = "ase_tito.plugin.trajectories"

xtc = ExternalIOFormat("GROMACS XTC trajectory (ase_tito)", "+S", module=_MODULE, ext="xtc")
dcd = ExternalIOFormat("CHARMM/NAMD DCD trajectory (ase_tito)", "+S", module=_MODULE)
"""Without its suffix, which ASE gives to CP2K's files: pass ``format='dcd'``."""

if NAME not in external_calculators:
    register_calculator_class(NAME, TITO)
