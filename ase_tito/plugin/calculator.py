"""The calculator of ``ase run tito``: a prior's energies and forces, or the door to jumps."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ase import Atoms, units
from ase.calculators.calculator import Calculator, PropertyNotImplementedError, all_changes

from ase_tito.errors import ConfigError, NoPriorError, StructureError, warn

if TYPE_CHECKING:
    from ase_tito.calculator import TITOCalculator
    from ase_tito.dynamics.tito import TITODynamics

_AUTO = "auto"


class TITO(Calculator):
    """What ``ase run tito`` makes; in Python, use `TITOCalculator` and `TITODynamics` themselves.

    Nothing is loaded before it is asked for something. ``ase run`` asks for all properties first
    unless told otherwise; with a lag this calculator has none, so that sampling costs no energy.

    Parameters
    ----------
    model : str or path
        A name or a checkpoint. By default the one known model that fits the molecule: one with a
        Boltzmann prior for energies.
    lag_ps : float, optional
        Lag of the jumps of `dynamics`, in ps. Without it, energy and forces are −k_BT ln p_eq and
        its negative gradient, as `TITOCalculator` gives them.
    temperature_K : float, optional
        By default the only one that the model was trained at.
    seed : int
        Of the jumps.
    device : str
        Where the network runs.

    Raises
    ------
    ConfigError
        For parameters with other names, and a lag that is no positive number.
    """

    nolabel = True  # else `ase run` passes label=

    def __init__(
        self,
        model: str | os.PathLike[str] = _AUTO,
        lag_ps: float | None = None,
        temperature_K: float | None = None,
        seed: int = 0,
        device: str = "cpu",
        **unknown: Any,
    ) -> None:
        if unknown:
            raise ConfigError(
                f"unknown parameter {next(iter(unknown))!r}: "
                "tito takes model, lag_ps, temperature_K, seed and device"
            )
        if lag_ps is not None and not (isinstance(lag_ps, int | float) and lag_ps > 0):
            raise ConfigError(f"lag_ps must be a positive number of picoseconds, not {lag_ps!r}")
        super().__init__()
        self.model, self.lag_ps, self.temperature_K = model, lag_ps, temperature_K
        self.seed, self.device = seed, device
        self.implemented_properties = [] if lag_ps else ["energy", "free_energy", "forces"]
        self._prior: TITOCalculator | None = None
        self._no_prior = False

    def _get_name(self) -> str:
        return "tito" if self._prior is None else self._prior.name

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute energy or forces by the model's prior; called by ASE.

        Warns
        -----
        TITOWarning
            Once, for a model without a prior, naming those that have one; it has no energy then,
            which ASE treats like any calculator that lacks a property.
        """
        super().calculate(atoms, list(properties), list(system_changes))
        if self._prior is None and not self._no_prior:
            self._prior = self._loaded_prior()
        if self._prior is None:
            raise PropertyNotImplementedError("the model has no Boltzmann prior")
        self._prior.calculate(self.atoms, properties, system_changes)
        self.results = dict(self._prior.results)

    def dynamics(self, atoms: Atoms, **options: Any) -> TITODynamics:
        """Jumps of `lag_ps` that move `atoms`; other options are those of `TITODynamics`.

        Raises
        ------
        ConfigError
            Without a lag.
        """
        from ase_tito.dynamics.tito import TITODynamics

        if self.lag_ps is None:
            raise ConfigError("dynamics needs a lag in picoseconds: -p lag_ps=100")
        given = {
            "model": self.model,
            "temperature_K": self.temperature_K,
            "seed": self.seed,
            "device": self.device,
            "energies": False,
        }
        return TITODynamics(atoms, 1000 * self.lag_ps * units.fs, **(given | options))

    def _loaded_prior(self) -> TITOCalculator | None:
        from ase_tito.calculator import TITOCalculator
        from ase_tito.models import load_prior, select_prior
        from ase_tito.structure import graph_from_atoms

        if self.atoms is None:
            raise StructureError("the calculator has no atoms: attach it to some")
        graph = graph_from_atoms(self.atoms)
        try:
            auto = self.model == _AUTO
            source = select_prior(graph, self.temperature_K).path if auto else self.model
            prior = load_prior(source, self.device)
        except NoPriorError as error:
            self._no_prior = True
            warn(f"no energy: {error}")
            return None
        return TITOCalculator(prior, temperature_K=self.temperature_K, graph=graph)
