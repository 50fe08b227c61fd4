"""Sampling and analysis together: a model's figures beside those of the MD it stands for.

Sampling can be interrupted: `SampleStore` keeps what is done. First proposals are counted before
any retry.
"""

from ase_tito.evaluation.kinetics import CosineAgreement, cosine_agreement
from ase_tito.evaluation.markdown import markdown_table
from ase_tito.evaluation.reference import Reference
from ase_tito.evaluation.samples import Samples, joined, sample_chain, sample_jumps
from ase_tito.evaluation.store import SampleStore
from ase_tito.evaluation.thermodynamics import (
    Population,
    Spread,
    TorsionAgreement,
    population,
    spread,
    torsion_agreement,
)

__all__ = [
    "CosineAgreement",
    "Population",
    "Reference",
    "SampleStore",
    "Samples",
    "Spread",
    "TorsionAgreement",
    "cosine_agreement",
    "joined",
    "markdown_table",
    "population",
    "sample_chain",
    "sample_jumps",
    "spread",
    "torsion_agreement",
]
