"""A Boltzmann prior as an ASE calculator: the free energy −k_BT ln p_eq(x) and its forces."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from numpy.typing import ArrayLike, NDArray

from ase_tito.errors import ConfigError, StructureError
from ase_tito.flow.field import device_of
from ase_tito.flow.gradient import GRADIENT_METHODS
from ase_tito.flow.ode import OdeSettings
from ase_tito.graph import MolecularGraph
from ase_tito.models import load_prior
from ase_tito.structure import graph_from_atoms
from ase_tito.transfer.implicit import ImplicitTransferOperator
from ase_tito.transfer.prior import GRADIENT_ODE, BoltzmannPrior, prior_of


class TITOCalculator(Calculator):
    """The energy of a learned ensemble, for optimizers, NEB and vibrations.

    The energy is −k_BT ln p_eq(x) in eV, with p_eq in 1/Å^(3n − 3): the potential whose Boltzmann
    distribution at this temperature is the prior's, up to a constant without meaning. It is no
    potential-energy surface: far from what the prior was trained on it says nothing, and at
    another temperature it is another one.

    Forces are the exact derivative of the energy as it is integrated, in double precision. They
    cost a few times the energy, and the energy itself 3n − 3 derivatives of the velocity at each
    evaluation.

    Parameters
    ----------
    model : str, path, BoltzmannPrior or ImplicitTransferOperator
        A model with a Boltzmann prior, or of equilibrium alone.
    temperature_K : float, optional
        Needed only where the prior was trained at more than one temperature.
    forces : {'exact', 'score'}
        'score' is a cheap approximation by one evaluation of the velocity, near s = 1: no
        derivative of the energy, and a poor one where the prior is. `score_error` gives its
        error. It is for priors trained with the coupling 'independent'.
    score_time : float
        The flow time s of that evaluation.
    ode : OdeSettings
        The integration, on a fixed grid; for exact forces euler, midpoint or rk4.
    graph : MolecularGraph, optional
        By default that of the first Atoms that it is asked about, which must not be distorted;
        bonds and stereochemistry stay what they were there.
    bonds : array_like of int, shape (m, 2), optional
        Covalent bonds for that graph; inferred from the distances by default.
    device : torch.device or str
        Where to load a model.

    Raises
    ------
    CheckpointError
        For a model without a prior, naming those that have one, and for unreadable ones.
    ConfigError
        For forces that are neither, an integration that they cannot be had from, and a prior
        whose score is unknown.
    DomainError
        For molecules and temperatures that the prior was not trained for.
    StructureError
        For Atoms that no graph can be made of, or that are other ones than the graph's.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012 - as in ASE

    def __init__(
        self,
        model: str | os.PathLike[str] | BoltzmannPrior | ImplicitTransferOperator,
        *,
        temperature_K: float | None = None,
        forces: Literal["exact", "score"] = "exact",
        score_time: float = 0.99,
        ode: OdeSettings = GRADIENT_ODE,
        graph: MolecularGraph | None = None,
        bonds: ArrayLike | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()
        if forces not in ("exact", "score"):
            raise ConfigError(f"forces must be 'exact' or 'score', not {forces!r}")
        if forces == "exact" and ode.method not in GRADIENT_METHODS:
            raise ConfigError(
                f"exact forces need the ODE method {' or '.join(map(repr, GRADIENT_METHODS))}, not "
                f"{ode.method!r}: pass OdeSettings('rk4', 10), for example"
            )
        if ode.method == "dopri5":
            raise ConfigError("the calculator needs a fixed grid, such as OdeSettings('rk4', 10)")
        if isinstance(model, ImplicitTransferOperator):
            model = prior_of(model)
        prior = model if isinstance(model, BoltzmannPrior) else load_prior(model, device)
        self.prior = prior.in_float64()
        self.temperature_K = prior.domain.resolve_temperature(temperature_K)
        self.forces_by, self.score_time, self.ode = forces, score_time, ode
        self.graph = graph
        self._bonds = bonds
        self._device = device_of(self.prior.field)

    def _get_name(self) -> str:
        """What ASE writes beside results: approximate forces say so."""
        return "tito-prior" if self.forces_by == "exact" else "tito-prior-score-approximation"

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute energy, and forces where asked for; called by ASE."""
        super().calculate(atoms, list(properties), list(system_changes))
        x = self._positions()
        kT = units.kB * self.temperature_K
        exact = "forces" in properties and self.forces_by == "exact"
        if exact:
            value, gradient = self._exact(x)
            forces = kT * gradient
        else:
            density = self.prior.log_prob(
                self._graph, x, temperature_K=self.temperature_K, ode=self.ode
            )
            value = density.value
            if "forces" in properties:
                forces = kT * self._score(x)
        energy = -kT * float(value[0])
        self.results = {"energy": energy, "free_energy": energy}
        if "forces" in properties:
            self.results["forces"] = forces[0].cpu().numpy()

    def score_error(self, atoms: Atoms) -> float:
        """Root mean square over components of score forces minus exact forces, in eV/Å.

        Raises
        ------
        ConfigError
            For a prior whose score is unknown.
        """
        self.atoms = atoms.copy()
        x = self._positions()
        difference = self._score(x) - self._exact(x)[1]
        return float(units.kB * self.temperature_K * difference.square().mean().sqrt())

    def _exact(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.prior.log_prob_gradient(
            self._graph, x, temperature_K=self.temperature_K, ode=self.ode
        )

    def _score(self, x: torch.Tensor) -> torch.Tensor:
        return self.prior.score(
            self._graph, x, temperature_K=self.temperature_K, flow_time=self.score_time
        )

    def _positions(self) -> torch.Tensor:
        """Positions (1, n, 3) of atoms that fit the graph, which the first ones decide."""
        atoms = self.atoms
        if atoms is None:
            raise StructureError("the calculator has no atoms: attach it to some")
        if self.graph is None:
            self.graph = graph_from_atoms(atoms, self._bonds)
        if not np.array_equal(self.graph.atomic_numbers, atoms.numbers):
            raise StructureError(
                f"the calculator is for {_formula(Atoms(self.graph.atomic_numbers))}, in this "
                f"order of atoms, not for {_formula(atoms)}: make another one"
            )
        x: NDArray[np.float64] = np.asarray(atoms.get_positions(), np.float64)
        if not np.isfinite(x).all():
            raise StructureError(f"atom {int(np.argwhere(~np.isfinite(x))[0, 0])} is nowhere")
        return torch.from_numpy(x)[None].to(self._device)

    @property
    def _graph(self) -> MolecularGraph:
        if self.graph is None:
            raise StructureError("the calculator has no atoms: attach it to some")
        return self.graph


def _formula(atoms: Atoms) -> str:
    return str(atoms.get_chemical_formula("reduce"))
