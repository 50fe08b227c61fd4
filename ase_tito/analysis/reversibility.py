"""Is a sampled chain reversible? Forward against backward transition counts.

In equilibrium a molecule goes from state to state as often as back. A chain of model jumps need
not: nothing in a conditional sampler imposes detailed balance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ase_tito.analysis.markov import transition_counts
from ase_tito.errors import DataError


@dataclass(frozen=True)
class Reversibility:
    """Net fluxes between states, and whether chance explains them.

    Attributes
    ----------
    statistic : float
        Σ_{i<j} (c_ij − c_ji)² / (c_ij + c_ji), Bowker's measure of asymmetry.
    net_share : float
        Σ_{i<j} abs(c_ij − c_ji) / Σ_{i<j} (c_ij + c_ji): share of the transitions that are not
        undone.
    expected_share : float
        Its mean for a reversible chain with the same blocks.
    p_value : float
        Probability of a statistic as large for a reversible chain.
    transitions : int
        Between different states.
    blocks : int
    """

    statistic: float
    net_share: float
    expected_share: float
    p_value: float
    transitions: int
    blocks: int

    @property
    def excess_share(self) -> float:
        """The net share above what a reversible chain has by chance, at least zero."""
        return max(self.net_share - self.expected_share, 0.0)


def reversibility(
    state_trajectories: Sequence[ArrayLike],
    block_length: int,
    *,
    generator: np.random.Generator,
    lag: int = 1,
    permutations: int = 500,
) -> Reversibility:
    """Test a chain for reversibility.

    Parameters
    ----------
    state_trajectories : sequence of array_like of int, each of shape (T_i,)
        States of frames in equilibrium: leave out the relaxation from the start, which has a
        direction.
    block_length : int
        Frames per block, long against the slowest timescale.
    generator : numpy.random.Generator
    lag : int
        In frames.
    permutations : int

    Raises
    ------
    DataError
        For fewer than five blocks, or if there is no transition.

    Notes
    -----
    A block of a reversible chain is as likely as its time reverse, and blocks are independent. So
    the null distribution is had by transposing the count matrices of random blocks, however
    correlated the transitions within a block are. The test of a symmetric table, A. H. Bowker,
    J. Am. Stat. Assoc. 43, 572 (1948), takes transitions as independent, which those of a chain
    are not: what enters a state must leave it. Between two states there is no net flux in the
    long run, whatever the dynamics; three and more can be cycled through.
    """
    sums = transition_counts(state_trajectories, lag, block_length=block_length)
    if len(sums.pairs) < 5:
        raise DataError(
            f"{len(sums.pairs)} blocks are too few to tell reversible from irreversible; use"
            " shorter blocks or more data"
        )
    upper = np.triu_indices(sums.values.shape[1], 1)
    forward = sums.values[:, upper[0], upper[1]]
    backward = sums.values[:, upper[1], upper[0]]
    total = (forward + backward).sum(0)
    seen = total > 0
    if not seen.any():
        raise DataError("no transition between states: nothing can be said of reversibility")
    net, total = (forward - backward)[:, seen], total[seen]
    signs = generator.choice([-1.0, 1.0], size=(permutations + 1, len(net)))
    signs[0] = 1.0
    fluxes = signs @ net
    statistics = (fluxes**2 / total).sum(1)
    shares = np.abs(fluxes).sum(1) / total.sum()
    return Reversibility(
        float(statistics[0]),
        float(shares[0]),
        float(shares[1:].mean()),
        float(np.mean(statistics >= statistics[0] * (1 - 1e-12))),
        int(total.sum()),
        len(net),
    )
