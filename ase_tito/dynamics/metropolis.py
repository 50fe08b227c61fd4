"""Metropolis-Hastings as a correction of a run: its settings, and what frames say of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ase_tito.errors import ConfigError
from ase_tito.flow.density import Quadrature
from ase_tito.transfer.source_moves import check_step

ODE_TOLERANCE = 0.05
"""Of the log ratio, against an integration ten times tighter."""

UNDEFINED_TIME = "undefined: accepted and repeated states sample the ensemble and are no dynamics"


class MetropolisHastings:
    """Makes the frames of a run follow exp(−U/kT), U from any ASE calculator.

    Each jump is a proposal. It is accepted with the probability that leaves the Boltzmann
    distribution of the calculator as it is (`ase_tito.transfer.metropolis`); otherwise the state
    before is kept, and written again. **Simulated time is undefined then**: what is exact is the
    stationary distribution, restricted to valid geometries (bonds, clashes and stereochemistry as
    they are checked elsewhere), and not the kinetics. A proposal that is no valid geometry is
    rejected, and never drawn again.

    Parameters
    ----------
    calculator : ase calculator
        Gives energies that translations do not change, nor, for models of the frame 'condition',
        rotations. Equal positions must give equal energies.
    source_step : float, optional
        Propose no jumps of the model, but moves of this step 0 < b ≤ 1 in the source space of its
        Boltzmann prior (`ase_tito.transfer.source_moves`): √(1 − b²) of the state's place there is
        kept. Small steps are accepted more often; 1 draws independent samples of the prior. The lag
        then means nothing.
    proposals : int
        Most proposals of one replica that are evaluated in one batch. All come from the current
        state; the first that is accepted is the next state, and those drawn after it are
        discarded, so that the chain is the same for any number. A batch after an acceptance is of
        one proposal, and each further one twice as large. With several replicas the batch is made
        of these, one proposal each.
    quadrature : Quadrature
        Integration of paths and densities, in float64.
    check_every : int
        Jumps between measurements of the error of the integration, each against one ten times
        tighter. It warns where the log ratio is off by more than 0.05.

    Raises
    ------
    ConfigError
        For values that make no sense.
    """

    def __init__(
        self,
        calculator: Any,
        *,
        source_step: float | None = None,
        proposals: int = 16,
        quadrature: Quadrature | None = None,
        check_every: int = 50,
    ) -> None:
        if isinstance(calculator, type) or not hasattr(calculator, "get_potential_energy"):
            raise ConfigError(f"Metropolis-Hastings needs an ASE calculator, not {calculator!r}")
        for name, value in (("proposals", proposals), ("check_every", check_every)):
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(f"{name} must be a positive integer, not {value!r}")
        if quadrature is not None and not isinstance(quadrature, Quadrature):
            raise ConfigError(f"quadrature must be a Quadrature, not {quadrature!r}")
        if source_step is not None:
            check_step(source_step)
        self.calculator = calculator
        self.source_step = None if source_step is None else float(source_step)
        self.proposals = proposals
        self.quadrature = Quadrature() if quadrature is None else quadrature
        self.check_every = check_every

    def to_dict(self) -> dict[str, Any]:
        """JSON-able description for the trajectory's header."""
        own = {} if self.source_step is None else {"source_step": self.source_step}
        return {
            "kind": "Metropolis-Hastings",
            "calculator": type(self.calculator).__name__,
            **own,
            "proposals": self.proposals,
            "nodes": self.quadrature.nodes,
            "steps": self.quadrature.steps,
            "check_every": self.check_every,
            "simulated_time": UNDEFINED_TIME,
        }


@dataclass(frozen=True)
class MetropolisRecord:
    """What ``atoms.info`` says of a corrected frame, under ``tito_metropolis_`` and these names.

    Attributes
    ----------
    energy_eV : float
        Of the state.
    log_density : float or None
        log p_eq of the state, for moves in the source space of the prior.
    accepted : bool
        Whether the jump's proposal was.
    log_ratio : float or None
        Of the jump's proposal; None where it was rejected without one.
    acceptances : int
        So far, as all that follow.
    last_accepted : int
        The jump from which the state dates.
    ratios : int
        Proposals with a log ratio, all others having been invalid.
    log_ratio_sum, log_ratio_squares : float
        Sums over these.
    next_check : int
        From which jump on the next proposal with a ratio is integrated again.
    ode_error : float or None
        Largest error of a log ratio that was measured.
    evaluations, divergences, energies : int
        Spent on this replica, discarded proposals included: velocities, exact divergences and
        energies of the calculator.
    """

    energy_eV: float
    accepted: bool = False
    log_ratio: float | None = None
    acceptances: int = 0
    last_accepted: int = 0
    ratios: int = 0
    log_ratio_sum: float = 0.0
    log_ratio_squares: float = 0.0
    next_check: int = 1
    ode_error: float | None = None
    evaluations: int = 0
    divergences: int = 0
    energies: int = 1
    log_density: float | None = None

    @property
    def spread(self) -> float:
        """Standard deviation of the log ratio; nan before the second."""
        if self.ratios < 2:
            return math.nan
        variance = self.log_ratio_squares / self.ratios - (self.log_ratio_sum / self.ratios) ** 2
        return math.sqrt(max(variance, 0.0) * self.ratios / (self.ratios - 1))

    @property
    def counters(self) -> dict[str, int]:
        """Totals for the trajectory's header."""
        names = ("acceptances", "evaluations", "divergences", "energies")
        return {name: getattr(self, name) for name in names}


def block_of(offset: int, largest: int) -> tuple[int, int]:
    """First and last proposal, counted from 1, of the batch that holds the one of this number.

    Batches of 1, 2, 4, ... up to the largest: what is wasted at an acceptance is at most about what
    was used, and a restart finds the same batches.
    """
    first, size = 1, 1
    while offset >= first + size:
        first, size = first + size, min(2 * size, largest)
    return first, first + size - 1
