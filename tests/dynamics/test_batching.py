from pathlib import Path

import numpy as np
import pytest
import torch

from ase_tito import load_model
from ase_tito.dynamics.batching import fastest_batch_size, on_threads
from ase_tito.dynamics.ensemble import TITOEnsemble
from ase_tito.structure import graph_from_atoms, read_structure

STRUCTURE = Path(__file__).parents[2] / "examples" / "data" / "alanine-dipeptide.pdb"


def test_batches_shrink_with_the_square_of_the_molecule():
    sizes = [fastest_batch_size(n) for n in (1, 10, 22, 200, 100_000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[1] == pytest.approx(4 * fastest_batch_size(20), rel=0.05)
    assert sizes[-1] == 1


def test_threads_are_lent():
    before = torch.get_num_threads()
    with on_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    with on_threads(None):
        assert torch.get_num_threads() == before
    with pytest.raises(KeyError), on_threads(before + 2):
        raise KeyError
    assert torch.get_num_threads() == before


def test_a_replica_of_the_shipped_model_alone_and_in_a_batch():
    """Single precision and another cut leave a jump the same to a thousandth of an Å."""
    (atoms,), bonds = read_structure(STRUCTURE)
    operator, graph = load_model("alanine-dipeptide"), graph_from_atoms(atoms, bonds)
    together = TITOEnsemble(operator, graph, atoms.positions, 100.0, seed=3, replicas=5)
    alone = TITOEnsemble(operator, graph, atoms.positions, 100.0, seed=3, replicas=[4])
    together.step()
    alone.step()
    assert np.abs(together.positions(4) - alone.positions(0)).max() < 1e-3
