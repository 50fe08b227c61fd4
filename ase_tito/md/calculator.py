"""An OpenMM system as an ASE calculator."""

from __future__ import annotations

from typing import Any

import numpy as np
import openmm
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from openmm import unit

from ase_tito.errors import DataError
from ase_tito.md.energies import EV_PER_KJ_MOL

_KJ_MOL_NM = unit.kilojoule_per_mole / unit.nanometer


class OpenMMCalculator(Calculator):
    """Potential energy in eV and forces in eV/Å of an OpenMM system.

    Parameters
    ----------
    system : openmm.System
        Of one molecule, without periodic boundaries. The atoms that it is asked about must come in
        the same order.
    platform : str
        OpenMM platform; Reference is double precision throughout, and the fastest for small
        molecules.

    Raises
    ------
    DataError
        When it is asked about another number of atoms.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 - as in ASE

    def __init__(self, system: openmm.System, platform: str = "Reference") -> None:
        super().__init__()
        self._context = openmm.Context(
            system,
            openmm.VerletIntegrator(0.001),  # a context needs one; no step is ever made
            openmm.Platform.getPlatformByName(platform),
        )

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Any = ("energy",),
        system_changes: Any = all_changes,
    ) -> None:
        """Compute energy and forces; called by ASE."""
        super().calculate(atoms, properties, system_changes)
        positions = self.atoms.get_positions() if self.atoms is not None else np.zeros((0, 3))
        expected = self._context.getSystem().getNumParticles()
        if len(positions) != expected:
            raise DataError(f"the system has {expected} atoms, and these are {len(positions)}")
        self._context.setPositions(0.1 * positions)  # Å to nm
        state = self._context.getState(getEnergy=True, getForces=True)
        energy = state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
        forces = state.getForces(asNumpy=True).value_in_unit(_KJ_MOL_NM)
        self.results = {
            "energy": energy * EV_PER_KJ_MOL,
            "free_energy": energy * EV_PER_KJ_MOL,
            "forces": 0.1 * EV_PER_KJ_MOL * forces,
        }
