"""OpenMM systems of Amber topologies: no cutoff, no constraints."""

from __future__ import annotations

import math
import os
import warnings

import numpy as np
import openmm
from ase.data import atomic_masses
from numpy.typing import ArrayLike, NDArray
from openmm import app

from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph

LEAST_HEAVY_MASS = 2.0
"""amu; what repartitioning leaves to an atom at least. Methane's carbon would be left with none."""


def system_from_prmtop(
    path: str | os.PathLike[str], *, implicit_solvent: str | None = None
) -> openmm.System:
    """The system of an Amber topology file, flexible and without cutoff.

    Parameters
    ----------
    path : path
    implicit_solvent : {None, 'vacuum', 'OBC2'}
        What `ase_tito.md.solvent.named_solvent` returns; None is vacuum too. OBC2 with the radii in
        the file, as `openmm.GBSAOBCForce`, which is far faster than the same as a custom force.

    Raises
    ------
    DataError
        If the file is no Amber topology.
    """
    try:
        topology = app.AmberPrmtopFile(str(path))
    except Exception as error:
        raise DataError(f"{path}: not a readable Amber topology ({error})") from error
    with warnings.catch_warnings():
        # OpenMM would rather have mbondi2 than the radii that were chosen
        warnings.filterwarnings("ignore", "Non-optimal GB parameters")
        return topology.createSystem(
            nonbondedMethod=app.NoCutoff,
            constraints=None,
            implicitSolvent={None: None, "vacuum": None, "OBC2": app.OBC2}[implicit_solvent],
            removeCMMotion=False,
        )


def repartitioned_masses(
    graph: MolecularGraph, hydrogen_mass_amu: float, masses: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Masses in amu, shape (n,), with mass moved to hydrogens from the atoms they are bonded to.

    Boltzmann's distribution of positions does not depend on masses; heavy hydrogens allow longer
    time steps (K. A. Feenstra, B. Hess, H. J. C. Berendsen, J. Comput. Chem. 20, 786 (1999)).

    Parameters
    ----------
    graph : MolecularGraph
    hydrogen_mass_amu : float
        Reached where the partner keeps at least `LEAST_HEAVY_MASS`.
    masses : array_like, shape (n,), optional
        In amu, of isotopes; by default the standard ones.
    """
    numbers = graph.atomic_numbers
    found = np.array(atomic_masses[numbers] if masses is None else masses, np.float64)
    hydrogens: dict[int, list[int]] = {}
    for pair in graph.bonds.tolist():
        light = [k for k in pair if numbers[k] == 1]
        if len(light) == 1:
            hydrogens.setdefault(sum(pair) - light[0], []).append(light[0])
    for heavy, bonded in hydrogens.items():
        most = (found[heavy] - LEAST_HEAVY_MASS) / len(bonded)
        moved = np.clip(hydrogen_mass_amu - found[bonded], 0.0, most)
        found[bonded] += moved
        found[heavy] -= math.fsum(moved)
    return found


def set_masses(system: openmm.System, masses: NDArray[np.float64]) -> None:
    """Give a system these masses in amu, shape (n,)."""
    for k, mass in enumerate(masses.tolist()):
        system.setParticleMass(k, mass)
