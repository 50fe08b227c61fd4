"""Is a molecule a peptide? Read from its bond graph."""

from __future__ import annotations

import numpy as np

from ase_tito.graph import MolecularGraph

_CARBON, _NITROGEN, _OXYGEN = 6, 7, 8


def is_peptide(graph: MolecularGraph) -> bool:
    """Whether there is an amino-acid residue, N-Cα-C(=O), whose nitrogen is that of an amide.

    True of any chain of two residues, and of one residue behind a cap such as acetyl; false of a
    lone amino acid.
    """
    bonded = np.zeros((graph.n_atoms, graph.n_atoms), bool)
    bonded[tuple(graph.bonds.T)] = True
    bonded |= bonded.T
    numbers, degree = graph.atomic_numbers, bonded.sum(1)
    keto = (numbers == _OXYGEN) & (degree == 1)
    carbonyl = (numbers == _CARBON) & (degree == 3) & bonded[:, keto].any(1)
    amide = (numbers == _NITROGEN) & bonded[:, carbonyl].any(1)
    alpha = (numbers == _CARBON) & (degree == 4) & bonded[:, carbonyl].any(1)
    return bool((alpha & bonded[:, amide].any(1)).any())
