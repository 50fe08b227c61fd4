"""Evaluating a model on many molecules, in a directory where nothing that is done is lost."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ase_tito import __version__
from ase_tito.atomic import write_atomically
from ase_tito.errors import DataError, OutputError, TITOError
from ase_tito.evaluation.local import EnergyFunction
from ase_tito.evaluation.molecule import evaluate_molecule
from ase_tito.evaluation.references import MoleculeReference, ReferenceSet
from ase_tito.evaluation.result import MoleculeResult
from ase_tito.evaluation.sampled import starting_frames
from ase_tito.evaluation.settings import EvaluationSettings, SamplingPlan
from ase_tito.evaluation.store import SampleStore
from ase_tito.lock import OutputLock
from ase_tito.transfer.implicit import ImplicitTransferOperator

LAYOUT = 5
"""Version of the figures: results of another are computed anew, from the samples that are there."""

Progress = Callable[[str, str, float], object]
"""Name of the molecule, of a step, and the share of it that is done."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What came out, molecule by molecule.

    Attributes
    ----------
    model : str
    dataset : str
        What the molecules are, for people.
    settings : EvaluationSettings
    results : tuple of MoleculeResult
    failures : dict of str to str
        Name of each molecule that could not be evaluated, and why.
    """

    model: str
    dataset: str
    settings: EvaluationSettings
    results: tuple[MoleculeResult, ...]
    failures: dict[str, str]


def evaluate(
    operator: ImplicitTransferOperator,
    references: ReferenceSet,
    output: str | os.PathLike[str],
    settings: EvaluationSettings | None = None,
    *,
    model: str,
    digest: str,
    energy: Callable[[MoleculeReference], EnergyFunction | None] = lambda _: None,
    again: bool = False,
    progress: Progress = lambda *_: None,
) -> Evaluation:
    """Evaluate a model on molecules, one after another.

    What is done is kept in the output directory: samples as they are made, figures molecule by
    molecule. A call that was killed at whatever moment goes on where it was, and ends with the
    same figures.

    Parameters
    ----------
    operator : ImplicitTransferOperator
    references : ReferenceSet
    output : path
        A directory, made if it is not there.
    settings : EvaluationSettings, optional
    model : str
        Its name, for people.
    digest : str
        What tells it from any other model: samples are kept by it.
    energy : callable
        The energy function of a molecule, or None.
    again : bool
        Compute figures anew from the samples that are there.
    progress : callable
        Called with a molecule's name, a step, and the share of the step that is done; the step
        is ``'done'`` when the molecule is.

    Raises
    ------
    OutputError
        If the output cannot be written, another process is writing it, or a file in it is damaged.
    DataError
        If not one molecule could be evaluated.
    """
    settings = settings or EvaluationSettings()
    if settings.lag_time_ps is not None:
        operator.domain.check_lag(settings.lag_time_ps)
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write to {output}: {error.strerror or error}") from error
    results, failures = [], {}
    with OutputLock(folder / "evaluation.json"):
        for name in references.names:
            try:
                results.append(
                    _evaluated(
                        operator,
                        references,
                        name,
                        folder,
                        settings,
                        digest,
                        energy,
                        again,
                        progress,
                    )
                )
            except OutputError:  # a full disk, or a damaged file: not the molecule's fault
                raise
            # Whatever is wrong with one molecule is no reason to lose the others.
            except Exception as error:
                own = isinstance(error, TITOError)
                failures[name] = f"{'' if own else type(error).__name__ + ': '}{error}"
            progress(name, "done", 1.0)
    if not results:
        name, reason = next(iter(failures.items()))
        raise DataError(
            f"not one of {len(failures)} molecules could be evaluated; {name}: {reason}"
        )
    return Evaluation(model, references.description, settings, tuple(results), failures)


def _evaluated(
    operator: ImplicitTransferOperator,
    references: ReferenceSet,
    name: str,
    folder: Path,
    settings: EvaluationSettings,
    digest: str,
    energy: Callable[[MoleculeReference], EnergyFunction | None],
    again: bool,
    progress: Progress,
) -> MoleculeResult:
    progress(name, "reading", 0.0)
    reference = references.load(name)
    sources = {
        id(source): source for source in (reference.equilibrium, reference.dynamics) if source
    }
    plan = settings.plan(
        reference.equilibrium.graph, [source.frame_spacing_ps for source in sources.values()]
    )
    function = energy(reference)
    store = SampleStore(
        folder / "molecules" / name, _sampling_key(operator, reference, plan, settings, digest)
    )
    contents = hashlib.sha256()
    for source in sources.values():
        for run in source.runs:
            contents.update(run.positions.tobytes())
    key = {
        "layout": LAYOUT,
        "package_version": __version__,
        "samples": store.path.name,
        "plan": asdict(plan),
        "settings": settings.to_dict(),
        "md": contents.hexdigest(),
        "energy": None if function is None else function.label,
    }
    path = store.path / f"result-{_digest(key)[:12]}.json"
    if path.exists() and not again:
        return read_result(path)
    result = evaluate_molecule(
        operator,
        reference,
        plan,
        settings,
        store,
        energy=function,
        progress=lambda step, share: progress(name, step, share),
    )
    write_atomically(path, f"{json.dumps(result.to_dict(), allow_nan=False)}\n".encode())
    return result


def read_result(path: Path) -> MoleculeResult:
    """A molecule's result from its file.

    Raises
    ------
    OutputError
        If the file is damaged.
    """
    try:
        return MoleculeResult.from_dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, OutputError) as error:
        raise OutputError(f"{path} is damaged ({error}); delete it") from error


def _sampling_key(
    operator: ImplicitTransferOperator,
    reference: MoleculeReference,
    plan: SamplingPlan,
    settings: EvaluationSettings,
    digest: str,
) -> Mapping[str, Any]:
    """All that samples depend on. The number of jumps is not: more jumps go on from fewer."""
    nested, single = starting_frames(reference, plan)
    starts = hashlib.sha256(reference.equilibrium.frames[nested].tobytes())
    starts.update((reference.dynamics or reference.equilibrium).frames[single].tobytes())
    graph = reference.equilibrium.graph
    return {
        "model": digest,
        "molecule": [
            array.tolist()
            for array in (graph.atomic_numbers, graph.bonds, graph.tetrahedral, graph.double_bonds)
        ],
        "starts": starts.hexdigest(),
        "lag_time_ps": plan.lag_time_ps,
        "temperature_K": reference.equilibrium.temperature_K,
        "ode": (settings.ode or operator.ode).to_dict(),
        "seed": settings.seed,
    }


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
