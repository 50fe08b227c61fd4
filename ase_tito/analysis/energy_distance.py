"""The energy distance between two samples, with a permutation test for pairs.

E = 2⟨‖X−Y‖⟩ − ⟨‖X−X'‖⟩ − ⟨‖Y−Y'‖⟩ is zero only for equal distributions, in any dimension and
without bins. G. J. Székely, M. L. Rizzo, J. Stat. Plan. Inference 143, 1249 (2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from ase_tito.analysis.histograms import as_samples
from ase_tito.errors import DataError

MOST_PAIRS = 4000
"""Beyond this the matrix of distances would not fit into a GB or so."""


@dataclass(frozen=True)
class EnergyTest:
    """Two samples compared.

    Attributes
    ----------
    coefficient : float
        E / 2⟨‖X−Y‖⟩: 0 for equal samples, 1 for two different points.
    expected : float
        Its mean where both samples come from one distribution: what finite samples give.
    p_value : float
        Probability of a coefficient as large if they do.
    pairs : int
    """

    coefficient: float
    expected: float
    p_value: float
    pairs: int

    @property
    def excess(self) -> float:
        """The coefficient above what finite samples give, at least zero."""
        return max(self.coefficient - self.expected, 0.0)


def paired_energy_test(
    first: ArrayLike,
    second: ArrayLike,
    *,
    generator: np.random.Generator,
    permutations: int = 500,
) -> EnergyTest:
    """Do two samples, drawn pairwise under the same conditions, have one distribution?

    Parameters
    ----------
    first, second : array_like, shape (P, d)
        Row k of both was drawn under the same condition (for instance from the same starting
        frame), so that under the null hypothesis the two may be swapped.
    generator : numpy.random.Generator
    permutations : int
        Random swaps; the p-value is 1/(permutations + 1) at least.

    Raises
    ------
    DataError
        For samples of different shapes, or more than `MOST_PAIRS`.
    """
    x, y = as_samples(first), as_samples(second)
    if x.shape != y.shape:
        raise DataError(f"paired samples differ in shape: {x.shape} and {y.shape}")
    if not 2 <= len(x) <= MOST_PAIRS:
        raise DataError(f"the test takes 2 to {MOST_PAIRS} pairs, not {len(x)}; thin them")
    every = np.concatenate([x, y])
    distances = cdist(every, every)
    # With signs s = ±1 for the two samples, E = −sᵀ D s / P² and 4 P² ⟨‖X−Y‖⟩ = 1ᵀ D 1 − sᵀ D s.
    swaps = generator.choice([-1.0, 1.0], size=(permutations + 1, len(x)))
    swaps[0] = 1.0
    signs = np.concatenate([swaps, -swaps], axis=1)
    forms = np.einsum("rp,rp->r", signs @ distances, signs)
    across = (distances.sum() - forms) / 2
    if across[0] <= 0:
        raise DataError("all samples are the same point: there is nothing to compare")
    coefficients = -forms / across
    return EnergyTest(
        float(coefficients[0]),
        float(coefficients[1:].mean()),
        # The sample itself is one of the permutations.
        float(np.mean(coefficients >= coefficients[0] - 1e-12)),
        len(x),
    )
