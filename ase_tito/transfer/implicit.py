"""The implicit transfer operator: a transition density given by a continuous normalizing flow.

Schreiner, Winther, Olsson, NeurIPS 2023; Viguera Diez, Schreiner, Olsson, arXiv 2510.07589.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ase_tito.errors import GraphError, warn
from ase_tito.flow.divergence import basis_directions, random_directions
from ase_tito.flow.field import VelocityField
from ase_tito.flow.frame import Frame
from ase_tito.flow.ode import OdeSettings, integrate, integrate_log_density
from ase_tito.flow.source import Source, check_centre
from ase_tito.geometry import centre
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.transfer.domain import Domain
from ase_tito.transfer.jump import PreparedJump, as_batch, batched, prepare_jump
from ase_tito.transfer.kernel import Transition, TransitionInfo
from ase_tito.transfer.noise import keyed_noise
from ase_tito.transfer.start import draw_start, start_log_prob

SHORTEST_MARKOVIAN_LAG_PS = 10.0
"""Nested jumps shorter than this mean little: positions alone remember their velocities."""

DEFAULT_ODE = OdeSettings()
"""Default of `ImplicitTransferOperator.sample`."""

DENSITY_ODE = OdeSettings(method="dopri5", rtol=1e-6, atol=1e-6)
"""Default of `ImplicitTransferOperator.log_prob`."""


@dataclass(frozen=True)
class LogDensity:
    """Log-densities of transitions.

    Attributes
    ----------
    value : Tensor, shape (B,)
        log p(y | x, τ) in units of 1/Å^d, d the dimension of the frame's subspace.
    evaluations : int
        Evaluations of the velocity field; those for the divergence are not counted.
    """

    value: Tensor
    evaluations: int


@dataclass(frozen=True, eq=False)
class ImplicitTransferOperator:
    """Draws y ~ p(y | x, τ; G, T) by one integration of a conditional flow, and gives its density.

    Parameters
    ----------
    field : VelocityField
        u(z, s | x, τ, T, G). If it is a `torch.nn.Module`, its parameters decide the precision of
        the integration; otherwise the given positions do.
    source : Source
        Distribution of z_0.
    frame : Frame
        The subspace in which y lies: see `ase_tito.flow.frame`.
    domain : Domain
        What the field was trained for; anything outside is refused.
    ode : OdeSettings
        Default integration of `sample`.
    name : str, optional
    card : str, optional
        Text on the model: data, training, figures.

    Raises
    ------
    ConfigError
        If the source is centred on the condition in the frame 'free'.
    """

    field: VelocityField
    source: Source
    frame: Frame
    domain: Domain
    ode: OdeSettings = DEFAULT_ODE
    name: str | None = None
    card: str | None = None

    def __post_init__(self) -> None:
        check_centre(self.source.centre, self.frame)

    def sample(
        self,
        graph: MolecularGraph | GraphBatch,
        positions: Tensor,
        lag_time_ps: float | Tensor,
        *,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
        temperature_K: float | Tensor | None = None,
        ode: OdeSettings | None = None,
    ) -> Transition:
        """Positions a lag time after the given ones.

        Parameters
        ----------
        graph : MolecularGraph or GraphBatch
            One molecule (every system is a replica of it), or a batch of B systems.
        positions : Tensor, shape (N, 3) or (B, N, 3)
            x in Å, anywhere in space; what stands in padded places is ignored.
        lag_time_ps : float or Tensor of shape (B,)
            τ in ps.
        noise : Tensor of the shape of `positions`, optional
            Standard normal numbers that decide the sample: see `keyed_noise`.
        generator : torch.Generator, optional
            Draws the noise instead; such draws depend on how systems are batched.
        temperature_K : float or Tensor of shape (B,), optional
            Needed only where the model was trained at more than one temperature.
        ode : OdeSettings, optional
            In place of the operator's own.

        Returns
        -------
        Transition
            Positions of the shape, dtype and centroids of the given ones.

        Raises
        ------
        DomainError
            For a lag, a temperature or a molecule the model was not trained for.
        GraphError
            If positions do not fit the graph, or are not finite.
        TypeError
            Unless exactly one of `noise` and `generator` is given.
        """
        start = time.perf_counter()
        if (noise is None) == (generator is None):
            raise TypeError("pass exactly one of noise and generator")
        with torch.inference_mode():
            jump = self.prepare(graph, positions, lag_time_ps, temperature_K)
            if noise is None:
                noise = torch.randn(
                    jump.x.shape,
                    generator=generator,
                    dtype=jump.x.dtype,
                    device=None if generator is None else generator.device,
                )
            elif noise.shape != positions.shape:
                raise GraphError(
                    f"noise has shape {tuple(noise.shape)}, positions {tuple(positions.shape)}"
                )
            noise = noise.to(jump.x.device, jump.x.dtype).view_as(jump.x)
            # NaN in the padding of the noise would survive a product with zero
            noise = noise.masked_fill(~jump.batch.mask[..., None], 0.0)
            z = draw_start(self.source, jump, noise)
            result = integrate(jump.velocity, z, ode or self.ode, jump.batch.mask)
            y = centre(result.positions.double(), jump.batch.mask)
            finite = y.isfinite().flatten(1).all(1)
            y = (y + jump.centroid) * jump.batch.mask[..., None]
        # Copies made outside inference mode are ordinary tensors, fit for autograd and for writing.
        moved = y.view(positions.shape).to(positions.dtype, copy=True)
        info = TransitionInfo(result.evaluations, time.perf_counter() - start, finite.clone())
        return Transition(moved, info)

    def log_prob(
        self,
        graph: MolecularGraph | GraphBatch,
        y: Tensor,
        x: Tensor,
        lag_time_ps: float | Tensor,
        *,
        temperature_K: float | Tensor | None = None,
        ode: OdeSettings | None = None,
        divergence: Literal["exact", "hutchinson"] = "exact",
        generator: torch.Generator | None = None,
    ) -> LogDensity:
        """The log-density log p(y | x, τ) on the frame's subspace.

        In the frame 'free' that is the density of centred positions, on 3n − 3 dimensions. In the
        frame 'condition' y is superposed on x first, and the density is that on the 3n − 6
        dimensional E_x, with respect to which the source has the covariance P Σ P.

        Parameters
        ----------
        graph : MolecularGraph or GraphBatch
        y, x : Tensor, shape (N, 3) or (B, N, 3)
            Positions after and before the lag, in Å, anywhere in space.
        lag_time_ps : float or Tensor of shape (B,)
        temperature_K : float or Tensor of shape (B,), optional
        ode : OdeSettings, optional
            By default dopri5 at tight tolerances, whatever `sample` uses: the density of the exact
            flow. For more than five digits the field has to be in float64.
        divergence : {'exact', 'hutchinson'}
            Hutchinson's estimator needs one derivative per evaluation instead of 3n − 3, and gives
            an unbiased, noisy log-density.
        generator : torch.Generator, optional
            For 'hutchinson', which needs one.

        Returns
        -------
        LogDensity
            NaN where the integration diverged.

        Raises
        ------
        DomainError, GraphError
            As `sample`.
        TypeError
            If 'hutchinson' has no generator, or 'exact' has one.
        """
        if divergence not in ("exact", "hutchinson"):
            raise TypeError(f"divergence must be 'exact' or 'hutchinson', not {divergence!r}")
        if (divergence == "hutchinson") == (generator is None):
            raise TypeError("divergence='hutchinson' needs a generator, 'exact' takes none")
        if y.shape != x.shape:
            raise GraphError(f"y has shape {tuple(y.shape)}, x {tuple(x.shape)}")
        with torch.no_grad():
            jump = self.prepare(graph, x, lag_time_ps, temperature_K)
            mask = jump.batch.mask
            target = batched(y, jump.batch, "y").double()
            target = self.frame.align(centre(target, mask), jump.x.double()).to(jump.x.dtype)
            basis = self.frame.basis(jump.x, mask)
            if generator is None:
                directions = basis_directions(basis)
            else:
                directions = random_directions(jump.project, target, generator)
            result = integrate_log_density(
                jump.velocity, jump.project(target), ode or DENSITY_ODE, mask, directions
            )
            value = start_log_prob(self.source, jump, result.source, basis) + result.change
        return LogDensity(value.to(y.dtype), result.evaluations)

    def iterate(
        self,
        graph: MolecularGraph | GraphBatch,
        positions: Tensor,
        lag_time_ps: float,
        jumps: int,
        *,
        seed: int,
        replicas: Sequence[int] | None = None,
        first_jump: int = 0,
        temperature_K: float | None = None,
        ode: OdeSettings | None = None,
    ) -> Iterator[Transition]:
        """Nested jumps: each sample is the next condition.

        Parameters
        ----------
        graph, positions, lag_time_ps, temperature_K, ode
            As for `sample`.
        jumps : int
            How many.
        seed : int
            The noise is keyed by (seed, replica, jump): same key, same trajectory, however the
            replicas are batched and however often the run is interrupted.
        replicas : sequence of int, optional
            Keys of the B systems; 0, 1, …, B − 1 by default.
        first_jump : int
            Number of the first jump, to go on where another run ended.

        Yields
        ------
        Transition
            One per jump.

        Warns
        -----
        TITOWarning
            For nested jumps below 10 ps, where positions alone are not Markovian.
        """
        lag = float(lag_time_ps)
        self.domain.check_lag(lag)
        if lag < SHORTEST_MARKOVIAN_LAG_PS and jumps > 1:
            warn(
                f"nested jumps of {lag:g} ps: below {SHORTEST_MARKOVIAN_LAG_PS:g} ps positions "
                "alone are not Markovian, and the kinetics of nested jumps are unreliable"
            )
        batch = as_batch(graph, positions)
        keys = range(batch.n_systems) if replicas is None else replicas
        if len(keys) != batch.n_systems:
            raise GraphError(f"{len(keys)} replica keys for {batch.n_systems} systems")

        def run(x: Tensor) -> Iterator[Transition]:
            counts = batch.n_atoms.tolist()
            for jump in range(first_jump, first_jump + jumps):
                noise = keyed_noise(
                    counts, batch.mask.shape[1], seed, keys, jump, dtype=x.dtype, device=x.device
                )
                transition = self.sample(
                    batch, x, lag, noise=noise.view_as(x), temperature_K=temperature_K, ode=ode
                )
                yield transition
                x = transition.positions

        return run(positions)

    def prepare(
        self,
        graph: MolecularGraph | GraphBatch,
        positions: Tensor,
        lag_time_ps: float | Tensor,
        temperature_K: float | Tensor | None = None,
    ) -> PreparedJump:
        """What sampling and density share; arguments and errors as those of `sample`."""
        given = (graph, positions, lag_time_ps, temperature_K)
        return prepare_jump(self.field, self.frame, self.domain, self.name, *given)
