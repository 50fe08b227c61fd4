"""Names of molecules that are names of files and HDF5 groups too."""

from __future__ import annotations

_LETTERS = str.maketrans("()=#@[]/\\+-.%:", "lrdtaijuwpmxkz")


def name_of_smiles(smiles: str) -> str:
    """A SMILES with letters in place of what file names do not take: ``CClCrdO`` of ``CC(C)=O``."""
    return smiles.translate(_LETTERS)
