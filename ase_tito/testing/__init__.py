"""For tests of fields and kernels: an exactly solvable transition, and laws as assertions."""

from ase_tito.testing.assertions import (
    assert_equivariant,
    assert_independent_of_batch,
    assert_kernel_conforms,
    assert_kernel_equivariant,
    assert_kernel_independent_of_batch,
)
from ase_tito.testing.ornstein_uhlenbeck import (
    GaussianTransition,
    OrnsteinUhlenbeckField,
    ou_operator,
)

__all__ = [
    "GaussianTransition",
    "OrnsteinUhlenbeckField",
    "assert_equivariant",
    "assert_independent_of_batch",
    "assert_kernel_conforms",
    "assert_kernel_equivariant",
    "assert_kernel_independent_of_batch",
    "ou_operator",
]
