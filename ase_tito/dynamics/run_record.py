"""What the trajectory's header says about a run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from ase import units

from ase_tito import __version__
from ase_tito.dynamics.after_jump import AfterJump
from ase_tito.dynamics.ensemble import TITOEnsemble
from ase_tito.dynamics.metropolis import MetropolisHastings
from ase_tito.dynamics.record import entries, model_name, required
from ase_tito.errors import OutputError, warn
from ase_tito.graph import MolecularGraph
from ase_tito.transfer.implicit import ImplicitTransferOperator

PICOSECOND = 1000 * units.fs
"""In ASE's unit of time."""

REPLICAS = "replicas"
"""Entry of the header that a trajectory of several replicas alone has: their keys."""

_NO_SETTINGS = ("kind", "simulated_time")


@dataclass(frozen=True)
class RunRecord:
    """What a trajectory's header says of a run: all that is needed to repeat or continue it.

    Attributes
    ----------
    timestep : float
        Lag in ASE's time units.
    lag_time_ps, temperature_K : float
    seed, replica : int
    model : str
        The model's name.
    model_source : str or None
        The name or path it was loaded by; None for a model that was passed as an object.
    model_sha256 : str or None
        Of the network's weights.
    ode : dict
    on_invalid : str
    max_retries : int
    momenta : str
    interval : int
        Jumps between frames.
    threads : int
        Of PyTorch: another number may round otherwise.
    package_version : str
    bonds, tetrahedral, double_bonds : list
        As in `MolecularGraph`.
    batch_size : int or None
        Most replicas sampled in one batch, which may change the last bits too; None where the run
        is older than this entry.
    correction : dict or None
        What accepts or rejects the jumps.
    after_jump : list of dict
        Steps that moved each sample after its jump: the frames are then exact for nothing.
    """

    timestep: float
    lag_time_ps: float
    temperature_K: float
    seed: int
    replica: int
    model: str
    model_source: str | None
    model_sha256: str | None
    ode: dict[str, Any]
    on_invalid: str
    max_retries: int
    momenta: str
    interval: int
    threads: int
    package_version: str
    bonds: list[list[int]]
    tetrahedral: list[int]
    double_bonds: list[list[int]]
    batch_size: int | None = None
    correction: dict[str, Any] | None = None
    after_jump: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        ensemble: TITOEnsemble,
        *,
        source: str | None,
        momenta: str,
        interval: int,
        timestep: float | None = None,
    ) -> RunRecord:
        """The record of a run of one molecule that is about to start, for its first replica."""
        operator, graph = ensemble.operator, ensemble.graphs[0]
        return cls(
            timestep=ensemble.lag_time_ps * PICOSECOND if timestep is None else float(timestep),
            lag_time_ps=ensemble.lag_time_ps,
            temperature_K=ensemble.temperature_K,
            seed=ensemble.seed,
            replica=ensemble.replicas[0],
            model=model_name(operator),
            model_source=source,
            model_sha256=weights_sha256(operator),
            ode=(ensemble.ode or operator.ode).to_dict(),
            on_invalid=ensemble.on_invalid,
            max_retries=ensemble.max_retries,
            momenta=momenta,
            interval=int(interval),
            threads=torch.get_num_threads(),
            package_version=__version__,
            bonds=graph.bonds.tolist(),
            tetrahedral=graph.tetrahedral.tolist(),
            double_bonds=graph.double_bonds.tolist(),
            batch_size=ensemble.batch_size,
            correction=None if ensemble.correction is None else ensemble.correction.to_dict(),
            after_jump=[step.to_dict() for step in ensemble.after_jump],
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able entries."""
        return asdict(self)

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> RunRecord:
        """The record in a trajectory's description; OutputError if it is not one of ours."""
        missing = [name for name in required(cls) if name not in description]
        if missing:
            raise OutputError(
                "the trajectory's header was not written by ase_tito's dynamics: it lacks "
                f"{', '.join(missing[:3])}{', …' if len(missing) > 3 else ''}"
            )
        return cls(**entries(cls, "", description))

    def graph(self, atomic_numbers: Any) -> MolecularGraph:
        """The molecule."""
        parts = (atomic_numbers, self.bonds, self.tetrahedral, self.double_bonds)
        return MolecularGraph(*(np.asarray(part) for part in parts))

    def check_steps(
        self, correction: MetropolisHastings | None, after_jump: Sequence[AfterJump]
    ) -> None:
        """OutputError unless these are the correction and the steps of this run."""
        given = None if correction is None else correction.to_dict()
        if given != self.correction:
            raise OutputError(
                "the run's correction was "
                f"{_shown(self.correction)}, and not {_shown(given)}; calculators are not kept in "
                "trajectories: pass correction= as at the start"
            )
        steps = [step.to_dict() for step in after_jump]
        if steps != self.after_jump:
            raise OutputError(
                f"the run's after_jump was {self.after_jump}, and not {steps}; calculators are not "
                "kept in trajectories: pass after_jump= as at the start"
            )

    @property
    def remarks(self) -> list[str]:
        """What a log has to say above its columns."""
        if self.correction is not None:
            step = self.correction.get("source_step")
            moves = "" if step is None else f", by moves of {step:g} in the prior's source space"
            return [
                f"{self.correction['kind']}{moves} to the energies of "
                f"{self.correction['calculator']}: exact for their Boltzmann distribution; "
                "simulated time is undefined"
            ]
        if self.after_jump:
            steps = ", ".join(step["kind"] for step in self.after_jump)
            return [f"not exact: after each jump {steps} moved the sample"]
        return []

    def warn_of_changes(self, path: str | os.PathLike[str], batch_size: int | None = None) -> None:
        """Warn of what differs here and now, so that continuing may not give the same bits."""
        found = []
        if self.threads != torch.get_num_threads():
            found.append(f"{torch.get_num_threads()} threads instead of {self.threads}")
        if batch_size is not None and self.batch_size not in (None, batch_size):
            found.append(f"batches of {batch_size} instead of {self.batch_size}")
        if self.package_version != __version__:
            found.append(f"ase_tito {__version__} instead of {self.package_version}")
        if found:
            warn(
                f"{path} is continued with {' and '.join(found)}: positions may differ in their "
                "last bits from an uninterrupted run"
            )


def refuse_packed(path: str | os.PathLike[str], description: Mapping[str, Any]) -> None:
    """OutputError for a trajectory of several replicas, where one of a single one is needed."""
    if REPLICAS in description:
        raise OutputError(
            f"{path} cannot be continued as one run: it holds {len(description[REPLICAS])} "
            "replicas; continue it with as many and --one-file (one_file=True)"
        )


def _shown(correction: Mapping[str, Any] | None) -> str:
    if correction is None:
        return "none"
    settings = ", ".join(f"{k}={v}" for k, v in correction.items() if k not in _NO_SETTINGS)
    return f"{correction['kind']} ({settings})"


def weights_sha256(operator: ImplicitTransferOperator) -> str | None:
    """Hash of the weights of an operator's network; None where there is no network."""
    if not isinstance(operator.field, torch.nn.Module):
        return None
    digest = hashlib.sha256()
    for name, tensor in sorted(operator.field.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
