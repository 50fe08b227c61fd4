"""The Boltzmann prior: a learned equilibrium density, without condition and lag."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ase_tito.errors import ConfigError
from ase_tito.flow.field import VelocityField
from ase_tito.flow.frame import FreeFrame
from ase_tito.flow.ode import OdeSettings
from ase_tito.flow.prior import BoltzmannPriorVelocity
from ase_tito.flow.source import Source
from ase_tito.graph import MolecularGraph
from ase_tito.transfer.domain import NO_LAGS, Domain
from ase_tito.transfer.implicit import (
    DEFAULT_ODE,
    DENSITY_ODE,
    ImplicitTransferOperator,
    LogDensity,
)
from ase_tito.transfer.kernel import Transition

_ANY_LAG_PS = 1.0


@dataclass(frozen=True)
class PriorSamples:
    """Samples of a prior with their log-density.

    Attributes
    ----------
    positions : Tensor, shape (count, n, 3)
        In Å, centred.
    log_prob : Tensor, shape (count,)
        log p_eq in units of 1/Å^(3n − 3); NaN where an integration diverged.
    evaluations : int
        Evaluations of the velocity field; those for the divergence are not counted.
    """

    positions: Tensor
    log_prob: Tensor
    evaluations: int


@dataclass(frozen=True, eq=False)
class BoltzmannPrior:
    """Independent samples of a learned equilibrium p_eq(x; G, T), and its log-density.

    The density is that of centred positions of any orientation, on 3n − 3 dimensions (the frame
    'free'): it is invariant under rotations, and integrates to one over them.

    Parameters
    ----------
    field : VelocityField
        u_eq(z, s; G, T), which ignores condition and lag.
    source : Source
    domain : Domain
        Temperatures and molecules that it was trained for; lags do not matter.
    ode : OdeSettings
        Default integration of `sample`.
    name, card : str, optional
    """

    field: VelocityField
    source: Source
    domain: Domain
    ode: OdeSettings = DEFAULT_ODE
    name: str | None = None
    card: str | None = None

    def sample(
        self,
        graph: MolecularGraph,
        count: int,
        *,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
        temperature_K: float | None = None,
        ode: OdeSettings | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Transition:
        """Independent samples, centred, of shape (count, n, 3) in Å.

        Parameters
        ----------
        graph : MolecularGraph
        count : int
        noise, generator, temperature_K, ode
            As for `ImplicitTransferOperator.sample`.
        dtype : torch.dtype
            Of the samples.

        Raises
        ------
        DomainError
            For a temperature or a molecule that the prior was not trained for.
        TypeError
            Unless exactly one of `noise` and `generator` is given.
        """
        return self._transition.sample(
            graph,
            torch.zeros(count, graph.n_atoms, 3, dtype=dtype),
            _ANY_LAG_PS,
            noise=noise,
            generator=generator,
            temperature_K=temperature_K,
            ode=ode,
        )

    def sample_with_log_prob(
        self,
        graph: MolecularGraph,
        count: int,
        *,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
        temperature_K: float | None = None,
        ode: OdeSettings = DENSITY_ODE,
    ) -> PriorSamples:
        """Independent samples and log p_eq of each, both of one flow.

        Samples and density are integrated alike, so that the density is that of the samples within
        the integration's tolerance, which is tight by default: what weights need. For more than
        five digits use `in_float64`.

        Parameters
        ----------
        graph, count, noise, generator, temperature_K
            As for `sample`.
        ode : OdeSettings
            Of both integrations.
        """
        drawn = self.sample(
            graph,
            count,
            noise=noise,
            generator=generator,
            temperature_K=temperature_K,
            ode=ode,
            dtype=torch.float64,
        )
        finite = drawn.info.finite
        positions = drawn.positions.masked_fill(~finite[:, None, None], 0.0)
        density = self.log_prob(graph, positions, temperature_K=temperature_K, ode=ode)
        value = density.value.masked_fill(~finite, torch.nan)
        return PriorSamples(drawn.positions, value, drawn.info.evaluations + density.evaluations)

    def log_prob(
        self,
        graph: MolecularGraph,
        positions: Tensor,
        *,
        temperature_K: float | None = None,
        ode: OdeSettings | None = None,
        **estimate: Any,
    ) -> LogDensity:
        """The log-density log p_eq of positions (B, n, 3) or (n, 3) in Å, anywhere in space.

        Parameters
        ----------
        graph, positions, temperature_K
        ode : OdeSettings, optional
            By default dopri5 at tight tolerances.
        **estimate
            ``divergence`` and ``generator`` of `ImplicitTransferOperator.log_prob`.
        """
        return self._transition.log_prob(
            graph,
            positions,
            torch.zeros_like(positions),
            _ANY_LAG_PS,
            temperature_K=temperature_K,
            ode=ode,
            **estimate,
        )

    def in_float64(self) -> BoltzmannPrior:
        """The same prior with weights in double precision, and so all it computes."""
        return replace(self, field=in_float64(self.field))

    @property
    def _transition(self) -> ImplicitTransferOperator:
        """Equilibrium as a transition that forgets its condition, whatever the lag."""
        domain = replace(self.domain, lag_range_ps=(_ANY_LAG_PS, _ANY_LAG_PS))
        return ImplicitTransferOperator(
            self.field, self.source, FreeFrame(), domain, self.ode, self.name
        )


def prior_of(operator: ImplicitTransferOperator) -> BoltzmannPrior:
    """The prior within a transfer operator.

    Raises
    ------
    ConfigError
        If it has none.
    """
    if not isinstance(operator.field, BoltzmannPriorVelocity):
        raise ConfigError(
            f"{operator.name or 'this model'} has no Boltzmann prior: it was trained without"
        )
    return BoltzmannPrior(
        operator.field.equilibrium,
        operator.source,
        replace(operator.domain, lag_range_ps=NO_LAGS),
        operator.ode,
        operator.name,
        operator.card,
    )


def in_float64(field: VelocityField) -> VelocityField:
    """A copy of a network in double precision; a field that is no network is returned as it is."""
    return copy.deepcopy(field).double() if isinstance(field, torch.nn.Module) else field
