"""What happens to invalid samples, and which options go together."""

from __future__ import annotations

from typing import Literal, get_args

from ase_tito.dynamics.metropolis import MetropolisHastings
from ase_tito.dynamics.systems import is_integer
from ase_tito.errors import ConfigError
from ase_tito.flow.ode import OdeSettings

OnInvalid = Literal["retry", "raise", "keep", "hold"]


def check_correction(
    correction: MetropolisHastings | None, on_invalid: str, ode: OdeSettings | None
) -> None:
    """Refuse what is no correction, and options that one would ignore."""
    if correction is None:
        return
    if not isinstance(correction, MetropolisHastings):
        raise ConfigError(f"correction must be a MetropolisHastings, not {correction!r}")
    if on_invalid != "retry":
        raise ConfigError(
            f"on_invalid={on_invalid!r} means nothing under Metropolis-Hastings, where an invalid "
            "proposal is a rejection"
        )
    if ode is not None:
        raise ConfigError(
            "ode means nothing under Metropolis-Hastings: pass MetropolisHastings a quadrature"
        )


def check_policy(on_invalid: str, max_retries: int) -> None:
    """Raise ConfigError for an unknown `on_invalid` or a negative `max_retries`."""
    if on_invalid not in get_args(OnInvalid):
        known = ", ".join(map(repr, get_args(OnInvalid)))
        raise ConfigError(f"on_invalid must be one of {known}, not {on_invalid!r}")
    if not is_integer(max_retries) or max_retries < 0:
        raise ConfigError(f"max_retries must be a non-negative integer, not {max_retries!r}")
