"""What every frame says about a run."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from numpy.typing import ArrayLike

from ase_tito.dynamics.ensemble import TITOEnsemble
from ase_tito.dynamics.jump import EnsembleJump
from ase_tito.dynamics.metropolis import MetropolisRecord
from ase_tito.errors import OutputError
from ase_tito.transfer.implicit import ImplicitTransferOperator

PREFIX = "tito_"
"""Of the keys in ``atoms.info``."""

METROPOLIS_PREFIX = PREFIX + "metropolis_"
"""Of the keys that only corrected runs write."""


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
        missing = [name for name in required(cls) if PREFIX + name not in info]
        if missing:
            raise OutputError(
                f"the frame was not written by ase_tito's dynamics: {PREFIX}{missing[0]} is "
                "missing from atoms.info"
            )
        metropolis = None
        if all(METROPOLIS_PREFIX + name in info for name in required(MetropolisRecord)):
            metropolis = MetropolisRecord(**entries(MetropolisRecord, METROPOLIS_PREFIX, info))
        return cls(**{**entries(cls, PREFIX, info), "metropolis": metropolis})


def required(kind: type) -> list[str]:
    """Names of a dataclass's fields that have no default."""
    return [
        item.name
        for item in fields(kind)
        if item.default is MISSING and item.default_factory is MISSING
    ]


def entries(kind: type, prefix: str, info: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a dataclass's fields that are there, under a prefix."""
    names = [item.name for item in fields(kind) if prefix + item.name in info]
    return {name: info[prefix + name] for name in names}


def model_name(operator: ImplicitTransferOperator) -> str:
    """What frames and header call the model."""
    return operator.name or "unnamed"
