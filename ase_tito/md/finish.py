"""From blocks on disk to one dataset file, at the end of a campaign or in its middle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ase_tito.analysis.mixing import Mixing
from ase_tito.data.records import MoleculeRecord, Run
from ase_tito.data.writer import DatasetWriter
from ase_tito.errors import DataError, TITOError
from ase_tito.md.manifest import read_manifest, update_manifest, versions
from ase_tito.md.mixing import run_mixing
from ase_tito.md.molecule import load_molecule
from ase_tito.md.plan import CampaignPlan, MoleculePlan
from ase_tito.md.run import RunData, read_run
from ase_tito.md.task import MOLECULE, failure, molecule_folder, run_folder

DATASET = "dataset.h5"


@dataclass(frozen=True)
class MoleculeSummary:
    """What there is of one molecule.

    Attributes
    ----------
    name : str
    simulated_ns : float
    runs : int
    mixing : Mixing or None
    left_out : str
        Why it is not in the data set; '' if it is.
    """

    name: str
    simulated_ns: float
    runs: int
    mixing: Mixing | None = None
    left_out: str = ""


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
    force_fields = sorted({molecule.force_field for molecule in plan.molecules})
    attributes = {
        "description": plan.description,
        "force_field": "; ".join(force_fields),
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
            raise DataError(f"{output}: there are no frames yet")
        for split, names in plan.splits.items():
            writer.set_split(split, [name for name in names if name in written])
    fresh.replace(path)
    manifest = read_manifest(output).get("molecules", {})
    found = {
        summary.name: {
            **manifest.get(summary.name, {}),
            "simulated_ns": summary.simulated_ns,
            "runs": summary.runs,
            "mixing": asdict(summary.mixing) if summary.mixing else None,
            "left_out": summary.left_out,
        }
        for summary in summaries
    }
    update_manifest(output, {"molecules": {**manifest, **found}})
    return summaries


def _add(writer: DatasetWriter, plan: MoleculePlan, output: Path) -> MoleculeSummary:
    """Add one molecule to the file, or say why it is left out."""
    folder = molecule_folder(output, plan)
    reason = failure(folder)
    if reason:
        return MoleculeSummary(plan.name, 0.0, 0, left_out=reason)
    if not (folder / MOLECULE).exists():
        return MoleculeSummary(plan.name, 0.0, 0, left_out="not begun")
    try:
        molecule = load_molecule(folder / MOLECULE)
        found = {
            k: data
            for k in range(len(molecule.starts))
            if (data := read_run(run_folder(folder, k))) is not None
        }
        if not found:
            return MoleculeSummary(plan.name, 0.0, 0, left_out="not begun")
        spacing = plan.settings.frame_spacing_ps
        mixed = run_mixing([data.positions for data in found.values()], molecule.graph, spacing)
        writer.add(
            MoleculeRecord(
                plan.name,
                molecule.graph,
                tuple(_run(plan, k, data) for k, data in found.items()),
                molecule.smiles,
                plan.force_field,
                {
                    "charge": molecule.charge,
                    "time_step_fs": plan.settings.time_step_fs,
                    "friction_per_ps": plan.settings.friction_per_ps,
                    "hydrogen_mass_amu": plan.settings.hydrogen_mass_amu,
                    "mixing": asdict(mixed) if mixed else None,
                },
            )
        )
    except TITOError as error:
        return MoleculeSummary(plan.name, 0.0, 0, left_out=" ".join(str(error).split()))
    time = sum(len(data.positions) for data in found.values()) * spacing / 1000
    return MoleculeSummary(plan.name, time, len(found), mixed)


def _run(plan: MoleculePlan, number: int, data: RunData) -> Run:
    counts: dict[str, Any] = {
        key: value.mean(0).tolist() if key.endswith("_K") else value.sum(0).tolist()
        for key, value in data.counts.items()
    }
    return Run(
        f"run-{number}",
        data.positions,
        plan.settings.frame_spacing_ps,
        plan.settings.temperature_K,
        data.energies,
        True,
        {"start": number, **counts},
    )
