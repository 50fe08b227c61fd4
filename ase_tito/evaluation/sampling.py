"""Sampling one molecule as a plan says, in parts that are kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ase_tito.evaluation.samples import Samples, joined, sample_chain, sample_jumps
from ase_tito.evaluation.settings import SamplingPlan
from ase_tito.evaluation.store import SampleStore
from ase_tito.graph import MolecularGraph
from ase_tito.transfer.implicit import ImplicitTransferOperator

SEGMENT = 32
"""Nested jumps in one file: what a kill may cost."""

PART = 1024
"""Single jumps in one file."""

Progress = Callable[[str, float], object]
"""Name of a step, and the share of it that is done."""


@dataclass(frozen=True, eq=False)
class Sampler:
    """A model, one molecule, and where its samples are kept.

    Attributes
    ----------
    operator : ImplicitTransferOperator
    graph : MolecularGraph
    plan : SamplingPlan
    store : SampleStore
    options : dict
        ``temperature_K``, ``seed``, ``ode`` and ``batch_size`` of `sample_chain`.
    progress : callable
    """

    operator: ImplicitTransferOperator
    graph: MolecularGraph
    plan: SamplingPlan
    store: SampleStore
    options: dict[str, Any] = field(default_factory=dict)
    progress: Progress = lambda _, __: None

    def nested(self, starts: NDArray[np.float32]) -> Samples:
        """Nested jumps of all replicas, from frames (R, n, 3)."""
        segments: list[Samples] = []
        for first in range(0, self.plan.jumps, SEGMENT):
            count = min(SEGMENT, self.plan.jumps - first)
            make = partial(
                sample_chain,
                self.operator,
                self.graph,
                segments[-1].positions[-1] if segments else starts,
                self.plan.lag_time_ps,
                count,
                first_jump=first,
                **self.options,
            )
            segments.append(self.store.get(f"nested-{first:05d}-{count}", make)[0])
            self.progress("nested jumps", (first + count) / self.plan.jumps)
        return joined(segments)

    def single(self, starts: NDArray[np.float32]) -> Samples:
        """One jump from each of the frames (P, n, 3)."""
        parts = []
        for first in range(0, len(starts), PART):
            some = starts[first : first + PART]
            make = partial(
                sample_jumps,
                self.operator,
                self.graph,
                some,
                self.plan.lag_time_ps,
                # of other keys than those of the nested jumps, whose first are alike
                first_replica=self.plan.replicas + first,
                **self.options,
            )
            parts.append(self.store.get(f"single-{first:06d}-{len(some)}", make)[0])
            self.progress("single jumps", (first + len(some)) / len(starts))
        return joined(parts, axis=1)
