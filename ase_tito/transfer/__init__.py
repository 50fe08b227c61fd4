"""Transition kernels: draws from p(y | x, τ; G, T), and the density itself where there is one."""

from ase_tito.transfer.domain import Domain
from ase_tito.transfer.implicit import ImplicitTransferOperator, LogDensity
from ase_tito.transfer.kernel import Transition, TransitionInfo, TransitionKernel
from ase_tito.transfer.noise import keyed_generator, keyed_noise

__all__ = [
    "Domain",
    "ImplicitTransferOperator",
    "LogDensity",
    "Transition",
    "TransitionInfo",
    "TransitionKernel",
    "keyed_generator",
    "keyed_noise",
]
