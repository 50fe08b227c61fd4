"""The Boltzmann distribution of an ASE calculator, to which samples are reweighted."""

from __future__ import annotations

import math

import numpy as np
from ase import Atoms, units
from ase.calculators.calculator import BaseCalculator
from numpy.typing import NDArray

from ase_tito.errors import ConfigError, StructureError
from ase_tito.graph import MolecularGraph


class BoltzmannTarget:
    """Energies and forces of a calculator in units of k_B T.

    Parameters
    ----------
    graph : MolecularGraph
        Gives elements and order of the atoms.
    calculator : ase calculator
        Potential energy in eV; forces too where samples are annealed.
    temperature_K : float
    atoms : Atoms, optional
        What the calculator is shown beside positions, such as charges, magnetic moments and info;
        constraints are left out, since samples know of none. By default the elements alone.

    Attributes
    ----------
    evaluations : int
        Energies, and forces, that were asked for so far.

    Raises
    ------
    ConfigError
        For a temperature that is not positive.
    StructureError
        For atoms that are not the graph's, in its order.
    """

    def __init__(
        self,
        graph: MolecularGraph,
        calculator: BaseCalculator,
        temperature_K: float,
        atoms: Atoms | None = None,
    ) -> None:
        if not (math.isfinite(temperature_K) and temperature_K > 0):
            raise ConfigError(f"temperature_K must be positive, not {temperature_K}")
        shown = Atoms(graph.atomic_numbers) if atoms is None else atoms.copy()
        if not np.array_equal(shown.numbers, graph.atomic_numbers):
            raise StructureError(
                f"the calculator cannot be shown {shown.get_chemical_formula('reduce')}: the "
                "graph is of other atoms, or in another order"
            )
        shown.set_constraint()
        shown.calc = calculator
        self.temperature_K = temperature_K
        self.evaluations = 0
        self._kT = units.kB * temperature_K
        self._atoms = shown

    def reduced_energies(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """U/k_BT of positions (B, n, 3) in Å, shape (B,); infinite where it is not finite."""
        return self._energies(positions, None)

    def reduced_forces(
        self, positions: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """U/k_BT (B,) and −∇U/k_BT (B, n, 3) in 1/Å; zero forces where they are not finite."""
        forces = np.zeros_like(positions)
        return self._energies(positions, forces), forces

    def _energies(
        self, positions: NDArray[np.float64], forces: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        energies = np.full(len(positions), np.inf)
        for k, x in enumerate(positions):
            if not np.isfinite(x).all():
                continue
            self._atoms.positions = x
            self.evaluations += 1
            with np.errstate(all="ignore"):  # of atoms that lie on each other
                energy = float(self._atoms.get_potential_energy()) / self._kT
                energies[k] = energy if math.isfinite(energy) else np.inf
                if forces is not None:
                    force = self._atoms.get_forces() / self._kT
                    forces[k] = force if np.isfinite(force).all() else 0.0
        return energies
