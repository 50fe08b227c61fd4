"""Do a molecule's runs mix? Crossings of the slowest coordinate of its torsions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ase_tito.analysis.features import torsion_features
from ase_tito.analysis.mixing import Mixing, mixing
from ase_tito.analysis.tica import tica
from ase_tito.analysis.torsions import Torsion, proper_torsions
from ase_tito.canonical import canonical_ranks
from ase_tito.errors import DataError
from ase_tito.graph import MolecularGraph

LAG_PS = 10.0


def run_mixing(
    runs: Sequence[ArrayLike], graph: MolecularGraph, frame_spacing_ps: float
) -> Mixing | None:
    """Crossings of the first TICA component of all torsions that tell conformers apart.

    Parameters
    ----------
    runs : sequence of array_like, each of shape (T_i, n, 3)
        Positions in Å of one molecule.
    graph : MolecularGraph
    frame_spacing_ps : float

    Returns
    -------
    Mixing or None
        None where there is no such torsion, or too little data to find a slow coordinate.
    """
    torsions = telling_torsions(graph)
    lag = frame_spacing_ps * max(1, round(LAG_PS / frame_spacing_ps))
    frames = [np.asarray(run) for run in runs]
    long = [run for run in frames if len(run) > 3 * lag / frame_spacing_ps]
    if not torsions or not long:
        return None
    features = [torsion_features(torsions)(run) for run in long]
    try:
        model = tica(features, frame_spacing_ps=frame_spacing_ps, lag_time_ps=lag)
        return mixing([model.project(values, 1)[:, 0] for values in features])
    except DataError:  # nothing turns
        return None


def telling_torsions(graph: MolecularGraph) -> list[Torsion]:
    """Torsions but those about the bond of a symmetric rotor: CH₃, NH₂, tert-butyl, ...

    Its turns exchange equal atoms only, which is slow and of no consequence.
    """
    ranks = canonical_ranks(graph)

    def symmetric(end: int, other: int) -> bool:
        outer = ranks[[k for k in graph.neighbours[end] if k != other]]
        return len(outer) > 1 and len(set(outer.tolist())) == 1

    return [
        torsion
        for torsion in proper_torsions(graph.atomic_numbers, graph.bonds)
        if not (
            symmetric(torsion.atoms[1], torsion.atoms[2])
            or symmetric(torsion.atoms[2], torsion.atoms[1])
        )
    ]
