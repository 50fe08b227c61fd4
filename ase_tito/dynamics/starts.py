"""Starts that are no geometry of the molecular graph, such as another stereoisomer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from ase import Atoms

from ase_tito.dynamics.jump import judgement
from ase_tito.errors import warn
from ase_tito.graph import GraphBatch, MolecularGraph
from ase_tito.validity import check


def start_reasons(graph: MolecularGraph, frames: Sequence[Atoms]) -> list[str]:
    """What is wrong with each frame as a geometry of the graph; empty where nothing is."""
    batch = GraphBatch.from_graphs([graph])
    found = (check(batch, torch.from_numpy(atoms.positions)[None]) for atoms in frames)
    return [judgement(validity)[1][0] for validity in found]


def warn_of_starts(names: Sequence[str], reasons: Sequence[str]) -> None:
    """Warn, once for all, of starts that are no valid geometry.

    Each jump leads to a geometry of the graph: of another stereoisomer, or of atoms in another
    order, nothing is left after the first.

    Parameters
    ----------
    names : sequence of str
        Of the starts, such as ``'replica 0'``.
    reasons : sequence of str
        What is wrong with each; empty where nothing is.
    """
    wrong = [k for k, reason in enumerate(reasons) if reason]
    if wrong:
        others = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        warn(
            f"{names[wrong[0]]}{others} starts from no valid geometry of its molecule: "
            f"{reasons[wrong[0]]}; jumps lead to the bonds and stereochemistry of the molecular "
            "graph, by default those of the first start"
        )
