"""Sampling and analysis together: a model's figures beside those of the MD it stands for.

`evaluate` judges a model on many molecules. Sampling can be interrupted: `SampleStore` keeps what
is done. First proposals are counted before any retry.
"""

from ase_tito.evaluation.bounds import Bound, Verdict, judge, parse_bound
from ase_tito.evaluation.campaign import Evaluation, evaluate
from ase_tito.evaluation.catalogue import CATALOGUE, PAPER, PROTOCOLS, FigureInfo
from ase_tito.evaluation.kinetics import CosineAgreement, cosine_agreement
from ase_tito.evaluation.local import EnergyFunction
from ase_tito.evaluation.markdown import markdown_table
from ase_tito.evaluation.molecule import evaluate_molecule
from ase_tito.evaluation.read import read_evaluation
from ase_tito.evaluation.reference import Reference
from ase_tito.evaluation.references import (
    MoleculeReference,
    ReferenceSet,
    open_references,
    reference_of_record,
)
from ase_tito.evaluation.result import Figure, MoleculeResult, Timescales
from ase_tito.evaluation.samples import Samples, joined, sample_chain, sample_jumps
from ase_tito.evaluation.settings import (
    PRESETS,
    EvaluationSettings,
    SamplingPlan,
    parse_ode,
)
from ase_tito.evaluation.store import SampleStore
from ase_tito.evaluation.summary import Summary, summarize
from ase_tito.evaluation.tables import summary_rows
from ase_tito.evaluation.thermodynamics import (
    Population,
    Spread,
    TorsionAgreement,
    population,
    spread,
    torsion_agreement,
)
from ase_tito.evaluation.write import WrittenEvaluation, write_evaluation

__all__ = [
    "CATALOGUE",
    "PAPER",
    "PRESETS",
    "PROTOCOLS",
    "Bound",
    "CosineAgreement",
    "EnergyFunction",
    "Evaluation",
    "EvaluationSettings",
    "Figure",
    "FigureInfo",
    "MoleculeReference",
    "MoleculeResult",
    "Population",
    "Reference",
    "ReferenceSet",
    "SampleStore",
    "Samples",
    "SamplingPlan",
    "Spread",
    "Summary",
    "Timescales",
    "TorsionAgreement",
    "Verdict",
    "WrittenEvaluation",
    "cosine_agreement",
    "evaluate",
    "evaluate_molecule",
    "joined",
    "judge",
    "markdown_table",
    "open_references",
    "parse_bound",
    "parse_ode",
    "population",
    "read_evaluation",
    "reference_of_record",
    "sample_chain",
    "sample_jumps",
    "spread",
    "summarize",
    "summary_rows",
    "torsion_agreement",
    "write_evaluation",
]
