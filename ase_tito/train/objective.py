"""The flow-matching objective."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ase_tito.architecture import Network
from ase_tito.data.pairs import PairBatch
from ase_tito.flow.coupling import Coupling, CouplingDraws
from ase_tito.flow.frame import Frame
from ase_tito.flow.path import linear_path
from ase_tito.flow.source import Source
from ase_tito.graph import GraphBatch


class FlowMatchingObjective(nn.Module):
    """Conditional flow matching on lagged pairs (Lipman et al., arXiv 2210.02747).

    The squared error of the velocity along the linear path, averaged over a molecule's atoms: a
    molecule weighs the same whatever its size.

    Parameters
    ----------
    network : Network
    source : Source
    frame : Frame
    coupling : Coupling
        One that the frame allows.
    compile : bool
        Compile the network with `torch.compile`.
    precision : {'float32', 'bfloat16'}
        Of the network's matrix products (autocast); all else is float32.
    """

    def __init__(
        self,
        network: Network,
        source: Source,
        frame: Frame,
        coupling: Coupling,
        *,
        compile: bool = False,
        precision: str = "float32",
    ) -> None:
        super().__init__()
        self._reduced = precision == "bfloat16"
        self.network, self.source, self.frame, self.coupling = network, source, frame, coupling
        self._predict: Callable[..., Tensor] = self._velocity
        if compile:  # the network alone: frames hold decompositions and checks
            self._predict = torch.compile(self._velocity, dynamic=False)

    def forward(self, pairs: PairBatch, noise: Tensor, s: Tensor, draws: CouplingDraws) -> Tensor:
        """Loss of each pair in Å², shape (B,).

        Parameters
        ----------
        pairs : PairBatch
        noise : Tensor, shape (B, N, 3)
            Standard normal.
        s : Tensor, shape (B,)
            Flow times.
        draws : CouplingDraws
        """
        graphs, condition = pairs.graphs, pairs.condition
        project = self.frame.projector(condition, graphs.mask)
        target = self.frame.align(pairs.target, condition)
        source = project(self.source.sample(graphs, noise)) + self.source.mean(condition)
        source, target = self.coupling.couple(source, target, graphs, self.frame, draws)
        z, velocity = linear_path(source, target, s)
        with torch.autocast(condition.device.type, torch.bfloat16, enabled=self._reduced):
            predicted = self._predict(graphs, condition, pairs.lag_time, pairs.temperature, z, s)
        error = project(predicted.to(velocity.dtype)) - velocity
        return error.square().sum((1, 2)) / graphs.n_atoms

    def _velocity(
        self,
        graphs: GraphBatch,
        condition: Tensor,
        lag_time: Tensor,
        temperature: Tensor,
        z: Tensor,
        s: Tensor,
    ) -> Tensor:
        context = self.network.encode(graphs, condition, lag_time, temperature)
        velocity: Tensor = self.network(z, s, context)
        return velocity
