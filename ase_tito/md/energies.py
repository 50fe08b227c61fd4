"""Potential energies of many frames with an OpenMM system."""

from __future__ import annotations

import numpy as np
import openmm
from ase import units
from numpy.typing import ArrayLike, NDArray

from ase_tito.errors import DataError

EV_PER_KJ_MOL = units.kJ / units.mol
"""One kJ/mol in eV."""


def potential_energies(
    system: openmm.System, positions: ArrayLike, *, platform: str = "Reference"
) -> NDArray[np.float64]:
    """Potential energy of each frame in eV, shape (T,).

    Parameters
    ----------
    system : openmm.System
    positions : array_like, shape (T, n, 3)
        Frames in Å.
    platform : str
        OpenMM platform; Reference is double precision throughout, and fast enough for small
        molecules.

    Raises
    ------
    DataError
        If the frames do not have the system's atoms, or are not finite.
    """
    frames = np.asarray(positions, np.float64)
    expected = (system.getNumParticles(), 3)
    if frames.ndim != 3 or frames.shape[1:] != expected:
        raise DataError(f"frames have shape {frames.shape}, the system needs (frames, *{expected})")
    if not np.isfinite(frames).all():
        raise DataError("positions that are not finite have no energy; leave such frames out")
    context = openmm.Context(
        system,
        openmm.VerletIntegrator(0.001),  # a context needs one; no step is ever made
        openmm.Platform.getPlatformByName(platform),
    )
    energies = np.empty(len(frames))
    for k, frame in enumerate(frames):
        context.setPositions(0.1 * frame)  # Å to nm
        state = context.getState(getEnergy=True)
        energies[k] = state.getPotentialEnergy().value_in_unit(openmm.unit.kilojoule_per_mole)
    return energies * EV_PER_KJ_MOL
