"""From blocks on disk to one dataset file, at the end of a campaign or in its middle."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ase_tito.analysis.mixing import Mixing
from ase_tito.data.records import MoleculeRecord, Run
from ase_tito.data.writer import DatasetWriter
from ase_tito.errors import DataError, TITOError
from ase_tito.md.build import MOLECULE
from ase_tito.md.manifest import read_manifest, update_manifest, versions
from ase_tito.md.mixing import run_mixing
from ase_tito.md.molecule import BuiltMolecule, load_molecule
from ase_tito.md.plan import CampaignPlan, MoleculePlan
from ase_tito.md.run import RunData, read_run
from ase_tito.md.task import failure, molecule_folder, run_name

DATASET = "dataset.h5"
NOT_BEGUN = "not begun"


@dataclass(frozen=True)
class MoleculeSummary:
    """What there is of one molecule.

    Attributes
    ----------
    name : str
    simulated_ns : float
        Stored, over all runs.
    runs : int
    mixing : Mixing or None
        Of the independent runs.
    exchange_mixing : Mixing or None
        Of replica exchange, at the lowest temperature.
    left_out : str
        Why it is not in the data set; '' if it is.
    """

    name: str
    simulated_ns: float = 0.0
    runs: int = 0
    mixing: Mixing | None = None
    exchange_mixing: Mixing | None = None
    left_out: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def finish(
    plan: CampaignPlan, output: Path, *, step: Callable[[], None] = lambda: None
) -> list[MoleculeSummary]:
    """Write all frames that are there into ``dataset.h5``, replacing an older one.

    A campaign that is running is not disturbed. Molecules that are not begun, or left out, are in
    no split.

    Parameters
    ----------
    plan : CampaignPlan
    output : Path
        Of the campaign.
    step : callable
        Called after every molecule.

    Raises
    ------
    DataError
        If there are no frames at all.
    """
    path = output / DATASET
    fresh = path.with_name("new-" + path.name)
    fresh.unlink(missing_ok=True)
    attributes = {
        "description": plan.description,
        "force_field": "; ".join(sorted({molecule.force_field for molecule in plan.molecules})),
        "seed": plan.seed,
        "versions": versions(),
    }
    summaries = []
    with DatasetWriter(fresh, attributes) as writer:
        for molecule in plan.molecules:
            summaries.append(_add(writer, molecule, output))
            step()
        written = {summary.name for summary in summaries if not summary.left_out}
        if not written:
            reasons = {summary.left_out for summary in summaries} - {NOT_BEGUN}
            raise DataError(f"{output}: there are no frames; {'; '.join(reasons) or NOT_BEGUN}")
        for split, names in plan.splits.items():
            writer.set_split(split, [name for name in names if name in written])
    fresh.replace(path)
    known = read_manifest(output).get("molecules", {})
    found = {s.name: {**known.get(s.name, {}), **s.to_dict()} for s in summaries}
    update_manifest(output, {"molecules": {**known, **found}})
    return summaries


def _add(writer: DatasetWriter, plan: MoleculePlan, output: Path) -> MoleculeSummary:
    """Add one molecule to the file, or say why it is left out."""
    folder = molecule_folder(output, plan)
    reason = failure(folder)
    if reason:
        return MoleculeSummary(plan.name, left_out=reason)
    try:
        if not (folder / MOLECULE).exists():
            return MoleculeSummary(plan.name, left_out=NOT_BEGUN)
        molecule = load_molecule(folder / MOLECULE)
        runs = dict(_stored(folder, range(len(molecule.starts))))
        exchange = dict(_stored(folder, [None] if plan.exchange is not None else []))
        if not runs and not exchange:
            return MoleculeSummary(plan.name, left_out=NOT_BEGUN)
        summary = MoleculeSummary(
            plan.name,
            sum(len(data.positions) for data in (*runs.values(), *exchange.values()))
            * plan.settings.frame_spacing_ps
            / 1000,
            len(runs) + len(exchange),
            _mixing(plan, molecule, runs.values()),
            _mixing(plan, molecule, exchange.values()),
        )
        writer.add(
            MoleculeRecord(
                plan.name,
                molecule.graph,
                tuple(_run(plan, k, data) for k, data in {**runs, **exchange}.items()),
                molecule.smiles,
                plan.force_field,
                {
                    "charge": molecule.charge,
                    "time_step_fs": plan.settings.time_step_fs,
                    "friction_per_ps": plan.settings.friction_per_ps,
                    "hydrogen_mass_amu": plan.settings.hydrogen_mass_amu,
                    "mixing": summary.to_dict()["mixing"],
                    "exchange_mixing": summary.to_dict()["exchange_mixing"],
                },
            )
        )
    except TITOError as error:
        return MoleculeSummary(plan.name, left_out=" ".join(str(error).split()))
    return summary


def _stored(folder: Path, runs: Iterable[int | None]) -> Iterable[tuple[int | None, RunData]]:
    for run in runs:
        data = read_run(folder / run_name(run))
        if data is not None:
            yield run, data


def _mixing(plan: MoleculePlan, molecule: BuiltMolecule, runs: Iterable[RunData]) -> Mixing | None:
    positions = [data.positions for data in runs]
    return run_mixing(positions, molecule.graph, plan.settings.frame_spacing_ps)


def _run(plan: MoleculePlan, number: int | None, data: RunData) -> Run:
    attributes: dict[str, Any] = {
        key: (values.mean(0) if key.endswith("_K") else values.sum(0)).tolist()
        for key, values in data.counts.items()
    }
    if number is not None:
        attributes["start"] = number
    return Run(
        run_name(number),
        data.positions,
        plan.settings.frame_spacing_ps,
        plan.settings.temperature_K,
        data.energies,
        number is not None,
        attributes,
    )
