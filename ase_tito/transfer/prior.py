"""The Boltzmann prior: a learned equilibrium density, without condition and lag."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ase_tito.errors import ConfigError
from ase_tito.flow.divergence import basis_directions
from ase_tito.flow.field import VelocityField, in_float64
from ase_tito.flow.frame import FreeFrame
from ase_tito.flow.gradient import log_density_gradient
from ase_tito.flow.ode import OdeSettings
from ase_tito.flow.prior import BoltzmannPriorVelocity
from ase_tito.flow.source import Source
from ase_tito.geometry import centre
from ase_tito.graph import MolecularGraph
from ase_tito.transfer.domain import NO_LAGS, Domain
from ase_tito.transfer.implicit import (
    DEFAULT_ODE,
    DENSITY_ODE,
    ImplicitTransferOperator,
    LogDensity,
)
from ase_tito.transfer.jump import PreparedJump, batched
from ase_tito.transfer.kernel import Transition

GRADIENT_ODE = OdeSettings(method="rk4", steps=6)
"""Default of `BoltzmannPrior.log_prob_gradient`."""

ANY_LAG_PS = 1.0
"""A lag for `BoltzmannPrior.transition`, which does not care."""


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
    coupling : str, optional
        Of source and target in training, where it is known: the score needs 'independent'.
    """

    field: VelocityField
    source: Source
    domain: Domain
    ode: OdeSettings = DEFAULT_ODE
    name: str | None = None
    card: str | None = None
    coupling: str | None = None

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
        ConfigError
            For a count that is no positive integer.
        DomainError
            For a temperature or a molecule that the prior was not trained for.
        TypeError
            Unless exactly one of `noise` and `generator` is given.
        """
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ConfigError(f"count must be a positive integer, not {count!r}")
        return self.transition.sample(
            graph,
            torch.zeros(count, graph.n_atoms, 3, dtype=dtype),
            ANY_LAG_PS,
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
        return self.transition.log_prob(
            graph,
            positions,
            torch.zeros_like(positions),
            ANY_LAG_PS,
            temperature_K=temperature_K,
            ode=ode,
            **estimate,
        )

    def log_prob_gradient(
        self,
        graph: MolecularGraph,
        positions: Tensor,
        *,
        temperature_K: float | None = None,
        ode: OdeSettings = GRADIENT_ODE,
    ) -> tuple[Tensor, Tensor]:
        """Log p_eq of positions (B, n, 3), shape (B,), and its gradient (B, n, 3) in 1/Å.

        The gradient is the exact derivative of the value as it is integrated, on a fixed grid: see
        `ase_tito.flow.gradient.log_density_gradient`.

        Raises
        ------
        ConfigError
            For the methods 'multistep' and 'dopri5'.
        DomainError, GraphError
            As `log_prob`.
        """
        jump, x = self._flow(graph, positions, temperature_K)
        basis = FreeFrame().basis(x, jump.batch.mask)
        value, gradient = log_density_gradient(
            jump.velocity,
            x,
            lambda z: self.source.log_prob(jump.batch, z, basis),
            ode,
            basis_directions(basis),
        )
        return value, centre(gradient, jump.batch.mask)

    def score(
        self,
        graph: MolecularGraph,
        positions: Tensor,
        *,
        temperature_K: float | None = None,
        flow_time: float = 0.99,
    ) -> Tensor:
        """An approximation of ∇ log p_eq (B, n, 3) in 1/Å, of one evaluation of the velocity.

        For the straight path z_s = (1 − s) z_0 + s y from z_0 ~ N(0, C), independent of y, the law
        of z_s has the score −C⁺(z − s u(z, s)) / (1 − s). It is taken at z = s x, for an s near 1:
        an error δu of the velocity becomes s² C⁺ δu / (1 − s), and s = 1 itself is 0/0.

        Raises
        ------
        ConfigError
            For a prior that was trained with another coupling, or with one that is not known.
        DomainError, GraphError
            As `log_prob`.
        """
        if self.coupling != "independent":
            raise ConfigError(
                f"{self.name or 'this prior'} has no known score: it was trained with the coupling "
                f"{self.coupling!r}, and only 'independent' has one; use the exact gradient"
            )
        if not 0 < flow_time < 1:
            raise ConfigError(f"flow_time must lie between 0 and 1, not {flow_time}")
        jump, x = self._flow(graph, positions, temperature_K)
        s = flow_time
        with torch.no_grad():
            difference = x - jump.velocity(s * x, x.new_full((len(x),), s))
        root = torch.from_numpy(self.source.standard_deviation(graph)).to(x)
        stiffness = torch.linalg.pinv(root @ root, hermitian=True)
        return -(s**2) / (1 - s) * (stiffness @ difference)

    def in_float64(self) -> BoltzmannPrior:
        """The same prior with weights in double precision, and so all it computes."""
        return replace(self, field=in_float64(self.field))

    def _flow(
        self, graph: MolecularGraph, positions: Tensor, temperature_K: float | None
    ) -> tuple[PreparedJump, Tensor]:
        """The velocity, and centred positions (B, n, 3) in its precision."""
        with torch.no_grad():
            condition = torch.zeros_like(positions)
            jump = self.transition.prepare(graph, condition, ANY_LAG_PS, temperature_K)
            x = batched(positions, jump.batch, "positions").double()
            return jump, centre(x, jump.batch.mask).to(jump.x.dtype)

    @property
    def transition(self) -> ImplicitTransferOperator:
        """Equilibrium as a transition that forgets its condition, whatever the lag."""
        domain = replace(self.domain, lag_range_ps=(ANY_LAG_PS, ANY_LAG_PS))
        given = self.field, self.source, FreeFrame(), domain, self.ode, self.name
        return ImplicitTransferOperator(*given)


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
        operator.field.coupling,
    )
