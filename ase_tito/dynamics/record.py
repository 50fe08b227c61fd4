"""What every frame and the trajectory's header say about a run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

import numpy as np
import torch
from ase import units
from numpy.typing import ArrayLike

from ase_tito import __version__
from ase_tito.dynamics.after_jump import AfterJump
from ase_tito.dynamics.ensemble import TITOEnsemble
from ase_tito.dynamics.jump import EnsembleJump
from ase_tito.dynamics.metropolis import MetropolisHastings, MetropolisRecord
from ase_tito.errors import OutputError
from ase_tito.graph import MolecularGraph
from ase_tito.transfer.implicit import ImplicitTransferOperator

PREFIX = "tito_"
"""Of the keys in ``atoms.info``."""

METROPOLIS_PREFIX = PREFIX + "metropolis_"
"""Of the keys that only corrected runs write."""

PICOSECOND = 1000 * units.fs
"""In ASE's unit of time."""

_NO_SETTINGS = ("kind", "simulated_time")


@dataclass(frozen=True)
class FrameRecord:
    """What ``atoms.info`` says of a frame, each entry under ``tito_`` and its name.

    Attributes
    ----------
    model : str
    lag_time_ps : float
    seed, replica, jump : int
        Key of the noise that made the frame; jump 0 is where the run started.
    valid : bool
        Whether the frame is a valid geometry.
    first_valid : bool
        Whether the first proposal of this jump was.
    invalid_first_proposals, retries : int
        Totals over all jumps so far.
    reason : str
        What is wrong with the frame; empty where it is valid.
    time_ps : float or None
        Simulated time since jump 0; None, and not written, where it is undefined: in a corrected
        run.
    metropolis : MetropolisRecord or None
        Of a corrected run, each entry under ``tito_metropolis_`` and its name.
    """

    model: str
    lag_time_ps: float
    seed: int
    replica: int
    jump: int
    valid: bool
    first_valid: bool
    invalid_first_proposals: int
    retries: int
    reason: str = ""
    time_ps: float | None = None
    metropolis: MetropolisRecord | None = None

    @classmethod
    def of(cls, ensemble: TITOEnsemble, done: EnsembleJump, system: int) -> FrameRecord:
        """The record of one system after a jump, or of the start (`TITOEnsemble.assess`)."""
        metropolis = ensemble.metropolis_record(system)
        return cls(
            model=model_name(ensemble.operator),
            lag_time_ps=ensemble.lag_time_ps,
            seed=ensemble.seed,
            replica=ensemble.replicas[system],
            jump=done.jump,
            valid=bool(done.valid[system]),
            first_valid=bool(done.first_valid[system]),
            invalid_first_proposals=int(ensemble.invalid_first_proposals[system]),
            retries=int(ensemble.retries[system]),
            reason=done.reasons[system],
            time_ps=done.jump * ensemble.lag_time_ps if metropolis is None else None,
            metropolis=metropolis,
        )

    def write(self, info: MutableMapping[str, Any]) -> None:
        """Put the record into ``atoms.info``, in place of any other; what is None is left out."""
        own = {PREFIX + name: value for name, value in asdict(self).items()}
        corrected = own.pop(PREFIX + "metropolis") or {}
        own |= {METROPOLIS_PREFIX + name: value for name, value in corrected.items()}
        stale = [PREFIX + item.name for item in fields(FrameRecord)]
        stale += [METROPOLIS_PREFIX + item.name for item in fields(MetropolisRecord)]
        for key in stale:
            info.pop(key, None)
        info.update({key: value for key, value in own.items() if value is not None})

    def restore(self, ensemble: TITOEnsemble, system: int, positions: ArrayLike) -> None:
        """Take up a system of an ensemble at this frame, whose positions are (n, 3) in Å."""
        ensemble.restore(
            system,
            positions,
            invalid_first_proposals=self.invalid_first_proposals,
            retries=self.retries,
            metropolis=self.metropolis,
        )

    @property
    def counters(self) -> dict[str, int]:
        """Totals so far, for the trajectory's header."""
        return {
            "jumps": self.jump,
            "invalid_first_proposals": self.invalid_first_proposals,
            "retries": self.retries,
            **(self.metropolis.counters if self.metropolis else {}),
        }

    @classmethod
    def read(cls, info: Mapping[str, Any]) -> FrameRecord:
        """The record of a frame; OutputError if there is none."""
        missing = [name for name in _required(cls) if PREFIX + name not in info]
        if missing:
            raise OutputError(
                f"the frame was not written by ase_tito's dynamics: {PREFIX}{missing[0]} is "
                "missing from atoms.info"
            )
        metropolis = None
        if all(METROPOLIS_PREFIX + name in info for name in _required(MetropolisRecord)):
            metropolis = MetropolisRecord(**_entries(MetropolisRecord, METROPOLIS_PREFIX, info))
        return cls(**{**_entries(cls, PREFIX, info), "metropolis": metropolis})


def _required(kind: type) -> list[str]:
    return [
        item.name
        for item in fields(kind)
        if item.default is MISSING and item.default_factory is MISSING
    ]


def _entries(kind: type, prefix: str, info: Mapping[str, Any]) -> dict[str, Any]:
    names = [item.name for item in fields(kind) if prefix + item.name in info]
    return {name: info[prefix + name] for name in names}


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
            correction=None if ensemble.correction is None else ensemble.correction.to_dict(),
            after_jump=[step.to_dict() for step in ensemble.after_jump],
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-able entries."""
        return asdict(self)

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> RunRecord:
        """The record in a trajectory's description; OutputError if it is not one of ours."""
        missing = [name for name in _required(cls) if name not in description]
        if missing:
            raise OutputError(
                "the trajectory's header was not written by ase_tito's dynamics: it lacks "
                f"{', '.join(missing[:3])}{', …' if len(missing) > 3 else ''}"
            )
        return cls(**_entries(cls, "", description))

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
            return [
                f"{self.correction['kind']} to the energies of {self.correction['calculator']}: "
                "exact for their Boltzmann distribution; simulated time is undefined"
            ]
        if self.after_jump:
            steps = ", ".join(step["kind"] for step in self.after_jump)
            return [f"not exact: after each jump {steps} moved the sample"]
        return []

    def changes(self) -> list[str]:
        """What differs here and now, so that continuing may not give the same bits."""
        found = []
        if self.threads != torch.get_num_threads():
            found.append(f"{torch.get_num_threads()} threads instead of {self.threads}")
        if self.package_version != __version__:
            found.append(f"ase_tito {__version__} instead of {self.package_version}")
        return found


def _shown(correction: Mapping[str, Any] | None) -> str:
    if correction is None:
        return "none"
    settings = ", ".join(f"{k}={v}" for k, v in correction.items() if k not in _NO_SETTINGS)
    return f"{correction['kind']} ({settings})"


def model_name(operator: ImplicitTransferOperator) -> str:
    """What frames and header call the model."""
    return operator.name or "unnamed"


def weights_sha256(operator: ImplicitTransferOperator) -> str | None:
    """Hash of the weights of an operator's network; None where there is no network."""
    if not isinstance(operator.field, torch.nn.Module):
        return None
    digest = hashlib.sha256()
    for name, tensor in sorted(operator.field.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
