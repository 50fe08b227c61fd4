r"""Which chemistry a model may be trusted with: an evaluation, by functional group.

    python examples/paper/chemistry.py molecules evaluation/ examples/data/molecules.toml \
        --output docs/_static/chemistry.md

Of each functional group it says how many molecules the model was trained on, and the median and
the worst figures of the test molecules that have it, naming the worst; and then of the worst
molecules of all, what is wrong. The campaign (.toml) is where the SMILES of the molecules are. A
molecule with several groups counts in each.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rdkit import Chem

from ase_tito.atomic import write_atomically
from ase_tito.checkpoint import read_checkpoint
from ase_tito.errors import DataError, TITOError
from ase_tito.evaluation import MoleculeResult, markdown_table, read_evaluation
from ase_tito.md.config import read_plan
from ase_tito.models import find_checkpoint

GROUPS = {
    "alcohol": "[CX4][OX2H]",
    "ether": "[CX4][OX2][CX4]",
    "aldehyde": "[CX3H1](=O)[#6]",
    "ketone": "[#6][CX3](=O)[#6]",
    "carboxylic acid": "C(=O)[OX2H]",
    "ester": "C(=O)[OX2][#6]",
    "amide": "C(=O)[NX3]",
    "amine": "[NX3;!$(NC=[O,N]);!$(N[!#6;!#1])][#6]",
    "imine, oxime": "[CX3]=[NX2]",
    "nitrile": "C#N",
    "alkyne": "C#C",
    "alkene": "C=C",
    "conjugated": "[C,N]=,#[C,N]-[C,N]=,#[C,N,O]",
}
"""SMARTS of the groups; a molecule without any is under the last row."""

NONE = "none of these"


@dataclass(frozen=True)
class Column:
    """A figure, what is aimed at, and what it means to miss that.

    Attributes
    ----------
    title, key, part : str
        Of the table; of the result; of the figure.
    aim : float
        At most so large a magnitude.
    digits : int
    wrong : str
        With the value and the aim to fill in.
    needs_mixing : bool
        Whether it means nothing where the MD does not mix.
    """

    title: str
    key: str
    part: str
    aim: float
    digits: int
    wrong: str
    needs_mixing: bool = True

    def value(self, result: MoleculeResult) -> float:
        """Of a molecule; nan where there is none, or the MD cannot tell."""
        mixing = result.reference["equilibrium_mixing"] or {}
        if self.key not in result.figures or (self.needs_mixing and not mixing.get("mixes")):
            return np.nan
        return float(getattr(result.figures[self.key], self.part))


COLUMNS = (
    Column(
        "populations: JSD excess",
        "nested.jsd",
        "excess",
        0.02,
        3,
        "populations of conformers (JSD excess {value:.3f}, aimed at {aim:g})",
    ),
    Column(
        "rates: timescale error",
        "nested.timescale_error",
        "value",
        0.19,
        2,
        "rates of slow torsions (relative error {value:.2f}, aimed at {aim:g})",
    ),
    Column(
        "energy, kJ/mol per 10 atoms",
        "nested.energy_shift_per_10_atoms_kJ_mol",
        "value",
        1.0,
        1,
        "energies ({value:+.1f} kJ/mol per ten atoms, aimed at {aim:g})",
        needs_mixing=False,
    ),
    Column(
        "invalid proposals, %",
        "nested.valid_share",
        "value",
        1.0,
        2,
        "broken samples ({value:.1f} % of proposals, aimed at {aim:g} %)",
        needs_mixing=False,
    ),
)


def figure_of(column: Column, result: MoleculeResult) -> float:
    """A column's figure of a molecule, such that small is good."""
    value = column.value(result)
    return 100 * (1 - value) if column.key.endswith("valid_share") else value


def groups_of(smiles: str) -> list[str]:
    """Names of the functional groups of a molecule, or `NONE`.

    Raises
    ------
    DataError
        For what is no SMILES.
    """
    molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or not molecule.GetNumAtoms():
        raise DataError(f"{smiles!r} is no SMILES")
    found = [
        name
        for name, pattern in GROUPS.items()
        if molecule.HasSubstructMatch(Chem.MolFromSmarts(pattern))
    ]
    return found or [NONE]


def table(results: Sequence[MoleculeResult], trained: Sequence[str]) -> str:
    """A row for each group: median, and worst with the molecule that has it."""
    of_test = [groups_of(result.smiles) for result in results]
    of_training = [groups_of(smiles) for smiles in trained]
    rows = []
    for group in (*GROUPS, NONE):
        having = [r for r, groups in zip(results, of_test, strict=True) if group in groups]
        count = sum(group in groups for groups in of_training)
        if having or count:
            cells = [cell(column, having) for column in COLUMNS]
            rows.append((group, str(count), str(len(having)), *cells))
    header = ("group", "trained on", "tested", *(column.title for column in COLUMNS))
    return markdown_table(header, rows)


def cell(column: Column, results: Sequence[MoleculeResult]) -> str:
    """Median, worst and whose that is, of the molecules for which there is a figure."""
    values = [(figure_of(column, result), result.smiles) for result in results]
    known = [(value, smiles) for value, smiles in values if not np.isnan(value)]
    if not known:
        return "not known"
    median = np.median([value for value, _ in known])
    worst, smiles = max(known, key=lambda pair: abs(pair[0]))
    digits = column.digits
    if len(known) == 1:
        return f"{worst:.{digits}f} (`{smiles}`)"
    return f"{median:.{digits}f}; worst {worst:.{digits}f} (`{smiles}`)"


def worst(results: Sequence[MoleculeResult], count: int) -> list[str]:
    """The molecules that miss an aim by the largest factor, and all that is wrong with each."""
    found = []
    for result in results:
        missed = []
        for column in COLUMNS:
            value = figure_of(column, result)
            if abs(value) > column.aim:
                text = column.wrong.format(value=value, aim=column.aim)
                missed.append((abs(value) / column.aim, text))
        if missed:
            missed.sort(reverse=True)
            said = "; ".join(text for _, text in missed)
            found.append((missed[0][0], f"- `{result.smiles}` ({result.name}): {said}."))
    found.sort(reverse=True)
    return [line for _, line in found[:count]]


def page(
    results: Sequence[MoleculeResult], trained: Sequence[str], described: str, count: int
) -> str:
    """What the docs include."""
    unjudged = [f"`{result.smiles}`" for result in results if np.isnan(COLUMNS[0].value(result))]
    lines = [
        f"{described} Each cell is the median over the tested molecules that have the group, and"
        " the worst of them.\n",
        table(results, trained),
        "### Worst cases\n",
        *worst(results, count),
    ]
    if unjudged:
        lines.append(
            "\nOf these the reference does not mix, so that nobody knows how good populations and"
            f" rates are: {', '.join(unjudged)}."
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", help="a model's name or file")
    parser.add_argument("evaluation", type=Path, help="output of ase-tito evaluate")
    parser.add_argument("campaign", type=Path, help="of ase-tito generate (.toml)")
    parser.add_argument("--worst", type=int, default=10, help="molecules to name (default: 10)")
    parser.add_argument("--output", type=Path, default=Path("chemistry.md"))
    arguments = parser.parse_args()
    try:
        evaluation = read_evaluation(arguments.evaluation)
        header, _ = read_checkpoint(find_checkpoint(arguments.checkpoint))
        smiles = {one.name: one.smiles for one in read_plan(arguments.campaign).molecules}
        names = header.training["molecules"]
        trained = [smiles[name] for name in names if name in smiles]
        unknown = len(names) - len(trained)
        described = (
            f"Model `{header.name}`, trained on {len(names)} molecules"
            + (f" ({unknown} of other campaigns are not counted below)" if unknown else "")
            + f", judged by nested jumps on {len(evaluation.results)} others."
        )
        text = page(evaluation.results, trained, described, arguments.worst)
    except TITOError as error:
        parser.error(str(error))
    write_atomically(arguments.output, text.encode())
    print(text)


if __name__ == "__main__":
    main()
